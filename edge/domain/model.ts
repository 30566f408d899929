/** The records of the pool: a job, its tasks, their leases, and the ledger of attempts. Plain data. */
import type { JobError } from "../../protocol/errors.ts";
import type { VideoMetadata } from "../../protocol/media.ts";
import type { EngineReport } from "../../protocol/messages.ts";
import type { JobState, Stage } from "../../protocol/stages.ts";
import type { OutputReport, TaskSpec } from "../../protocol/task.ts";

/** An output of the winning epoch, checked against the store: what clients may be served. */
export interface AcceptedOutput {
  readonly name: string;
  readonly key: string;
  readonly etag: string;
  readonly contentType: string;
  readonly format: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly media: VideoMetadata;
}

export interface StageRecord {
  readonly name: Stage;
  readonly state: "running" | "completed" | "failed";
  /** 0 to 100. */
  readonly progress: number;
  readonly startedAt: number;
  readonly completedAt: number | null;
}

/**
 * A job as everyone outside the pool sees it; D1 keeps the one of the highest revision. What the client sent
 * is in the submission and not repeated here.
 */
export interface JobSnapshot {
  readonly jobId: string;
  /** Grows with every transition; progress does not count. */
  readonly revision: number;
  readonly run: number;
  readonly state: JobState;
  readonly stage: Stage | null;
  /** 0 to 100; never falls within an attempt. */
  readonly progress: number;
  readonly stages: readonly StageRecord[];
  readonly attempt: number;
  readonly maxAttempts: number;
  /** Of the current run: a retry may raise it. */
  readonly timeoutSeconds: number;
  readonly error: JobError | null;
  /** Empty unless completed. */
  readonly outputs: readonly AcceptedOutput[];
  readonly fps: number | null;
  readonly speed: number | null;
  readonly startedAt: number | null;
  readonly completedAt: number | null;
}

/** A row of the ledger. Times are milliseconds since the epoch. */
export interface AttemptRecord {
  readonly taskId: string;
  readonly kind: TaskSpec["kind"];
  readonly run: number;
  readonly epoch: number;
  readonly workerId: string;
  readonly workerName: string;
  readonly device: string | null;
  readonly encoder: string | null;
  readonly state:
    | "running"
    | "verifying"
    | "completed"
    | "failed"
    | "expired"
    | "released"
    | "cancelled"
    | "superseded";
  readonly stage: Stage | null;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly exitCode: number | null;
  readonly error: JobError | null;
  readonly log: EngineReport["log"];
}

/** What an agent said of a finished attempt; the edge checks it against the store before it counts. */
export interface ClaimedResult {
  readonly outputs: readonly OutputReport[];
  readonly engine: EngineReport;
}
