/** How the edge ends an attempt or a task by itself: deadlines, cancelling, superseding. And how a task begins anew. */
import { jobError } from "../../../protocol/errors.ts";
import { endAttempt, expiryError, fieldsOf, type LiveTask, leaseOf } from "../attempt.ts";
import type { TransitionResult } from "../effects.ts";
import type {
  CancelEvent,
  ExpireEvent,
  QueueTimeoutEvent,
  RetryEvent,
  RunLimitEvent,
  SupersedeEvent,
} from "../events.ts";
import { expiryOf } from "../lease.ts";
import type { Task, TaskIn } from "../model.ts";
import type { Rules } from "../rules.ts";
import { backToQueue, changed, rejected, useUpAttempt } from "./outcome.ts";

/** The worker went silent: an attempt is used up, and the next may begin at once. */
export function expireLease(
  task: TaskIn<"leased">,
  event: ExpireEvent,
  rules: Rules,
): TransitionResult {
  if (event.now < expiryOf(task.lease) && rules.guards.deadline) return rejected("illegal");
  const error = expiryError(task, event.now, rules);
  const ended = endAttempt(task, {
    state: "expired",
    endedAt: event.now,
    error,
    revoke: "expired",
    stop: true,
  });
  if (rules.guards.expiryCounts) return useUpAttempt(ended, error, event.now, rules, 0);
  return backToQueue(ended.fields, event.now, 0, ended.effects);
}

/** The run was too long: another one would be, too. */
export function runLimit(task: TaskIn<"leased">, event: RunLimitEvent): TransitionResult {
  const error = jobError({
    code: "JOB_TIMEOUT",
    detail: `Job ran for ${event.ranSeconds} seconds, exceeding the limit of ${event.limitSeconds} seconds.`,
    stage: task.lease.stage,
    retryable: false,
  });
  const { fields, effects } = endAttempt(task, {
    state: "expired",
    endedAt: event.now,
    error,
    revoke: "run_limit",
    stop: true,
  });
  return changed({ ...fields, attempts: fields.attempts + 1, state: "failed", error }, effects);
}

/** No worker that can do it came in time. */
export function queueTimeout(
  task: TaskIn<"ready">,
  event: QueueTimeoutEvent,
  rules: Rules,
): TransitionResult {
  if (event.now < task.queueDeadline && rules.guards.deadline) return rejected("illegal");
  const error = jobError({
    code: "JOB_TIMEOUT",
    detail: `No capable worker took the job within its queue limit of ${task.queueTimeoutSeconds} seconds.`,
    stage: null,
    retryable: true,
  });
  return changed({ ...fieldsOf(task), state: "failed", error }, []);
}

/** The client wants it no more, or its job has ended without it. */
export function cancel(task: Task, event: CancelEvent): TransitionResult {
  return stop(task, event.now, "cancelled");
}

/** A sibling was accepted in its place. */
export function supersede(task: Task, event: SupersedeEvent): TransitionResult {
  return stop(task, event.now, "superseded");
}

function stop(task: Task, now: number, state: "cancelled" | "superseded"): TransitionResult {
  if (leaseOf(task) === null) return changed({ ...fieldsOf(task), state }, []);
  const { fields, effects } = endAttempt(task as LiveTask, {
    state,
    endedAt: now,
    revoke: state,
    stop: true,
  });
  return changed({ ...fields, state }, effects);
}

/** A new run: a fresh set of attempts, and epochs that go on growing. */
export function retry(
  task: TaskIn<"failed" | "cancelled" | "divided">,
  event: RetryEvent,
  rules: Rules,
): TransitionResult {
  const epoch = rules.guards.retryKeepsEpoch ? task.epoch : 0;
  const fields = { ...fieldsOf(task), run: event.run, epoch, attempts: 0, releases: 0 };
  return backToQueue(fields, event.now, 0, []);
}
