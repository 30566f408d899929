/** A ready task meets a worker. */
import { attemptIds, fieldsOf, ledger } from "../attempt.ts";
import type { TransitionResult } from "../effects.ts";
import type { GrantEvent } from "../events.ts";
import { expiryOf, leaseFor } from "../lease.ts";
import type { Task, TaskIn } from "../model.ts";
import type { Rules } from "../rules.ts";
import { changed, rejected } from "./outcome.ts";

/** Begins the next attempt under a new epoch; not before the task's backoff is over. */
export function grant(task: TaskIn<"ready">, event: GrantEvent, rules: Rules): TransitionResult {
  return event.now < task.readyAt ? rejected("illegal") : begin(task, event, rules);
}

/** A task that runs is not granted again. */
export function grantHeld(
  task: TaskIn<"leased" | "verifying">,
  event: GrantEvent,
  rules: Rules,
): TransitionResult {
  return rules.guards.oneLease ? rejected("illegal") : begin(task, event, rules);
}

function begin(task: Task, event: GrantEvent, rules: Rules): TransitionResult {
  const epoch = rules.guards.epochGrows ? task.epoch + 1 : Math.max(1, task.epoch);
  const lease = leaseFor(event, { epoch, attempt: task.attempts + 1 }, rules);
  const { workerId } = event;
  return changed({ ...fieldsOf(task), epoch, state: "leased", lease }, [
    ledger(task, lease, { state: "running" }),
    { type: "grant", ...attemptIds(task, epoch), workerId, slots: lease.slots },
    { type: "arm_alarm", at: expiryOf(lease) },
  ]);
}
