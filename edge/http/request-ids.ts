/** The ids of one request, which its answer, its errors, its jobs and the log share. */
import type { Context, MiddlewareHandler } from "hono";
import { traceIdOf } from "../../protocol/trace.ts";
import { newTraceId } from "../ids.ts";
import type { AppEnv } from "./context.ts";

/** A caller's own id is kept where it is harmless in a log line and a header. */
const HARMLESS_ID = /^[A-Za-z0-9._-]{8,128}$/;

/**
 * Sets `requestId`, and `x-request-id` on every answer: errors, preflights and upgrades included. Sets `traceId`: that of
 * the request's `traceparent`, or a new one (W3C Trace Context, section 4.3, rule 1).
 */
export function giveRequestIds(): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const given = c.req.header("x-request-id");
    const id = given !== undefined && HARMLESS_ID.test(given) ? given : crypto.randomUUID();
    c.set("requestId", id);
    c.set("traceId", traceIdOf(c.req.header("traceparent")) ?? newTraceId());
    await next();
    c.header("x-request-id", id);
  };
}

/** A type and not an interface: those are no records of fields to the compiler. */
export type RequestIds = { readonly requestId: string; readonly traceId: string };

/** What the log lines of a request have in common. */
export function requestIdsOf(c: Context<AppEnv>): RequestIds {
  return { requestId: c.get("requestId"), traceId: c.get("traceId") };
}
