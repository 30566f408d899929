/** One JSON line for each thing worth knowing later, with the request and the trace that it belongs to. */
import type { Context } from "hono";
import type { AppEnv } from "./context.ts";

/** What the lines of one request have in common. */
export interface RequestIds {
  readonly requestId: string;
  /** Of the request's `traceparent`, or made for it: the jobs that it asks for, and their attempts, share it. */
  readonly traceId: string;
}

export interface LogFields {
  readonly requestId?: string | undefined;
  readonly traceId?: string | undefined;
  readonly jobId?: string | undefined;
}

export function requestIdsOf(c: Context<AppEnv>): RequestIds {
  return { requestId: c.get("requestId"), traceId: c.get("traceId") };
}

export function logInfo(event: string, fields: LogFields): void {
  console.log(JSON.stringify({ level: "info", event, ...fields }));
}

/** Something failed that is made good later. */
export function logWarning(event: string, fields: LogFields, error: unknown): void {
  console.warn(JSON.stringify({ level: "warn", event, ...fields, error: String(error) }));
}

/** Something that was not expected; with its stack. */
export function logError(event: string, fields: LogFields, error: unknown): void {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  console.error(JSON.stringify({ level: "error", event, ...fields, error: text }));
}
