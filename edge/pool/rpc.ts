/**
 * What the rest of the edge may ask of a pool. `http` reaches the object through this type alone, and
 * through `stub.fetch` for sockets (a 101 cannot cross RPC). Arguments and answers are plain data.
 */
import type { PartList } from "../../protocol/chunks/contract.ts";
import type { Counters } from "../domain/counters.ts";
import type { Want } from "../domain/lending.ts";
import type { AttemptRecord, JobSnapshot } from "../domain/model.ts";
import type { JobSubmission } from "../domain/submission.ts";

/**
 * Headers of the socket's request, by which the Worker tells the pool who it authenticated. It sets all of
 * them itself and passes none through from outside.
 */
export const workerHeaders = {
  workerId: "x-telecine-worker-id",
  /** URI-encoded: a header's value is Latin-1. */
  workerName: "x-telecine-worker-name",
  /** When the token expires, milliseconds since the epoch; left out where it does not. */
  tokenEndsAt: "x-telecine-token-ends-at",
  requestId: "x-request-id",
  traceId: "x-telecine-trace-id",
} as const;

/** Paths of the pool's sockets. */
export const socketPaths = { worker: "/connect", viewer: "/events" } as const;

/**
 * Headers of a viewer's request: the job, the last line of its history that the client has seen, and the origin
 * that output URLs begin with. The Worker has checked that the client may see the job.
 */
export const viewerHeaders = {
  jobId: "x-telecine-job-id",
  after: "x-telecine-after",
  origin: "x-telecine-origin",
} as const;

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

export type PartsResult =
  | { readonly status: "ok"; readonly list: PartList }
  | { readonly status: "stale_epoch" };
/** What a pool's shard is doing now, and what it has counted. */
export interface PoolMetrics {
  readonly ready: number;
  /** When the task that has waited longest became ready, in milliseconds since the epoch; null when none waits. */
  readonly oldestQueuedAt: number | null;
  readonly leased: number;
  readonly verifying: number;
  readonly workersConnected: number;
  /** Of connected workers. */
  readonly slots: number;
  readonly slotsBusy: number;
  /** What the rest of the world has not been told yet. */
  readonly outboxEntries: number;
  readonly counters: Counters;
}

export interface PoolRpc {
  /** Creates the job unless it is known; its snapshot either way. */
  submit(submission: JobSubmission): Promise<JobSnapshot>;
  /**
   * The job as it is now, created first if it never arrived. `prior`, here and below, is D1's last snapshot: a
   * finished job whose tombstone is gone is taken from it, and never run again by a mere question.
   */
  read(submission: JobSubmission, prior?: JobSnapshot | null): Promise<JobSnapshot>;
  cancel(submission: JobSubmission, prior?: JobSnapshot | null): Promise<CancelResult>;
  retry(
    submission: JobSubmission,
    options: { timeoutSeconds?: number },
    prior?: JobSnapshot | null,
  ): Promise<RetryResult>;
  attempts(
    submission: JobSubmission,
    prior?: JobSnapshot | null,
  ): Promise<readonly AttemptRecord[]>;
  workers(): Promise<readonly WorkerSnapshot[]>;
  metrics(): Promise<PoolMetrics>;
  drain(workerId: string): Promise<void>;
  /**
   * Sets the alarm where something is due and the platform has lost it. Of a pool of so many shards, it lets go of idle
   * workers that belong to another one.
   */
  poke(shards?: number): Promise<void>;
  /**
   * For another shard, where tasks wait: sends idle workers there that can do them. What nobody here can do comes back,
   * and is remembered; an `offer` follows when somebody can.
   */
  lend(shard: number, wants: readonly Want[]): Promise<readonly Want[]>;
  /** That shard has idle workers such as this one asked for. */
  offer(shard: number): Promise<void>;
  /** Closes the worker's sockets, ends its leases, and refuses it from then on. */
  revoke(workerId: string): Promise<void>;
  /** Every accepted file of the job that this attempt merges; to the live attempt alone. */
  parts(lease: { taskId: string; epoch: number }): Promise<PartsResult>;
  /** Brings the record up to what the pool knows, for a reader who finds it behind. */
  deliver(): Promise<void>;
  /** Remembers a multipart upload of an attempt, so that it is aborted if the attempt is abandoned. */
  recordUpload(upload: {
    taskId: string;
    epoch: number;
    key: string;
    uploadId: string;
  }): Promise<{ status: "ok" } | { status: "stale_epoch" }>;
}
