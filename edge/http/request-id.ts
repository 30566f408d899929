/** Gives each request an id that its answer, its errors and the log share. */
import type { MiddlewareHandler } from "hono";
import type { AppEnv } from "./context.ts";

/** A caller's own id is kept where it is harmless in a log line and a header. */
const HARMLESS_ID = /^[A-Za-z0-9._-]{8,128}$/;

/** Sets `requestId`, and `x-request-id` on every answer: errors, preflights and upgrades included. */
export function requestId(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const given = c.req.header("x-request-id");
    const id = given !== undefined && HARMLESS_ID.test(given) ? given : crypto.randomUUID();
    c.set("requestId", id);
    await next();
    c.header("x-request-id", id);
  };
}
