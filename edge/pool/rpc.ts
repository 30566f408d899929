/**
 * What the rest of the edge may ask of a pool. `http` reaches the object through this type alone, and
 * through `stub.fetch` for sockets (a 101 cannot cross RPC). Arguments and answers are plain data.
 */
import type { AttemptRecord, JobSnapshot } from "../domain/model.ts";
import type { JobSubmission } from "../domain/submission.ts";

export type CancelResult =
  | { readonly status: "ok"; readonly job: JobSnapshot }
  | { readonly status: "terminal"; readonly job: JobSnapshot };

export type RetryResult =
  | { readonly status: "ok"; readonly job: JobSnapshot }
  | { readonly status: "not_retryable"; readonly job: JobSnapshot; readonly reason: string };

export interface WorkerSnapshot {
  readonly workerId: string;
  readonly connected: boolean;
  readonly draining: boolean;
  readonly slots: number;
  readonly busy: number;
  readonly leases: readonly {
    readonly jobId: string;
    readonly taskId: string;
    readonly epoch: number;
  }[];
}

export interface PoolRpc {
  /** Creates the job unless it is known; its snapshot either way. */
  submit(submission: JobSubmission): Promise<JobSnapshot>;
  /** The job as it is now, created first if it never arrived; `prior` is D1's last snapshot, for one whose tombstone is gone. */
  read(submission: JobSubmission): Promise<JobSnapshot>;
  cancel(submission: JobSubmission): Promise<CancelResult>;
  retry(submission: JobSubmission, options: { timeoutSeconds?: number }): Promise<RetryResult>;
  attempts(submission: JobSubmission): Promise<readonly AttemptRecord[]>;
  workers(): Promise<readonly WorkerSnapshot[]>;
  drain(workerId: string): Promise<void>;
  /** Closes the worker's sockets, ends its leases, and refuses it from then on. */
  revoke(workerId: string): Promise<void>;
  /** Remembers a multipart upload of an attempt, so that it is aborted if the attempt is abandoned. */
  recordUpload(upload: {
    taskId: string;
    epoch: number;
    key: string;
    uploadId: string;
  }): Promise<{ status: "ok" } | { status: "stale_epoch" }>;
}
