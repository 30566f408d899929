/** Answering a request whose body is still on its way: a refusal, or a replayed answer. */
import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "./context.ts";

/** What a client may still send after its answer is decided; beyond that the connection is cut. */
const MAX_DRAINED_BYTES = 100_000_000;

/** A client that sends nothing for so long waits for its answer before it goes on. */
const MAX_SILENCE_MS = 1000;

/**
 * Reads what nobody has read of the body before the answer goes out. The runtime closes a connection whose body was not
 * read, and clients then often report the broken pipe (Node's fetch: EPIPE) and never see the answer.
 */
export function drainUnread(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    await next();
    const { body } = c.req.raw;
    if (body === null || body.locked || awaitsPermission(c.req.raw)) return;
    await drain(body.getReader());
  };
}

/** Reading would give a client that asks first the permission to send (RFC 9110 section 10.1.1). */
function awaitsPermission(request: Request): boolean {
  return !request.bodyUsed && request.headers.get("expect")?.toLowerCase() === "100-continue";
}

async function drain(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<void> {
  let seen = 0;
  try {
    while (seen <= MAX_DRAINED_BYTES) {
      const next = await Promise.race([reader.read(), scheduler.wait(MAX_SILENCE_MS)]);
      if (next === undefined || next.done) return;
      seen += next.value.byteLength;
    }
  } catch {
    // The client is gone: there is nobody to answer.
  }
}
