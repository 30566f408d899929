/**
 * What the pool knows of one socket, and how it survives hibernation: a session lives in memory and in the
 * socket's attachment, never in a row, and is gone when the socket is.
 */
import { type Stage, stages } from "../../protocol/stages.ts";

/** The last movement heard of one lease. Renewals are the only thing that keeps a running lease alive. */
export interface Renewal {
  readonly taskId: string;
  readonly epoch: number;
  /** Until when the lease is good because of it, milliseconds since the epoch. */
  readonly until: number;
  /** The attempt's own count of frames and bytes; only a greater one renews. */
  readonly movement: number;
  readonly stage: Stage;
  /** Of the stage, 0 to 1. */
  readonly fraction: number;
  /** When the grant that the agent holds ends. */
  readonly grantUntil: number;
  /** Of the live display, and not kept over hibernation. */
  readonly fps: number | null;
  readonly speed: number | null;
}

export interface Session {
  /** Tells two sockets of one worker apart. */
  readonly socketId: string;
  readonly workerId: string;
  readonly workerName: string;
  readonly accountId: string;
  readonly pool: string;
  readonly acceptedAt: number;
  /** Whether `hello` has come; what it said of the worker is in its row. */
  readonly greeted: boolean;
  /** How many leases the worker asked for and has not been given: an idle one asks once. */
  readonly credit: number;
  readonly renewals: ReadonlyMap<string, Renewal>;
}

/** The platform's limit of an attachment (2026-11, tried locally). */
const MAX_ATTACHMENT_BYTES = 16_384;
/** A renewal is at most about 80 bytes serialized: more of them than this would not fit. */
const MAX_ATTACHED_RENEWALS = Math.floor((MAX_ATTACHMENT_BYTES - 1024) / 90);

type AttachedRenewal = readonly [
  taskId: string,
  epoch: number,
  until: number,
  movement: number,
  stage: number,
  fraction: number,
  grantUntil: number,
];

export interface Attachment extends Omit<Session, "renewals"> {
  readonly renewals: readonly AttachedRenewal[];
}

/**
 * The session as a socket's attachment. Renewals beyond what fits are left out, the oldest first: after an
 * eviction such a lease counts as one whose socket was lost, which only makes it live longer.
 */
export function toAttachment(session: Session): Attachment {
  const newest = [...session.renewals.values()]
    .sort((a, b) => b.until - a.until)
    .slice(0, MAX_ATTACHED_RENEWALS);
  return {
    ...session,
    renewals: newest.map((r) => [
      r.taskId,
      r.epoch,
      r.until,
      r.movement,
      stages.indexOf(r.stage),
      r.fraction,
      r.grantUntil,
    ]),
  };
}

/** The session of an attachment that `toAttachment` made. */
export function fromAttachment(attachment: Attachment): Session {
  const renewals = attachment.renewals.map(
    ([taskId, epoch, until, movement, stage, fraction, grantUntil]): Renewal => ({
      taskId,
      epoch,
      until,
      movement,
      stage: stages[stage] ?? "probing",
      fraction,
      grantUntil,
      fps: null,
      speed: null,
    }),
  );
  return { ...attachment, renewals: new Map(renewals.map((r) => [r.taskId, r])) };
}
