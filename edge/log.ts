/** One JSON line for each thing worth knowing later. Never a token, a signed URL or a client's metadata. */
import { DrizzleQueryError } from "drizzle-orm/errors";

export interface LogFields {
  readonly requestId?: string | undefined;
  /** Of the request's `traceparent`, or made for it: the jobs that it asks for, and their attempts, share it. */
  readonly traceId?: string | undefined;
  readonly jobId?: string | undefined;
  readonly [field: string]: string | number | boolean | null | undefined;
}

export function logInfo(event: string, fields: LogFields = {}): void {
  console.log(JSON.stringify({ level: "info", event, ...fields }));
}

/** Something went wrong that is made good later, or lived with; `cause` is shown by its message only. */
export function logWarning(event: string, fields: LogFields, cause?: unknown): void {
  const error = cause === undefined ? {} : { error: describe(cause, false) };
  console.warn(JSON.stringify({ level: "warn", event, ...fields, ...error }));
}

/** Something that was not expected; with its stack. */
export function logError(event: string, fields: LogFields, cause: unknown): void {
  const error = describe(cause, true);
  console.error(JSON.stringify({ level: "error", event, ...fields, error }));
}

/** What was thrown, with anything that looks like a lease token or a query left out. */
function describe(cause: unknown, withStack: boolean): string {
  return textOf(cause, withStack)
    .replaceAll(/\/v1\/(leases|signed)\/[^\s"']+/g, "/v1/$1/[redacted]")
    .replaceAll(/\?[^\s"']+/g, "?[redacted]")
    .slice(0, withStack ? 4_000 : 1_000);
}

function textOf(thrown: unknown, withStack: boolean): string {
  const cause = withoutParameters(thrown);
  if (!(cause instanceof Error)) return String(cause);
  return (withStack ? cause.stack : undefined) ?? `${cause.name}: ${cause.message}`;
}

/** The message of drizzle's error is the whole query, a client's values included; its cause says what was wrong. */
function withoutParameters(thrown: unknown): unknown {
  return thrown instanceof DrizzleQueryError ? (thrown.cause ?? "a query failed") : thrown;
}
