/** Whether, and how soon, a task is tried again; and which finished jobs a client may retry. */
import type { JobErrorCode } from "../../protocol/errors.ts";
import type { WorkerMessageOf } from "../../protocol/messages.ts";
import type { Stage } from "../../protocol/stages.ts";
import type { JobRecord } from "./model.ts";

/** Milliseconds before the first repetition of a failed attempt; each further one waits twice as long. */
const FIRST_BACKOFF_MS = 500;
export const MAX_BACKOFF_MS = 30_000;

/** Releases in one run that use up no attempt; past these a task that everyone gives back would never end. */
export const RELEASE_ALLOWANCE = 10;

/** Milliseconds from a failed attempt to the next: 0.5 s, 1 s, 2 s, ... up to 30 s. `attempts` were used up. */
export function failureBackoffMs(attempts: number): number {
  return Math.min(FIRST_BACKOFF_MS * 2 ** Math.max(0, attempts - 1), MAX_BACKOFF_MS);
}

/**
 * Milliseconds from a release to the next attempt. A worker that goes away leaves the task to the others at
 * once; one that lacks disk or a device might be offered it again, so it waits, longer each time.
 */
export function releaseBackoffMs(
  reason: WorkerMessageOf<"release">["reason"],
  releases: number,
): number {
  switch (reason) {
    case "shutdown":
      return 0;
    case "not_running":
    case "no_disk":
    case "device_resting":
      return failureBackoffMs(releases);
  }
}

/** Whether a failure with this code may end well when tried again. */
const retryability: Record<JobErrorCode, "yes" | "no" | "by_cause"> = {
  JOB_TIMEOUT: "by_cause",
  ENGINE_INVOCATION_ERROR: "yes",
  ENGINE_EMPTY_RESPONSE: "yes",
  ENGINE_INVALID_RESPONSE: "yes",
  ENGINE_ERROR: "yes",
  TRANSCODE_ERROR: "by_cause",
  UNSUPPORTED_FORMAT: "no",
  UNSUPPORTED_COMMAND: "no",
  SOURCE_UNAVAILABLE: "by_cause",
};

/** Whether another attempt may succeed; the agent's word counts only where the code leaves it open. */
export function mayHelp(code: JobErrorCode, claimed: boolean): boolean {
  const rule = retryability[code];
  return rule === "by_cause" ? claimed : rule === "yes";
}

/** Found out only at probing or planning, these end the job `rejected`: it could never have been done. */
export function isRejection(error: { readonly code: JobErrorCode; readonly stage: Stage | null }) {
  const early = error.stage === null || error.stage === "probing" || error.stage === "planning";
  return early && (error.code === "UNSUPPORTED_FORMAT" || error.code === "UNSUPPORTED_COMMAND");
}

export type Retryability =
  | { readonly status: "ok" }
  | { readonly status: "not_retryable"; readonly reason: string };

/**
 * Whether a client may retry the job: a failed one whose failure need not recur. A run that exceeded its limit
 * may be retried with a larger one only. `reason` is a sentence for `detail`.
 */
export function isRetryable(
  job: Pick<JobRecord, "state" | "error" | "timeoutSeconds">,
  options: { readonly timeoutSeconds?: number | undefined },
): Retryability {
  if (job.state !== "failed" || job.error === null) {
    return no(`The job is '${job.state}'; only a failed job can be retried.`);
  }
  if (job.error.retryable) return { status: "ok" };
  if (job.error.code !== "JOB_TIMEOUT") {
    return no(`${job.error.code} would only recur: ${job.error.detail}`);
  }
  if (options.timeoutSeconds !== undefined && options.timeoutSeconds > job.timeoutSeconds) {
    return { status: "ok" };
  }
  return no(
    `The run exceeded its limit of ${job.timeoutSeconds} seconds; retry it with a larger timeoutSeconds.`,
  );
}

function no(reason: string): Retryability {
  return { status: "not_retryable", reason };
}
