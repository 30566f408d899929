/**
 * Browsers of any origin may call with a key. `*` without credentials shows no other origin an answer that the
 * session's cookie earned: a browser hands a script no answer to `*` when the request carried credentials.
 */
import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "./context.ts";

const ALLOWED_METHODS = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/** What a script may read beyond the safelisted headers (Fetch standard, "CORS-safelisted response-header name"). */
const EXPOSED_HEADERS = [
  "ETag",
  "Location",
  "x-request-id",
  "Retry-After",
  "Idempotency-Replayed",
  "Content-Range",
  "Accept-Ranges",
  "Content-Disposition",
  "Tus-Resumable",
  "Tus-Version",
  "Tus-Extension",
  "Tus-Max-Size",
  "Upload-Offset",
  "Upload-Length",
  "Upload-Expires",
  "Upload-Metadata",
].join(", ");

/** Browsers cap it: Chromium at two hours. */
const PREFLIGHT_MAX_AGE_SECONDS = 7200;

/** Answers preflights, which carry no key, and marks every other answer as readable. */
export function cors(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const isPreflight =
      c.req.method === "OPTIONS" && c.req.header("access-control-request-method") !== undefined;
    if (isPreflight) {
      return new Response(null, {
        status: 204,
        headers: {
          "access-control-allow-origin": "*",
          "access-control-allow-methods": ALLOWED_METHODS,
          // A wildcard would not cover Authorization, so the asked-for names are named.
          "access-control-allow-headers": c.req.header("access-control-request-headers") ?? "*",
          "access-control-max-age": String(PREFLIGHT_MAX_AGE_SECONDS),
          vary: "access-control-request-headers",
        },
      });
    }
    await next();
    c.header("access-control-allow-origin", "*");
    c.header("access-control-expose-headers", EXPOSED_HEADERS);
    return undefined;
  };
}
