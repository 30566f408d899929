/** Answers about an account are nobody's to keep: no cache stores one unless its route says so. */
import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "./context.ts";

export function noStore(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    await next();
    if (!c.res.headers.has("cache-control")) c.header("cache-control", "no-store");
  };
}
