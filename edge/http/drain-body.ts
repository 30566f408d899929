/** Answering a request whose body is still on its way: a refusal, or a replayed answer. */
import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "./context.ts";

/** What a client may still send after its answer is decided; beyond that the connection is cut. */
const MAX_DRAINED_BYTES = 100_000_000;

/**
 * Reads what nobody has read of the body before the answer goes out. The runtime closes a connection whose body was not
 * read, and clients then often report the broken pipe (Node's fetch: EPIPE) and never see the answer.
 */
export function drainUnread(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    await next();
    const { body } = c.req.raw;
    if (body !== null && !body.locked) await drain(body);
  };
}

async function drain(body: ReadableStream<Uint8Array>): Promise<void> {
  let seen = 0;
  try {
    for await (const chunk of body) {
      seen += chunk.byteLength;
      if (seen > MAX_DRAINED_BYTES) return;
    }
  } catch {
    // The client is gone: there is nobody to answer.
  }
}
