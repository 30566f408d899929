/**
 * What the pool knows of one socket, and how it survives hibernation: a session lives in memory and in the
 * socket's attachment, never in a row, and is gone when the socket is.
 */
import { stages } from "../../protocol/stages.ts";
import type { Renewal } from "../domain/model.ts";

/** A lease as its socket remembers it: the renewals that no row has, and its grant's end. */
export interface HeldLease {
  readonly taskId: string;
  readonly renewal: Renewal;
  /** When the newest grant that the agent was given ends, milliseconds since the epoch. */
  readonly grantUntil: number;
}

export interface Session {
  /** Tells two sockets of one worker apart. */
  readonly sessionId: string;
  readonly workerId: string;
  readonly workerName: string;
  readonly acceptedAt: number;
  /** When the token that it was opened with expires, milliseconds since the epoch; null for never. */
  readonly tokenEndsAt: number | null;
  /** Whether `hello` has come; what it said of the worker is in its row. */
  readonly greeted: boolean;
  /** How many slots the worker offered and has not been given leases for: an idle one offers them once. */
  readonly credit: number;
  /** Of those, how many are not to be used until the worker is heard again. */
  readonly heldBack: number;
  /** By task. */
  readonly held: ReadonlyMap<string, HeldLease>;
}

/** The platform's limit of an attachment (2026-11, tried locally). */
const MAX_ATTACHMENT_BYTES = 16_384;
/** A held lease is at most about 110 bytes serialized: an id of up to 38 characters and nine numbers. */
const MAX_ATTACHED_LEASES = Math.floor((MAX_ATTACHMENT_BYTES - 1024) / 120);

type AttachedLease = readonly [
  taskId: string,
  epoch: number,
  deadline: number,
  movedAt: number,
  resumedAt: number | null,
  movement: number,
  started: boolean,
  stage: number,
  fraction: number,
  grantUntil: number,
];

export interface Attachment extends Omit<Session, "held"> {
  readonly held: readonly AttachedLease[];
}

/**
 * The session as a socket's attachment. Leases beyond what fits are left out, those renewed longest ago
 * first: after an eviction such a lease counts as lost, which only makes it live longer.
 */
export function toAttachment(session: Session): Attachment {
  const newest = [...session.held.values()]
    .sort((a, b) => b.renewal.deadline - a.renewal.deadline)
    .slice(0, MAX_ATTACHED_LEASES);
  return { ...session, held: newest.map(packLease) };
}

/** The session of an attachment that `toAttachment` made. */
export function fromAttachment(attachment: Attachment): Session {
  return { ...attachment, held: new Map(attachment.held.map((l) => [l[0], unpackLease(l)])) };
}

function packLease({ taskId, renewal, grantUntil }: HeldLease): AttachedLease {
  return [
    taskId,
    renewal.epoch,
    renewal.deadline,
    renewal.movedAt,
    renewal.resumedAt,
    renewal.movement,
    renewal.started,
    renewal.stage === null ? -1 : stages.indexOf(renewal.stage),
    renewal.fraction,
    grantUntil,
  ];
}

function unpackLease(packed: AttachedLease): HeldLease {
  const [
    taskId,
    epoch,
    deadline,
    movedAt,
    resumedAt,
    movement,
    started,
    stage,
    fraction,
    grantUntil,
  ] = packed;
  return {
    taskId,
    grantUntil,
    renewal: {
      epoch,
      deadline,
      movedAt,
      resumedAt,
      movement,
      started,
      stage: stages[stage] ?? null,
      fraction,
      // The live display's, said again with the next progress.
      fps: null,
      speed: null,
    },
  };
}
