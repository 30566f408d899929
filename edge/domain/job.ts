/** Public functions of the job machine (bodies follow in the next commits). */
import type { Effect, Rejected } from "./effects.ts";
import type { TaskEvent } from "./events.ts";
import type { JobRecord, JobSnapshot, LiveJob, Task, Tombstone } from "./model.ts";
import type { Rules } from "./rules.ts";
import type { JobSubmission } from "./submission.ts";

export interface Stepped {
  readonly status: "ok";
  readonly live: LiveJob;
  readonly effects: readonly Effect[];
  /** Whether rows must be written. False for a mere renewal. */
  readonly durable: boolean;
}
export type StepResult = Stepped | Rejected;

export declare function createJob(submission: JobSubmission, now: number): Stepped;
/** Feeds one event to one task and carries its consequences through the job. */
export declare function stepTask(
  live: LiveJob,
  taskId: string,
  event: TaskEvent,
  rules: Rules,
): StepResult;
export declare function cancelJob(live: LiveJob, now: number, rules: Rules): StepResult;
/** The alarm's event when the run clock is over. */
export declare function limitRun(live: LiveJob, now: number, rules: Rules): StepResult;
export declare function retryJob(
  live: LiveJob,
  options: { readonly timeoutSeconds?: number },
  now: number,
  rules: Rules,
): Stepped | { readonly status: "not_retryable"; readonly reason: string };
export declare function isRetryable(
  job: Pick<JobRecord, "state" | "error" | "timeoutSeconds">,
  options: { readonly timeoutSeconds?: number },
): { readonly status: "ok" } | { readonly status: "not_retryable"; readonly reason: string };
export declare function snapshotOf(job: JobRecord, tasks: readonly Task[]): JobSnapshot;
export declare function tombstoneOf(live: LiveJob): Tombstone;
/** The finished job as it was, for reads, answers and retries. */
export declare function fromTombstone(submission: JobSubmission, tombstone: Tombstone): LiveJob;
/** The same from D1's last snapshot alone, when the tombstone is gone: epochs go on above its revision. */
export declare function fromSnapshot(submission: JobSubmission, snapshot: JobSnapshot): LiveJob;
