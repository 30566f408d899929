/** The log lines of pools. */
import * as log from "../log.ts";

export interface LogFields extends log.LogFields {
  readonly taskId?: string | undefined;
  readonly epoch?: number | undefined;
  readonly workerId?: string | undefined;
}

export function logInfo(event: string, fields: LogFields = {}): void {
  log.logInfo(event, { at: "pool", ...fields });
}

/** Something went wrong that the pool will try again or lives with. */
export function logWarning(event: string, fields: LogFields, cause?: unknown): void {
  log.logWarning(event, { at: "pool", ...fields }, cause);
}
