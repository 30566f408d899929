/**
 * What a transition wants done, as data. The shell commits the rows and the outbox first, in one transaction,
 * and only then acts. `ledger`, `collect`, `collect_run`, `plan`, `parts`, `source`, `project`, `event` and `webhook` must survive a crash (rows or
 * outbox, in that transaction); `grant`, `revoke`, `ack` may be lost with the socket; `verify` is found again by the
 * state `verifying`, `arm_alarm` by `nextAlarm`.
 */
import type { ChunkPlan } from "../../protocol/chunks/contract.ts";
import type { VideoMetadata } from "../../protocol/media.ts";
import type { RevokeReason } from "../../protocol/messages.ts";
import type {
  AcceptedOutput,
  AnsweredMessage,
  AttemptRecord,
  ClaimedResult,
  JobSnapshot,
  Task,
} from "./model.ts";

interface OfAttempt {
  readonly jobId: string;
  readonly taskId: string;
  readonly run: number;
  readonly epoch: number;
}

/** Send `lease` to the worker. */
export interface GrantEffect extends OfAttempt {
  readonly type: "grant";
  readonly workerId: string;
  readonly slots: number;
}

/** Send `revoke` to the worker. */
export interface RevokeEffect extends OfAttempt {
  readonly type: "revoke";
  readonly workerId: string;
  readonly reason: RevokeReason;
}

/** Send `ack` to the worker. */
export interface AckEffect extends OfAttempt {
  readonly type: "ack";
  readonly workerId: string;
  readonly of: AnsweredMessage;
  readonly status: "accepted" | "refused";
  readonly reason: string | null;
}

/** Finish the uploads, check the objects, and feed back `verified` or `verify_failed` with this epoch. */
export interface VerifyEffect extends OfAttempt {
  readonly type: "verify";
  readonly claimed: ClaimedResult;
}

/** Insert or replace the attempt's row (its key: task and epoch). */
export interface LedgerEffect {
  readonly type: "ledger";
  readonly record: AttemptRecord;
}

/** The attempt's bytes are wanted by nobody: delete them once its last grant has expired, and once more later. */
export interface CollectEffect extends OfAttempt {
  readonly type: "collect";
  /** When the attempt ended; grants given to it may live on for the lease and a margin. */
  readonly endedAt: number;
}

/** The agent's probe found out about the source. */
export interface SourceEffect extends OfAttempt {
  readonly type: "source";
  readonly metadata: VideoMetadata;
}

/** The job goes on as this plan's chunks: keep it, specs are built from it. */
export interface PlanEffect extends OfAttempt {
  readonly type: "plan";
  readonly plan: ChunkPlan;
}

/** Files of a chunk or of the sound were accepted: keep them for playlists and the merge. */
export interface PartsEffect extends OfAttempt {
  readonly type: "parts";
  readonly kind: "chunk" | "audio";
  /** Of a chunk; null for the audio. */
  readonly chunk: number | null;
  readonly files: readonly AcceptedOutput[];
}

/** Look again at `at`; the alarm is set to the earliest of all. */
export interface ArmAlarmEffect {
  readonly type: "arm_alarm";
  readonly at: number;
}

export type TaskEffect =
  | GrantEffect
  | RevokeEffect
  | AckEffect
  | VerifyEffect
  | LedgerEffect
  | CollectEffect
  | SourceEffect
  | PlanEffect
  | PartsEffect
  | ArmAlarmEffect;

/** Of a divided run nothing is wanted any more but what the attempt `keep` wrote: delete it once grants have expired. */
export interface CollectRunEffect {
  readonly type: "collect_run";
  readonly jobId: string;
  readonly run: number;
  readonly keep: { readonly taskId: string; readonly epoch: number } | null;
  readonly endedAt: number;
}

/** Write the snapshot to D1, guarded by its revision. */
export interface ProjectEffect {
  readonly type: "project";
  readonly snapshot: JobSnapshot;
}

/** One line of the job's history, for whoever follows it. Sequence numbers begin with 1 and have no gap. */
export interface EventEffect {
  readonly type: "event";
  readonly jobId: string;
  readonly sequence: number;
  /** `state` when the job's state changed, `playable` when its first piece can be played, else `attempt`. */
  readonly name: "state" | "attempt" | "playable";
  readonly at: number;
  readonly snapshot: JobSnapshot;
}

const jobEventTypes = [
  "job.started",
  "job.playable",
  "job.completed",
  "job.failed",
  "job.cancelled",
  "job.rejected",
] as const;
export type JobEventType = (typeof jobEventTypes)[number];

/** Record the event for the job's webhooks. `eventId` derives from job and sequence, so a replay collides. */
export interface WebhookEffect {
  readonly type: "webhook";
  readonly eventId: string;
  readonly jobId: string;
  readonly sequence: number;
  readonly event: JobEventType;
  readonly at: number;
  readonly snapshot: JobSnapshot;
}

export type Effect = TaskEffect | CollectRunEffect | ProjectEffect | EventEffect | WebhookEffect;

/** `stale_epoch`: not the live attempt, or not its holder. `illegal`: not in this state. `terminal`: the task or job has ended. */
export type RejectReason = "stale_epoch" | "illegal" | "terminal";

export interface Rejected {
  readonly status: "rejected";
  readonly reason: RejectReason;
}

export type TransitionResult =
  | {
      readonly status: "ok";
      readonly task: Task;
      readonly effects: readonly TaskEffect[];
      /** Whether rows must be written; a mere renewal lives in memory and in the attachment. */
      readonly durable: boolean;
      /** Whether the job's snapshot or ledger shows it: then it is a revision and an event. */
      readonly visible: boolean;
    }
  | Rejected;
