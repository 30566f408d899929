/** The records of the pool: a job, its tasks, their leases, and the ledger of attempts. Plain data. */

import type { Pin, RenditionIndex } from "../../protocol/chunks/contract.ts";
import type { JobError } from "../../protocol/errors.ts";
import type { VideoMetadata } from "../../protocol/media.ts";
import type { EngineReport, RevokeReason } from "../../protocol/messages.ts";
import type { OutputQuality } from "../../protocol/quality.ts";
import type { JobState, Stage } from "../../protocol/stages.ts";
import type { FileRole, OutputReport, TaskSpec } from "../../protocol/task.ts";
import type { JobSubmission } from "./submission.ts";

/** An output of the winning epoch, checked against the store: what clients may be served. */
export interface AcceptedOutput {
  readonly name: string;
  readonly key: string;
  readonly etag: string;
  readonly contentType: string;
  readonly format: string;
  /** Absent: the file that was asked for. */
  readonly role?: FileRole;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly media: VideoMetadata;
  readonly quality?: OutputQuality;
  /** Of a part: what playlists and the merge need to know of it without reading its bytes. */
  readonly index?: RenditionIndex;
}

/** What a rendition is held to by the first chunk that was accepted: encoder and codec configuration. */
export type Pins = Readonly<Record<string, Pin>>;

/** What a task is of a divided video: which chunk. A second copy of a chunk has the same numbers. */
export interface ChunkOf {
  /** From 0. */
  readonly index: number;
  /** How many pictures it has: its weight in the job's progress. */
  readonly frames: number;
}

export interface StageRecord {
  readonly name: Stage;
  readonly state: "running" | "completed" | "failed" | "cancelled";
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
  /** Whether a first piece of this run was accepted and can be played, before the job ends or after. */
  readonly playable: boolean;
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

/** The right to run one attempt until a deadline. Times are milliseconds since the epoch. */
export interface Lease {
  readonly epoch: number;
  /** The number of the attempt in its run, from 1; a released attempt's number is used again. */
  readonly attempt: number;
  readonly workerId: string;
  readonly workerName: string;
  /** The socket session that holds it: a close of any other session says nothing about this lease. */
  readonly sessionId: string;
  readonly grantedAt: number;
  /** How many of the worker's slots it takes; fewer once its plan is known, never more. */
  readonly slots: number;
  /** When it expires unless it is renewed; see `graceUntil`. */
  readonly deadline: number;
  /** An expiry before this is put off: the pool woke to find neither socket nor renewal. Null when it did not. */
  readonly graceUntil: number | null;
  /** Since when no socket holds it, or null while one does. */
  readonly lostAt: number | null;
  /** When the attempt was last known to move: what an expiry's "no progress for" counts from. */
  readonly movedAt: number;
  /** When it was resumed with no movement since; so that reconnecting alone never keeps a lease alive. */
  readonly resumedAt: number | null;
  /** The greatest movement heard; only a greater one renews. */
  readonly movement: number;
  /** Whether the agent was ever heard to run it. */
  readonly started: boolean;
  readonly stage: Stage | null;
  /** 0 to 1 of `stage`. */
  readonly fraction: number;
  readonly fps: number | null;
  readonly speed: number | null;
  readonly device: string | null;
  readonly encoder: string | null;
  /** Why its plan to divide the job was refused; null when none was. The attempt goes on, and is answered the same. */
  readonly planRefused: string | null;
}

/**
 * What renewals change of a lease. It lives in memory and in the socket's attachment, never in a row;
 * `withRenewal` puts it over the row again.
 */
export type Renewal = Pick<
  Lease,
  | "epoch"
  | "deadline"
  | "movedAt"
  | "resumedAt"
  | "movement"
  | "started"
  | "stage"
  | "fraction"
  | "fps"
  | "speed"
>;

/** Messages of an agent that are acknowledged, and repeated until they are. */
export type AnsweredMessage = "complete" | "fail" | "release" | "plan";

/** How an attempt ended, so that what is repeated about it gets the same answer. */
export interface Verdict {
  readonly epoch: number;
  /** Who held it, and alone is answered. */
  readonly workerId: string;
  /** The message that ended it, or null when the edge did. Any other message about it is refused. */
  readonly of: AnsweredMessage | null;
  readonly status: "accepted" | "refused";
  readonly reason: string | null;
  /** What a worker that still runs it is told. */
  readonly revoke: RevokeReason;
  /** Why a plan of the attempt was refused, if one was. */
  readonly planRefused?: string;
}

/** Checking of what an attempt delivered: its lease is frozen, and this deadline counts instead. */
export interface Verification {
  readonly claimed: ClaimedResult;
  readonly deadline: number;
  /** How often the check was asked for; a lost one is asked for again. */
  readonly tries: number;
}

/** What a task has in every state. */
export interface TaskFields {
  readonly taskId: string;
  readonly jobId: string;
  readonly kind: TaskSpec["kind"];
  /** Which chunk of the video it makes; null for every other kind. */
  readonly chunk: ChunkOf | null;
  readonly run: number;
  /** Of the newest attempt; 0 before the first. Only grows, over runs too, and is never reused. */
  readonly epoch: number;
  /** Attempts used up in this run; the one in progress is not counted yet. */
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly queueTimeoutSeconds: number;
  /** Leases given back in this run that used up no attempt. */
  readonly releases: number;
  /** When it last became ready in this run, for fairness by age. */
  readonly queuedAt: number;
  /** Who ran it last, so that another worker is preferred after a failure. */
  readonly lastWorkerId: string | null;
  /** The newest last; bounded. */
  readonly verdicts: readonly Verdict[];
}

/**
 * A schedulable unit of a job. `waiting` waits for other tasks of its job; `ready` waits for a worker (or for
 * `readyAt`); `leased` runs; `verifying` was reported complete and is being checked; the rest are terminal and leave
 * only by a retry of the job. `divided` is the whole that was planned into chunks: the job goes on in other tasks.
 */
export type Task = TaskFields &
  (
    | { readonly state: "waiting" }
    | { readonly state: "ready"; readonly readyAt: number; readonly queueDeadline: number }
    | { readonly state: "leased"; readonly lease: Lease }
    | { readonly state: "verifying"; readonly lease: Lease; readonly verification: Verification }
    | {
        readonly state: "done";
        /** What the job publishes; of a part nothing here, its files are kept apart. */
        readonly outputs: readonly AcceptedOutput[];
        readonly winner: number;
        /** Milliseconds from the winner's grant to its acceptance. */
        readonly tookMs: number;
        /** Whether it brought the first piece of sound along: the first chunk may. */
        readonly hasPrelude?: true;
      }
    | { readonly state: "divided" }
    | { readonly state: "failed"; readonly error: JobError }
    | { readonly state: "cancelled" }
    | { readonly state: "superseded" }
  );
export type TaskState = Task["state"];
export type TaskIn<S extends TaskState> = Extract<Task, { state: S }>;

/** A job in its pool. `snapshotOf` renders it for everyone else. */
export interface JobRecord {
  readonly submission: JobSubmission;
  readonly run: number;
  /** Grows by one with every visible transition; it is that transition's event's sequence number, too. */
  readonly revision: number;
  readonly state: JobState;
  readonly stage: Stage | null;
  /** The greatest shown in this attempt. */
  readonly progress: number;
  readonly stages: readonly StageRecord[];
  /** The number of the newest attempt in this run; 0 before the first. */
  readonly attempt: number;
  /** Limit of this run, in seconds. */
  readonly timeoutSeconds: number;
  /** How long tasks of this run were leased, up to `runningSince`. Waiting in the queue does not count. */
  readonly ranMs: number;
  /** Since when a task is leased; null while none is. */
  readonly runningSince: number | null;
  /** Since when none is: what the queue limit of a part counts from. Null while one is. */
  readonly idleSince: number | null;
  /** Set by the first accepted chunk of this run, at `pinnedAt`; null before. */
  readonly pins: Pins | null;
  readonly pinnedAt: number | null;
  readonly playable: boolean;
  /** Whether `job.started` was said in this run. */
  readonly announced: boolean;
  readonly startedAt: number | null;
  readonly completedAt: number | null;
  readonly error: JobError | null;
  readonly outputs: readonly AcceptedOutput[];
}

/** A job and its tasks: what one transition reads and writes. */
export interface LiveJob {
  readonly job: JobRecord;
  readonly tasks: readonly Task[];
}

/** What is kept of a finished job, so that submitting it again changes nothing and a retry goes on growing. */
export interface Tombstone {
  readonly snapshot: JobSnapshot;
  /** The highest epoch and the remembered answers of each task. */
  readonly tasks: readonly Pick<Task, "taskId" | "epoch" | "verdicts">[];
}
