/** What can happen to a task. Every event carries the time it happened at, in milliseconds since the epoch. */
import type { ChunkPlan } from "../../protocol/chunks/contract.ts";
import type { AttemptErrorCode } from "../../protocol/errors.ts";
import type { VideoMetadata } from "../../protocol/media.ts";
import type { EngineReport, WorkerMessageOf } from "../../protocol/messages.ts";
import type { Stage } from "../../protocol/stages.ts";
import type { AcceptedOutput, ClaimedResult, Renewal } from "./model.ts";

interface Timed {
  readonly now: number;
}

/** Said by a worker about the attempt it believes to hold: good only from the lease's holder, for its epoch. */
interface FromHolder extends Timed {
  readonly epoch: number;
  readonly workerId: string;
}

/** Matched to a worker: the next attempt begins. */
export interface GrantEvent extends Timed {
  readonly type: "grant";
  readonly workerId: string;
  readonly workerName: string;
  readonly sessionId: string;
  /** What it takes of the worker's slots; absent: 1. */
  readonly slots?: number;
}

export interface ProgressEvent extends FromHolder {
  readonly type: "progress";
  readonly stage: Stage;
  readonly fraction: number;
  readonly movement: number;
  readonly fps: number | null;
  readonly speed: number | null;
  readonly source?: VideoMetadata;
  readonly slots?: number;
  readonly engine?: { readonly device: string; readonly encoder: string };
}

export interface CompleteEvent extends FromHolder {
  readonly type: "complete";
  readonly result: ClaimedResult;
}

/** The agent has planned the job into chunks and offers to divide it. */
export interface PlanEvent extends FromHolder {
  readonly type: "plan";
  readonly plan: ChunkPlan;
  readonly engine: EngineReport;
  /** What the edge has against it (for the agent's log), or null. */
  readonly refusal: string | null;
}

/** Everything that a merge waits for is done. */
export interface PartsDoneEvent extends Timed {
  readonly type: "parts_done";
}

/** The check of the outputs passed. */
export interface VerifiedEvent extends Timed {
  readonly type: "verified";
  readonly epoch: number;
  readonly outputs: readonly AcceptedOutput[];
}

/** The check found the outputs wanting, or (`ENGINE_ERROR`) could not be made. */
export interface VerifyFailedEvent extends Timed {
  readonly type: "verify_failed";
  readonly epoch: number;
  readonly code: "ENGINE_INVALID_RESPONSE" | "ENGINE_ERROR";
  readonly detail: string;
  /** The worker could not have known better: no attempt is used up. */
  readonly isExcused?: boolean;
}

export interface FailEvent extends FromHolder {
  readonly type: "fail";
  readonly stage: Stage;
  readonly code: AttemptErrorCode;
  readonly detail: string;
  readonly retryable: boolean;
  readonly engine: EngineReport;
}

export interface ReleaseEvent extends FromHolder {
  readonly type: "release";
  readonly reason: WorkerMessageOf<"release">["reason"];
}

/** The alarm found the lease's, or the check's, deadline passed. */
export interface ExpireEvent extends Timed {
  readonly type: "expire";
}

/** The socket session closed, and the pool saw it. */
export interface DisconnectEvent extends Timed {
  readonly type: "disconnect";
  readonly sessionId: string;
  /** What the closed socket remembered of the lease: a pool that the close itself woke took it for lost before. */
  readonly renewal?: Renewal | undefined;
}

/** The pool woke to a lease with neither socket nor renewal in memory. */
export interface LostEvent extends Timed {
  readonly type: "lost";
}

/** A `hello` that claims the lease. */
export interface ResumeEvent extends FromHolder {
  readonly type: "resume";
  readonly sessionId: string;
  readonly stage: Stage;
  readonly fraction: number;
}

/** A `hello` of the lease's holder that does not claim it. */
export interface NotClaimedEvent extends Timed {
  readonly type: "not_claimed";
  readonly workerId: string;
}

/** The holder's token was revoked. */
export interface WorkerRevokedEvent extends Timed {
  readonly type: "worker_revoked";
  readonly workerId: string;
}

/** The job was cancelled, or ended for another of its tasks. */
export interface CancelEvent extends Timed {
  readonly type: "cancel";
}

/** The run was longer than it may be. */
export interface RunLimitEvent extends Timed {
  readonly type: "run_limit";
  /** How long it ran, and how long it might, in seconds. */
  readonly ranSeconds: number;
  readonly limitSeconds: number;
}

/** Nobody took it in time. */
export interface QueueTimeoutEvent extends Timed {
  readonly type: "queue_timeout";
}

/** The clock was set back: deadlines lie farther ahead than they ever should. */
export interface RebaseEvent extends Timed {
  readonly type: "rebase";
}

/** The next run of its job begins. */
export interface RetryEvent extends Timed {
  readonly type: "retry";
  readonly run: number;
}

/** A sibling was accepted in its place. */
export interface SupersedeEvent extends Timed {
  readonly type: "supersede";
}

export type TaskEvent =
  | GrantEvent
  | ProgressEvent
  | PlanEvent
  | PartsDoneEvent
  | CompleteEvent
  | VerifiedEvent
  | VerifyFailedEvent
  | FailEvent
  | ReleaseEvent
  | ExpireEvent
  | DisconnectEvent
  | LostEvent
  | ResumeEvent
  | NotClaimedEvent
  | WorkerRevokedEvent
  | CancelEvent
  | RunLimitEvent
  | QueueTimeoutEvent
  | RebaseEvent
  | RetryEvent
  | SupersedeEvent;
export type TaskEventType = TaskEvent["type"];
export type TaskEventOf<T extends TaskEventType> = Extract<TaskEvent, { type: T }>;
