/** The words of the agent's protocol state machine: what it remembers, what happens to it, what it asks for. */
import type { ChunkPlan } from "../protocol/chunks/contract.ts";
import type { Capabilities, VideoMetadata } from "../protocol/media.ts";
import type { EdgeMessage, Grant, WorkerMessage, WorkerMessageOf } from "../protocol/messages.ts";
import type { Stage } from "../protocol/stages.ts";
import type { LeaseRef, OutputReport } from "../protocol/task.ts";

export type EngineReport = WorkerMessageOf<"complete">["engine"];
/** Of an attempt, or a part of one, that ran no ffmpeg. */
export const NO_ENGINE: EngineReport = { device: null, encoder: null, exitCode: null, log: [] };

/** A lease's key in maps: task and epoch, because an old attempt may still be dying when the next begins. */
export type LeaseKey = string;

/** The same for every reference to one attempt. */
export function leaseKey(lease: LeaseRef): LeaseKey {
  return `${lease.taskId}#${lease.epoch}`;
}

/** How far a running attempt is. */
export interface AttemptReport {
  readonly stage: Stage;
  /** Of the stage, 0 to 1. */
  readonly fraction: number;
  /** Frames encoded, bytes served to ffmpeg and bytes written, together; never falls. */
  readonly movement: number;
  readonly frame: number | null;
  readonly fps: number | null;
  readonly speed: number | null;
  /** Null until the probe has found it. */
  readonly source: VideoMetadata | null;
  /** Slots that the plan takes; null until it is made. */
  readonly slots: number | null;
  /** Null until the plan has chosen it. */
  readonly engine: { readonly device: string; readonly encoder: string } | null;
}

/** What is known of an attempt before it has done anything. */
export const NOT_STARTED: AttemptReport = {
  stage: "probing",
  fraction: 0,
  movement: 0,
  frame: null,
  fps: null,
  speed: null,
  source: null,
  slots: null,
  engine: null,
};

/** How an attempt ended here, before the edge has heard of it. */
export type AttemptOutcome =
  | {
      readonly status: "completed";
      readonly outputs: readonly OutputReport[];
      readonly engine: EngineReport;
    }
  | ({ readonly status: "failed"; readonly engine: EngineReport } & Pick<
      WorkerMessageOf<"fail">,
      "stage" | "code" | "detail" | "retryable"
    >)
  | { readonly status: "released"; readonly reason: WorkerMessageOf<"release">["reason"] }
  /** It was told to stop, or its run limit passed, which is the edge's to declare: nothing is said. */
  | { readonly status: "abandoned" };

/** A message repeated until the edge acknowledges it. */
export type Settlement =
  | WorkerMessageOf<"complete">
  | WorkerMessageOf<"fail">
  | WorkerMessageOf<"release">;

/** One lease this agent has to do with; it is forgotten when it is neither `running` nor `claimed`. */
export interface HeldLease {
  readonly lease: LeaseRef;
  /** The attempt still exists here: it occupies a slot until its process and scratch are gone. */
  readonly running: boolean;
  /** As far as is known the edge counts this lease as ours: `hello` names it. */
  readonly claimed: boolean;
  readonly settlement: Settlement | null;
  /** A division that the edge has not answered: the attempt waits for it, and its lease goes on. */
  readonly proposal: WorkerMessageOf<"plan"> | null;
  /** When the settlement, or else the proposal, is sent (again), and how often it was. */
  readonly settleAt: number;
  readonly settleTries: number;
  readonly report: AttemptReport;
  /** What it takes of this agent's: as its lease says, or fewer once its plan is known. */
  readonly slots: number;
  /** What the edge was told of that; null on a socket that has not heard of it. */
  readonly saidSlots: number | null;
  /** The stage last sent, null on a socket that has not heard of this attempt. */
  readonly sentStage: Stage | null;
  readonly sentAt: number;
  /** There is something in `report` that the edge has not heard. */
  readonly unsent: boolean;
  /** `source` and `engine` are said once a socket. */
  readonly saidSource: boolean;
  readonly saidEngine: boolean;
  /** Chosen by a `watch`; null is the welcome's interval. */
  readonly intervalMs: number | null;
}

/** Why the agent ends. */
export type ExitReason =
  | "drained"
  | "aborted"
  | "unauthorized"
  | "unsupported_version"
  | "replaced";

export interface Session {
  readonly name: string;
  readonly slots: number;
  readonly capabilities: Capabilities;
  readonly phase: "offline" | "greeting" | "online";
  readonly leases: ReadonlyMap<LeaseKey, HeldLease>;
  /** Free slots the edge was told of and has not used. */
  readonly credit: number;
  /** Connections lost or refused since one last held. */
  readonly failures: number;
  readonly welcomedAt: number;
  readonly progressIntervalMs: number;
  /** The edge asked for a drain: nothing new is taken until the agent is started anew, whatever becomes of the socket. */
  readonly drainedByEdge: boolean;
  /** No lease is asked for before this time: the disk was full, or an encoder is resting. */
  readonly restUntil: number;
  /** The owner asked for a drain: the agent ends when nothing is left. */
  readonly draining: boolean;
  /** Set when the agent is ending without finishing its work; `by` is when it stops waiting for answers. */
  readonly ending: { readonly reason: ExitReason; readonly by: number } | null;
  readonly exited: boolean;
}

/** Why a connection ended, or was not made. */
export type CloseCause =
  | { readonly kind: "closed"; readonly code: number; readonly reason: string }
  | { readonly kind: "refused"; readonly httpStatus: number; readonly retryAfterMs: number | null }
  | { readonly kind: "lost"; readonly detail: string };

/** What happens to a session. `now` is a monotonic time in milliseconds. */
export type SessionEvent =
  | { readonly type: "opened"; readonly now: number }
  | {
      readonly type: "closed";
      readonly now: number;
      readonly cause: CloseCause;
      /** In [0, 1), for the jitter. */
      readonly random: number;
    }
  | { readonly type: "received"; readonly now: number; readonly message: EdgeMessage }
  | {
      readonly type: "progressed";
      readonly now: number;
      readonly lease: LeaseRef;
      readonly report: AttemptReport;
    }
  /** The attempt asks whether its work shall be divided; the answer is `stop` or `decline`. */
  | {
      readonly type: "proposed";
      readonly now: number;
      readonly lease: LeaseRef;
      readonly plan: ChunkPlan;
    }
  | {
      readonly type: "ended";
      readonly now: number;
      readonly lease: LeaseRef;
      readonly outcome: AttemptOutcome;
    }
  | { readonly type: "drain"; readonly now: number }
  | { readonly type: "abort"; readonly now: number }
  | { readonly type: "tick"; readonly now: number };

/** What the shell does about it, in this order. */
export type SessionEffect =
  | { readonly type: "send"; readonly message: WorkerMessage }
  | { readonly type: "connect"; readonly delayMs: number }
  | { readonly type: "set_ping"; readonly intervalMs: number }
  | {
      readonly type: "start";
      readonly assignment: Extract<EdgeMessage, { type: "lease" }>;
    }
  /** Kill the attempt's processes at once and clean up; `ended` follows. */
  | { readonly type: "stop"; readonly lease: LeaseRef; readonly reason: string }
  /** The division was refused: the attempt does the whole. */
  | { readonly type: "decline"; readonly lease: LeaseRef }
  | { readonly type: "renew"; readonly lease: LeaseRef; readonly grant: Grant }
  | { readonly type: "limit"; readonly lease: LeaseRef; readonly runLimitMs: number }
  | {
      readonly type: "note";
      readonly level: "info" | "warn" | "error";
      readonly text: string;
      readonly lease?: LeaseRef;
    }
  | { readonly type: "exit"; readonly reason: ExitReason };

export interface SessionStep {
  readonly session: Session;
  readonly effects: readonly SessionEffect[];
}
