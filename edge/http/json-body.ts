/** Reads JSON bodies once, with a cap, before any schema or hash looks at them. */
import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "./context.ts";
import { ApiError } from "./errors.ts";

/** The largest honest body is a `complete` of 10,000 parts, about 600 kB. */
const MAX_JSON_BYTES = 1_000_000;

const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i;

type CappedText =
  | { readonly status: "ok"; readonly text: string }
  | { readonly status: "too_large" }
  | { readonly status: "not_utf8" }
  | { readonly status: "cut_off" };

const refusals = {
  too_large: `The body must be at most ${MAX_JSON_BYTES} bytes.`,
  not_utf8: "The body is not valid JSON: it is not UTF-8.",
  cut_off: "The body ended before it was complete.",
} as const;

/** What it refuses stays readable: the rest is read before the answer goes out (`drain-body.ts`). */
async function readCapped(
  body: ReadableStream<Uint8Array> | null,
  maxBytes: number,
): Promise<CappedText> {
  if (body === null) return { status: "ok", text: "" };
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  const reader = body.getReader();
  let text = "";
  let total = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return { status: "ok", text: text + decoder.decode() };
      total += value.byteLength;
      if (total > maxBytes) return { status: "too_large" };
      text += decoder.decode(value, { stream: true });
    }
  } catch (error) {
    return { status: error instanceof TypeError ? "not_utf8" : "cut_off" };
  } finally {
    reader.releaseLock();
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ApiError("VALIDATION_ERROR", `The body is not valid JSON: ${reason}`);
  }
}

/**
 * Reads the body of a request that says it is JSON, refuses one that is too large or malformed, and puts
 * what it read in the body's place. Other bodies are not touched: uploads stream.
 */
export function jsonBody(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const type = c.req.header("content-type") ?? "";
    const method = c.req.method;
    if (method === "GET" || method === "HEAD" || !JSON_TYPE.test(type) || streams(c.req.path)) {
      return next();
    }
    const read = await readCapped(c.req.raw.body, MAX_JSON_BYTES);
    if (read.status !== "ok") throw new ApiError("VALIDATION_ERROR", refusals[read.status]);
    // Clients often say JSON and send nothing where a body is optional.
    const text = read.text.trim() === "" ? "{}" : read.text;
    parse(text);
    c.req.raw = new Request(c.req.raw.url, {
      method,
      headers: c.req.raw.headers,
      body: text,
      signal: c.req.raw.signal,
    });
    return next();
  };
}

/** Routes whose body is a file, whatever type the client gives it. */
export function streams(path: string): boolean {
  return /\/v1\/(?:uploads\/[^/]+\/parts\/|videos(?:\/upload)?\/?$|tus(?:\/|$))/.test(path);
}
