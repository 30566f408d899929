/** What happens to a lease while its attempt runs: it moves, its socket goes and comes back, the clock steps. */
import { attemptIds, ledger } from "../attempt.ts";
import type { TaskEffect, TransitionResult } from "../effects.ts";
import type {
  DisconnectEvent,
  LostEvent,
  ProgressEvent,
  RebaseEvent,
  ResumeEvent,
} from "../events.ts";
import { disconnected, expiryOf, found, heard, lost, rebased, resumed } from "../lease.ts";
import type { TaskIn } from "../model.ts";
import { MAX_BACKOFF_MS } from "../retry.ts";
import type { Rules } from "../rules.ts";
import { changed, recorded, rejected, renewed } from "./outcome.ts";

/** A new stage is a transition; anything else lives in memory, but what the agent says only once is recorded. */
export function progress(
  task: TaskIn<"leased">,
  event: ProgressEvent,
  rules: Rules,
): TransitionResult {
  const lease = heard(task.lease, event, rules);
  const next = { ...task, lease };
  const effects: TaskEffect[] = [];
  const staged = lease.stage !== task.lease.stage;
  const equipped = lease.device !== task.lease.device || lease.encoder !== task.lease.encoder;
  const freed = lease.slots < task.lease.slots;
  if (staged || equipped || freed) effects.push(ledger(task, lease, { state: "running" }));
  if (event.source) {
    effects.push({ type: "source", ...attemptIds(task, lease.epoch), metadata: event.source });
  }
  if (staged) return changed(next, effects);
  return effects.length > 0 ? recorded(next, effects) : renewed(next);
}

/** The agent is back and still runs it: the lease goes on under the same epoch. */
export function resume(task: TaskIn<"leased">, event: ResumeEvent, rules: Rules): TransitionResult {
  const lease = resumed(task.lease, event, rules);
  const next = { ...task, lease };
  const alarm: TaskEffect = { type: "arm_alarm", at: expiryOf(lease) };
  if (lease.stage === task.lease.stage) return recorded(next, [alarm]);
  return changed(next, [ledger(task, lease, { state: "running" }), alarm]);
}

/**
 * The close of the session that holds the lease leaves the reconnect grace; of any other, nothing. A lease that was
 * taken for lost is not, where the closed socket still knew its renewals.
 */
export function disconnect(
  task: TaskIn<"leased">,
  event: DisconnectEvent,
  rules: Rules,
): TransitionResult {
  const holds = task.lease.sessionId === event.sessionId || !rules.guards.sessionHolds;
  const known = found(task.lease, event.renewal);
  if (!holds || known.lostAt !== null) return rejected("illegal");
  const lease = disconnected(known, event.now, rules);
  return recorded({ ...task, lease }, [{ type: "arm_alarm", at: expiryOf(lease) }]);
}

/** The pool woke to the lease with nobody there: once for each loss, a grace of one TTL. */
export function lose(task: TaskIn<"leased">, event: LostEvent, rules: Rules): TransitionResult {
  if (task.lease.lostAt !== null) return rejected("illegal");
  const lease = lost(task.lease, event.now, rules);
  return recorded({ ...task, lease }, [{ type: "arm_alarm", at: expiryOf(lease) }]);
}

/** After the clock was set back no deadline lies farther ahead than if it were given now. */
export function rebaseLease(
  task: TaskIn<"leased">,
  event: RebaseEvent,
  rules: Rules,
): TransitionResult {
  const lease = rebased(task.lease, event.now, rules);
  return recorded({ ...task, lease }, [{ type: "arm_alarm", at: expiryOf(lease) }]);
}

/** The same for the deadline of a check. */
export function rebaseCheck(
  task: TaskIn<"verifying">,
  event: RebaseEvent,
  rules: Rules,
): TransitionResult {
  const deadline = Math.min(task.verification.deadline, event.now + rules.verifyTimeoutMs);
  const verification = { ...task.verification, deadline };
  return recorded({ ...task, verification }, [{ type: "arm_alarm", at: deadline }]);
}

/** The same for a task that waits: its backoff, its queue limit and its age. */
export function rebaseQueue(task: TaskIn<"ready">, event: RebaseEvent): TransitionResult {
  const readyAt = Math.min(task.readyAt, event.now + MAX_BACKOFF_MS);
  const latest = readyAt + task.queueTimeoutSeconds * 1000;
  const queueDeadline = Math.min(task.queueDeadline, latest);
  const queuedAt = Math.min(task.queuedAt, event.now);
  return recorded({ ...task, queuedAt, readyAt, queueDeadline }, [
    { type: "arm_alarm", at: readyAt },
  ]);
}
