/**
 * Refuses a `Host` that names no host. The platform routes by it and lets no such request in; the embedded runtime makes
 * the request's URL out of whatever was sent, and answers link to that URL.
 */
import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "./context.ts";
import { ApiError } from "./errors.ts";

/** A name, an IPv4 address or an IPv6 literal, and a port: RFC 9110 section 7.2 without what no DNS name has. */
const HOST = /^(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]*)?$/i;

export function requireHost(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const host = c.req.header("host");
    if (host !== undefined && !HOST.test(host)) throw refusal();
    // What the pattern lets through, and no URL can have: `[::`, port 99999, 1.2.3.999.
    if (!URL.canParse(c.req.url)) throw refusal();
    return next();
  };
}

function refusal(): ApiError {
  return new ApiError(
    "VALIDATION_ERROR",
    "The header Host must be a host name and may have a port.",
  );
}
