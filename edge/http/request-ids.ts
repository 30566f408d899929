/** What the log lines of one request have in common. */
import type { Context } from "hono";
import type { AppEnv } from "./context.ts";

/** A type and not an interface: those are no records of fields to the compiler. */
export type RequestIds = { readonly requestId: string; readonly traceId: string };

export function requestIdsOf(c: Context<AppEnv>): RequestIds {
  return { requestId: c.get("requestId"), traceId: c.get("traceId") };
}
