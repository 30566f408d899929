/** The leases of a session: what is kept of each, which slots they take, and when one may speak. Pure. */
import type { LeaseRef } from "../protocol/task.ts";
import {
  type AttemptReport,
  type HeldLease,
  type LeaseKey,
  leaseKey,
  type Session,
  type SessionEffect,
  type SessionStep,
} from "./session-model.ts";

/** Slots that new leases may take now; none while nothing new is taken. */
export function freeSlots(session: Session, now: number): number {
  if (session.draining || session.drainedByEdge || session.ending !== null) return 0;
  return now < session.restUntil ? 0 : Math.max(0, session.slots - slotsInUse(session));
}

/** Of all attempts that exist here, also of those that are ending. */
export function slotsInUse(session: Session): number {
  return [...session.leases.values()].reduce(
    (sum, held) => sum + (held.running ? held.slots : 0),
    0,
  );
}

/** What an attempt says of itself; the slots that its plan leaves are free for others. */
export function heard(held: HeldLease, report: AttemptReport): HeldLease {
  const hasNewEngine =
    report.engine?.encoder !== held.report.engine?.encoder ||
    report.engine?.device !== held.report.engine?.device;
  return {
    ...held,
    report,
    unsent: true,
    slots: Math.min(held.slots, Math.max(1, report.slots ?? held.slots)),
    // After a device failed it is another than was said.
    saidEngine: held.saidEngine && !hasNewEngine,
  };
}

/** Whether the edge would hear something new of the attempt, and counts it as ours. */
export function mayReport(held: HeldLease): boolean {
  return held.claimed && held.running && held.unsent;
}

/** Milliseconds between reports: a `watch` chose them for this lease, or the welcome for all. */
export function intervalOf(session: Session, held: HeldLease): number {
  return held.intervalMs ?? session.progressIntervalMs;
}

/** Changes what is kept of a lease; one that is not ours changes nothing. */
export function update(
  session: Session,
  lease: LeaseRef,
  change: (held: HeldLease) => HeldLease,
): SessionStep {
  const held = session.leases.get(leaseKey(lease));
  return { session: held === undefined ? session : withLease(session, change(held)), effects: [] };
}

/** The session with this lease as it now is; one that is neither running nor claimed is forgotten. */
export function withLease(session: Session, held: HeldLease): Session {
  const leases = new Map<LeaseKey, HeldLease>(session.leases);
  if (held.running || held.claimed) leases.set(leaseKey(held.lease), held);
  else leases.delete(leaseKey(held.lease));
  return { ...session, leases };
}

/** Nobody is there who could still answer for a lease. */
export function unclaimAll(session: Session): Session {
  let next = session;
  for (const held of session.leases.values()) {
    next = withLease(next, { ...held, claimed: false, settlement: null, proposal: null });
  }
  return next;
}

/** The lease is another's, or nobody's: its attempt is stopped, and nothing more is said of it. */
export function loseLease(session: Session, lease: LeaseRef, reason: string): SessionStep {
  const held = session.leases.get(leaseKey(lease));
  if (held === undefined) return { session, effects: [] };
  const effects: SessionEffect[] = [
    { type: "note", level: "warn", text: `lease lost: ${reason}`, lease },
  ];
  if (held.running) effects.push({ type: "stop", lease, reason });
  const gone = { ...held, claimed: false, settlement: null, proposal: null };
  return { session: withLease(session, gone), effects };
}
