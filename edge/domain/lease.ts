/**
 * Leases and their deadlines. A renewal is not written to a row: the deadline that counts is the latest of the
 * row's, of the renewal in memory or in the socket's attachment, and of the grace after a loss.
 */
import { type Stage, stages } from "../../protocol/stages.ts";
import type { GrantEvent, ProgressEvent, ResumeEvent } from "./events.ts";
import type { Lease, Renewal, Task } from "./model.ts";
import type { Rules } from "./rules.ts";

/** When the lease expires unless it is renewed: the latest of its deadline and its grace. */
export function expiryOf(lease: Lease): number {
  return Math.max(lease.deadline, lease.graceUntil ?? 0);
}

/** A new lease; its deadline is one TTL ahead. */
export function leaseFor(
  grant: GrantEvent,
  numbers: { readonly epoch: number; readonly attempt: number },
  rules: Rules,
): Lease {
  return {
    ...numbers,
    workerId: grant.workerId,
    workerName: grant.workerName,
    sessionId: grant.sessionId,
    grantedAt: grant.now,
    slots: grant.slots ?? 1,
    deadline: grant.now + rules.leaseTtlMs,
    graceUntil: null,
    lostAt: null,
    movedAt: grant.now,
    resumedAt: null,
    movement: 0,
    started: false,
    stage: null,
    fraction: 0,
    fps: null,
    speed: null,
    device: null,
    encoder: null,
    planRefused: null,
  };
}

/**
 * What a `progress` makes of the lease. It is renewed only if its movement grew: a live socket over a dead
 * ffmpeg must expire. A stage, and the fraction of one, never go back.
 */
export function heard(lease: Lease, progress: ProgressEvent, rules: Rules): Lease {
  const moved = progress.movement > lease.movement || !rules.guards.movementRenews;
  const renewed = moved
    ? { deadline: progress.now + rules.leaseTtlMs, movedAt: progress.now, resumedAt: null }
    : {};
  return {
    ...lease,
    ...renewed,
    ...farthest(lease, progress, rules),
    movement: Math.max(lease.movement, progress.movement),
    started: true,
    slots: Math.min(lease.slots, progress.slots ?? lease.slots),
    fps: progress.fps,
    speed: progress.speed,
    device: progress.engine?.device ?? lease.device,
    encoder: progress.engine?.encoder ?? lease.encoder,
  };
}

/**
 * The lease in the hands of a new session of its holder, with one TTL to show movement in. After a close that the
 * pool saw it gets that once for each movement: an agent that only reconnects must not live on. After any other
 * loss the pool cannot know what it failed to hear.
 */
export function resumed(lease: Lease, hello: ResumeEvent, rules: Rules): Lease {
  const { now } = hello;
  const sawClose = lease.lostAt !== null && lease.graceUntil === null;
  const before = sawClose && rules.guards.resumeOnce ? lease.resumedAt : null;
  // Times that lie ahead were written before the clock was set back, and say nothing.
  const resumedAt = before !== null && before <= now ? before : now;
  const movedAt = lease.movedAt <= now ? lease.movedAt : resumedAt;
  return {
    ...lease,
    ...farthest(lease, hello, rules),
    sessionId: hello.sessionId,
    started: true,
    movedAt,
    resumedAt,
    deadline: Math.max(movedAt, resumedAt) + rules.leaseTtlMs,
    graceUntil: null,
    lostAt: null,
  };
}

/** The lease after a close that a living pool saw: its agent has the reconnect grace, and no more than it had. */
export function disconnected(lease: Lease, now: number, rules: Rules): Lease {
  return {
    ...lease,
    lostAt: now,
    deadline: Math.min(expiryOf(lease), now + rules.reconnectGraceMs),
    graceUntil: null,
  };
}

/**
 * The lease of a pool that woke to it with neither socket nor renewal: renewals may have been lost with the
 * memory, so it is not expired for one TTL from now. Once for each loss.
 */
export function lost(lease: Lease, now: number, rules: Rules): Lease {
  const graceUntil = rules.guards.grace ? now + rules.leaseTtlMs : null;
  // Only a clock that was set back since leaves a deadline beyond one TTL.
  const deadline = Math.min(lease.deadline, now + rules.leaseTtlMs);
  return { ...lease, lostAt: now, deadline, graceUntil };
}

/**
 * A lease that was taken for lost, with the renewal that turned up after all: as if it had never been lost. Without
 * one, or of another epoch, it stays as it is.
 */
export function found(lease: Lease, renewal: Renewal | undefined): Lease {
  if (lease.graceUntil === null || renewal?.epoch !== lease.epoch) return lease;
  return renewedBy({ ...lease, lostAt: null, graceUntil: null }, renewal);
}

/** The lease with its deadlines brought back to where a clock that was set back would have put them. */
export function rebased(lease: Lease, now: number, rules: Rules): Lease {
  const latest = now + rules.leaseTtlMs;
  return {
    ...lease,
    grantedAt: Math.min(lease.grantedAt, now),
    movedAt: Math.min(lease.movedAt, now),
    resumedAt: lease.resumedAt === null ? null : Math.min(lease.resumedAt, now),
    lostAt: lease.lostAt === null ? null : Math.min(lease.lostAt, now),
    deadline: Math.min(lease.deadline, latest),
    graceUntil: lease.graceUntil === null ? null : Math.min(lease.graceUntil, latest),
  };
}

/** Since when nothing was heard of the attempt's movement, as far as the pool can know. */
export function silentSince(lease: Lease, rules: Rules): number {
  return Math.max(lease.movedAt, (lease.graceUntil ?? 0) - rules.leaseTtlMs);
}

/** What of a lease belongs into memory and the socket's attachment after a renewal. */
export function renewalOf(lease: Lease): Renewal {
  const { epoch, deadline, movedAt, resumedAt, movement, started, stage, fraction, fps, speed } =
    lease;
  return {
    epoch,
    deadline,
    movedAt,
    resumedAt,
    movement,
    started,
    stage,
    fraction,
    fps,
    speed,
  };
}

/**
 * The task with a remembered renewal put over its row: of the two, the one that heard of more movement knows until
 * when the lease goes. (Not the later deadline: the clock may have been set back between them.) A renewal of
 * another epoch is ignored, and so is one over a lease that is known as lost: the row was written after it.
 */
export function withRenewal(task: Task, renewal: Renewal | undefined): Task {
  if (task.state !== "leased" || renewal?.epoch !== task.lease.epoch) return task;
  const { lease } = task;
  if (lease.lostAt !== null || renewal.movement < lease.movement) return task;
  return { ...task, lease: renewedBy(lease, renewal) };
}

function renewedBy(lease: Lease, renewal: Renewal): Lease {
  if (renewal.movement < lease.movement) return lease;
  const { deadline, movedAt, resumedAt, movement, started, fps, speed } = renewal;
  const until = movement > lease.movement ? { deadline, movedAt, resumedAt, movement } : {};
  const reached = isBehind(renewal, lease) ? lease : renewal;
  const { stage, fraction } = reached;
  return { ...lease, ...until, started, stage, fraction, fps, speed };
}

function isBehind(a: Pick<Lease, "stage" | "fraction">, b: Pick<Lease, "stage" | "fraction">) {
  const ranks = stageRank(a.stage) - stageRank(b.stage);
  return ranks === 0 ? a.fraction < b.fraction : ranks < 0;
}

/** Position of a stage in the order in which they happen; -1 for none yet. */
export function stageRank(stage: Stage | null): number {
  return stage === null ? -1 : stages.indexOf(stage);
}

function farthest(
  lease: Lease,
  said: { readonly stage: Stage; readonly fraction: number },
  rules: Rules,
): Pick<Lease, "stage" | "fraction"> {
  const isHeld = isBehind(said, lease) && rules.guards.progressHolds;
  const { stage, fraction } = isHeld ? lease : said;
  return { stage, fraction };
}
