/** One JSON line for each thing worth knowing later. Never a token, a signed URL or a client's metadata. */

export interface LogFields {
  /** Of the job: the request that asked for it and its attempts share it. */
  readonly traceId?: string | undefined;
  readonly jobId?: string | undefined;
  readonly taskId?: string | undefined;
  readonly epoch?: number | undefined;
  readonly workerId?: string | undefined;
  readonly requestId?: string | undefined;
  readonly [field: string]: string | number | boolean | null | undefined;
}

export function logInfo(event: string, fields: LogFields = {}): void {
  console.log(JSON.stringify({ level: "info", at: "pool", event, ...fields }));
}

/** Something went wrong that the pool will try again or lives with; `cause` is shown by its message only. */
export function logWarning(event: string, fields: LogFields, cause?: unknown): void {
  console.warn(
    JSON.stringify({
      level: "warning",
      at: "pool",
      event,
      ...fields,
      ...(cause === undefined ? {} : { cause: describe(cause) }),
    }),
  );
}

/** The message of whatever was thrown, with anything that looks like a lease token or a query left out. */
export function describe(cause: unknown): string {
  const text = cause instanceof Error ? `${cause.name}: ${cause.message}` : String(cause);
  return text
    .replaceAll(/\/v1\/(leases|signed)\/[^\s"']+/g, "/v1/$1/[redacted]")
    .replaceAll(/\?[^\s"']+/g, "?[redacted]")
    .slice(0, 1000);
}
