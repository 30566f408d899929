/** How a session loses its socket, how the agent ends, and what it still waits for then. Pure. */
import { reconnectDelayMs } from "./backoff.ts";
import { describeCause, isProtocolError, stopReason } from "./close-cause.ts";
import { unclaimAll, withLease } from "./session-leases.ts";
import { releaseOf } from "./session-messages.ts";
import type {
  CloseCause,
  ExitReason,
  Session,
  SessionEffect,
  SessionStep,
} from "./session-model.ts";

/** A connection that held this long after its welcome counts as good: the next loss is a first one again. */
const STABLE_MS = 5_000;
/** How long an aborted agent waits for its processes to die and its releases to be acknowledged. */
const ENDING_MS = 5_000;
const MAX_RETRY_AFTER_MS = 60_000;
/** A protocol error would only recur at once: such a reconnect starts this far into the backoff. */
const PROTOCOL_ERROR_FAILURES = 4;

/** The socket closed or was refused: the agent ends where a reconnect cannot help, else it connects again. */
export function onClosed(
  session: Session,
  cause: CloseCause,
  now: number,
  random: number,
): SessionStep {
  const offline: Session = {
    ...session,
    phase: "offline",
    credit: 0,
    welcomedAt: Number.POSITIVE_INFINITY,
  };
  if (session.ending !== null) return { session: unclaimAll(offline), effects: [] };
  const stop = stopReason(cause);
  if (stop !== null) {
    const ended = end(offline, stop, now);
    return { session: unclaimAll(ended.session), effects: ended.effects };
  }
  const failures = isProtocolError(cause)
    ? Math.max(session.failures, PROTOCOL_ERROR_FAILURES)
    : now - session.welcomedAt >= STABLE_MS
      ? 0
      : session.failures;
  const asked = cause.kind === "refused" ? (cause.retryAfterMs ?? 0) : 0;
  const delayMs = Math.max(reconnectDelayMs(failures, random), Math.min(asked, MAX_RETRY_AFTER_MS));
  return {
    session: { ...offline, failures: failures + 1 },
    effects: [
      {
        type: "note",
        level: isProtocolError(cause) ? "error" : "warn",
        text: `${describeCause(cause)}; reconnecting in ${delayMs} ms`,
      },
      { type: "connect", delayMs },
    ],
  };
}

/** The owner's second word: kill what runs, give the leases back, and go. */
export function onAbort(session: Session, now: number): SessionStep {
  if (session.ending !== null) return { session, effects: [] };
  let next = session;
  for (const held of session.leases.values()) {
    if (held.claimed && held.settlement === null) {
      const settlement = releaseOf(held.lease, "shutdown");
      next = withLease(next, { ...held, settlement, proposal: null, settleAt: now });
    }
  }
  return end(next, "aborted", now);
}

function end(session: Session, reason: ExitReason, now: number): SessionStep {
  const stops: SessionEffect[] = [...session.leases.values()]
    .filter((held) => held.running)
    .map((held) => ({ type: "stop", lease: held.lease, reason }));
  return { session: { ...session, ending: { reason, by: now + ENDING_MS } }, effects: stops };
}

/** Lets the agent exit once its processes are gone and its answers are here, or the wait for both is over. */
export function finish(session: Session, now: number): SessionStep {
  const reason = exitReason(session, now);
  return reason === null
    ? { session, effects: [] }
    : { session: { ...session, exited: true }, effects: [{ type: "exit", reason }] };
}

function exitReason(session: Session, now: number): ExitReason | null {
  const held = [...session.leases.values()];
  const isRunning = held.some((lease) => lease.running);
  const isOwedAnswer = held.some((lease) => lease.settlement !== null);
  if (session.ending !== null) {
    const isWaiting = isRunning || (isOwedAnswer && session.phase === "online");
    return isWaiting && now < session.ending.by ? null : session.ending.reason;
  }
  return session.draining && !isRunning && !isOwedAnswer ? "drained" : null;
}
