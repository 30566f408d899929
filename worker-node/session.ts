/**
 * The agent's side of the protocol as a pure machine: events in, a new session and effects out. No clock, no
 * randomness, no sockets. What it keeps true, whatever the order of events:
 *
 * - `complete`, `fail`, `release` and `plan` are sent until they are acknowledged, on this socket or the next one.
 * - A dropped socket stops nothing; a lease that `welcome` or `revoke` calls lost is stopped at once.
 * - `hello` names every lease the edge may count as ours, so that none is freed while we still speak for it.
 * - Never more slots in use than there are; nothing new while draining, resting or ending.
 */
import type { EdgeMessage, EdgeMessageOf } from "../protocol/messages.ts";
import { PROTOCOL_VERSION } from "../protocol/messages.ts";
import { finish, onAbort, onClosed } from "./session-ending.ts";
import {
  freeSlots,
  heard,
  intervalOf,
  loseLease,
  mayReport,
  slotsInUse,
  update,
  withLease,
} from "./session-leases.ts";
import {
  dueMessage,
  helloOf,
  newLease,
  proposalOf,
  releaseOf,
  settlementOf,
} from "./session-messages.ts";
import {
  type HeldLease,
  leaseKey,
  type Session,
  type SessionEffect,
  type SessionEvent,
  type SessionStep,
} from "./session-model.ts";

/** After a release for want of disk or of an encoder, nothing is asked for during this time. */
export const REST_MS = 30_000;

/** A session that has not connected yet. */
export function newSession(agent: Pick<Session, "name" | "slots" | "capabilities">): Session {
  return {
    name: agent.name,
    slots: agent.slots,
    capabilities: agent.capabilities,
    phase: "offline",
    leases: new Map(),
    credit: 0,
    failures: 0,
    welcomedAt: Number.POSITIVE_INFINITY,
    progressIntervalMs: 1_000,
    drainedByEdge: false,
    restUntil: 0,
    draining: false,
    ending: null,
    exited: false,
  };
}

/** One event. The shell carries out the effects in order and calls again with `tick` at `nextWake`. */
export function reduce(session: Session, event: SessionEvent): SessionStep {
  if (session.exited) return { session, effects: [] };
  const applied = apply(session, event);
  const flushed = flush(applied.session, event.now);
  const finished = finish(flushed.session, event.now);
  return {
    session: finished.session,
    effects: [...applied.effects, ...flushed.effects, ...finished.effects],
  };
}

/** When `tick` is needed next, or null. The same clock as the events'. */
export function nextWake(session: Session): number | null {
  const times: number[] = [];
  if (session.ending !== null) times.push(session.ending.by);
  if (session.phase === "online") {
    for (const held of session.leases.values()) {
      if (held.settlement !== null || held.proposal !== null) times.push(held.settleAt);
      if (held.settlement === null && mayReport(held))
        times.push(held.sentAt + intervalOf(session, held));
    }
    if (session.credit < freeSlots(session, Number.POSITIVE_INFINITY)) {
      times.push(session.restUntil);
    }
  }
  return times.length === 0 || session.exited ? null : Math.min(...times);
}

function apply(session: Session, event: SessionEvent): SessionStep {
  switch (event.type) {
    case "opened":
      return {
        session: { ...session, phase: "greeting" },
        effects: [{ type: "send", message: helloOf(session, PROTOCOL_VERSION) }],
      };
    case "closed":
      return onClosed(session, event.cause, event.now, event.random);
    case "received":
      return onMessage(session, event.message, event.now);
    case "progressed":
      return update(session, event.lease, (held) => heard(held, event.report));
    case "proposed":
      return update(session, event.lease, (held) =>
        held.claimed && held.running && held.settlement === null
          ? {
              ...held,
              proposal: proposalOf(event.lease, event.plan),
              settleAt: event.now,
              settleTries: 0,
            }
          : held,
      );
    case "ended":
      return onEnded(session, event);
    case "drain":
      return { session: { ...session, draining: true }, effects: [] };
    case "abort":
      return onAbort(session, event.now);
    case "tick":
      return { session, effects: [] };
  }
}

function onMessage(session: Session, message: EdgeMessage, now: number): SessionStep {
  switch (message.type) {
    case "welcome":
      return onWelcome(session, message, now);
    case "lease":
      return onLease(session, message, now);
    case "ack":
      return onAck(session, message);
    case "revoke":
      return loseLease(session, message.lease, message.reason);
    case "drain":
      return noted({ ...session, drainedByEdge: true }, "the edge asked for a drain");
    case "watch":
      return update(session, message.lease, (held) => ({
        ...held,
        intervalMs: message.progressIntervalMs,
      }));
  }
}

function onWelcome(session: Session, welcome: EdgeMessageOf<"welcome">, now: number): SessionStep {
  const fates = new Map(welcome.leases.map((fate) => [leaseKey(fate.lease), fate]));
  let next: Session = {
    ...session,
    phase: "online",
    credit: 0,
    welcomedAt: now,
    progressIntervalMs: welcome.progressIntervalMs,
  };
  const effects: SessionEffect[] = [
    { type: "set_ping", intervalMs: welcome.pingIntervalMs },
    {
      type: "note",
      level: "info",
      text: `connected as ${welcome.workerId} to pool '${welcome.pool}'`,
    },
  ];
  for (const [key, held] of session.leases) {
    if (!held.claimed) continue;
    const fate = fates.get(key);
    if (fate?.status === "kept") {
      next = withLease(next, {
        ...held,
        settleAt: now,
        sentStage: null,
        sentAt: Number.NEGATIVE_INFINITY,
        unsent: true,
        saidSlots: null,
        saidSource: false,
        saidEngine: false,
        // Whoever watched did so through the socket that is gone.
        intervalMs: null,
      });
      effects.push({ type: "renew", lease: held.lease, grant: fate.grant });
      if (held.running) {
        effects.push({ type: "limit", lease: held.lease, runLimitMs: fate.runLimitMs });
      }
    } else {
      // A lease that the welcome does not name is as lost as one that it calls so.
      const lost = loseLease(next, held.lease, fate?.reason ?? "unknown");
      next = lost.session;
      effects.push(...lost.effects);
    }
  }
  return { session: next, effects };
}

function onLease(session: Session, assignment: EdgeMessageOf<"lease">, now: number): SessionStep {
  const { lease, grant, slots } = assignment;
  const known = session.leases.get(leaseKey(lease));
  if (known !== undefined) return { session, effects: [{ type: "renew", lease, grant }] };

  const effects: SessionEffect[] = [];
  let next: Session = { ...session, credit: Math.max(0, session.credit - slots) };
  // A newer epoch of a task we run means that the older one was taken from us.
  for (const held of session.leases.values()) {
    if (held.lease.taskId === lease.taskId && held.lease.epoch < lease.epoch && held.claimed) {
      const lost = loseLease(next, held.lease, "superseded");
      next = lost.session;
      effects.push(...lost.effects);
    }
  }
  const refusal = refuseLease(next, slots);
  if (refusal !== null) {
    const released = {
      ...newLease(lease, slots, now),
      running: false,
      settlement: releaseOf(lease, refusal),
    };
    return { session: withLease(next, released), effects };
  }
  return {
    session: withLease(next, newLease(lease, slots, now)),
    effects: [...effects, { type: "start", assignment }],
  };
}

function refuseLease(session: Session, slots: number): "shutdown" | "not_running" | null {
  if (session.draining || session.drainedByEdge || session.ending !== null) return "shutdown";
  return slotsInUse(session) + slots > session.slots ? "not_running" : null;
}

function onAck(session: Session, ack: EdgeMessageOf<"ack">): SessionStep {
  const held = session.leases.get(leaseKey(ack.lease));
  if (held === undefined) return { session, effects: [] };
  if (ack.of === "progress") {
    const effects: SessionEffect[] =
      ack.grant === undefined ? [] : [{ type: "renew", lease: ack.lease, grant: ack.grant }];
    return { session, effects };
  }
  if (ack.of === "plan") return onPlanAnswer(session, held, ack);
  // An answer to an older message than the one we now stand by settles nothing.
  if (held.settlement?.type !== ack.of) return { session, effects: [] };
  const isAccepted = ack.status === "accepted";
  const note: SessionEffect = {
    type: "note",
    level: isAccepted ? "info" : "warn",
    text: `${ack.of} ${isAccepted ? "acknowledged" : `refused: ${ack.reason ?? "no reason given"}`}`,
    lease: ack.lease,
  };
  const settled = withLease(session, { ...held, claimed: false, settlement: null });
  return { session: settled, effects: [note] };
}

/** Accepted, the lease is over: its work goes on in parts. Refused, the attempt does the whole. */
function onPlanAnswer(
  session: Session,
  held: HeldLease,
  { lease, status, reason }: EdgeMessageOf<"ack">,
): SessionStep {
  if (held.proposal === null) return { session, effects: [] };
  if (status === "refused") {
    const text = `the division was refused: ${reason ?? "no reason given"}`;
    const next = withLease(session, { ...held, proposal: null, settleTries: 0 });
    return {
      session: next,
      effects: [
        { type: "note", level: "info", text, lease },
        { type: "decline", lease },
      ],
    };
  }
  const effects: SessionEffect[] = [
    { type: "note", level: "info", text: "the work was divided", lease },
  ];
  if (held.running) effects.push({ type: "stop", lease, reason: "divided" });
  return { session: withLease(session, { ...held, claimed: false, proposal: null }), effects };
}

function onEnded(session: Session, event: Extract<SessionEvent, { type: "ended" }>): SessionStep {
  const held = session.leases.get(leaseKey(event.lease));
  if (held === undefined) return { session, effects: [] };
  const settlement =
    held.claimed && held.settlement === null
      ? settlementOf(event.lease, event.outcome)
      : held.settlement;
  const rests =
    event.outcome.status === "released" &&
    (event.outcome.reason === "no_disk" || event.outcome.reason === "device_resting");
  const next = withLease(session, {
    ...held,
    running: false,
    settlement,
    proposal: null,
    settleAt: event.now,
  });
  return {
    session: rests ? { ...next, restUntil: event.now + REST_MS } : next,
    effects: [],
  };
}

function noted(session: Session, text: string): SessionStep {
  return { session, effects: [{ type: "note", level: "info", text }] };
}

/** Sends what is due, settlements before the `pull` that their end makes room for. */
function flush(session: Session, now: number): SessionStep {
  if (session.phase !== "online") return { session, effects: [] };
  const effects: SessionEffect[] = [];
  let next = session;
  for (const held of session.leases.values()) {
    const due = dueMessage(held, intervalOf(session, held), now);
    if (due === null) continue;
    next = withLease(next, due.held);
    effects.push({ type: "send", message: due.message });
  }
  const free = freeSlots(next, now);
  if (free !== next.credit) {
    next = { ...next, credit: free };
    effects.push({ type: "send", message: { type: "pull", free } });
  }
  return { session: next, effects };
}
