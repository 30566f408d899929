/** The results a transition can have, and the ways an attempt's end leaves its task. */
import { type JobError, jobError } from "../../../protocol/errors.ts";
import type { Rejected, RejectReason, TaskEffect, TransitionResult } from "../effects.ts";
import type { Lease, Task, TaskFields } from "../model.ts";
import { failureBackoffMs, RELEASE_ALLOWANCE } from "../retry.ts";
import type { Rules } from "../rules.ts";

/** The event changes nothing, for this reason. */
export function rejected(reason: RejectReason): Rejected {
  return { status: "rejected", reason };
}

/** A change that the job's snapshot or ledger shows. */
export function changed(task: Task, effects: readonly TaskEffect[]): TransitionResult {
  return { status: "ok", task, effects, durable: true, visible: true };
}

/** A change of the task's row that nobody outside the pool sees. */
export function recorded(task: Task, effects: readonly TaskEffect[] = []): TransitionResult {
  return { status: "ok", task, effects, durable: true, visible: false };
}

/** A renewal: it lives in memory. */
export function renewed(task: Task): TransitionResult {
  return { status: "ok", task, effects: [], durable: false, visible: false };
}

/** Nothing to do, and nothing wrong. */
export function unchanged(task: Task, effects: readonly TaskEffect[] = []): TransitionResult {
  return { status: "ok", task, effects, durable: false, visible: false };
}

/** The task waits for a worker again, from `readyAt` on. */
export function backToQueue(
  fields: TaskFields,
  now: number,
  delayMs: number,
  effects: readonly TaskEffect[],
): TransitionResult {
  const readyAt = now + delayMs;
  const queueDeadline = readyAt + fields.queueTimeoutSeconds * 1000;
  // A part keeps the age of its job: the others are worth nothing without it.
  const queuedAt = fields.kind === "whole" ? now : fields.queuedAt;
  return changed({ ...fields, state: "ready", queuedAt, readyAt, queueDeadline }, [
    ...effects,
    { type: "arm_alarm", at: delayMs > 0 ? readyAt : queueDeadline },
  ]);
}

/**
 * An attempt is used up: the task is tried again after `delayMs` (by default, what its attempts so far make), or
 * fails when the error would only recur or no attempt is left.
 */
export function useUpAttempt(
  ended: { readonly fields: TaskFields; readonly effects: readonly TaskEffect[] },
  error: JobError,
  now: number,
  rules: Rules,
  delayMs?: number,
): TransitionResult {
  const attempts = ended.fields.attempts + 1;
  const fields = { ...ended.fields, attempts };
  const exhausted = attempts >= fields.maxAttempts && rules.guards.attemptCap;
  if (!error.retryable || exhausted) {
    return changed({ ...fields, state: "failed", error }, ended.effects);
  }
  return backToQueue(fields, now, delayMs ?? failureBackoffMs(attempts), ended.effects);
}

/**
 * An attempt is given back through no fault of the task. It uses up none, but past an allowance it does, or a
 * task that everyone gives back would never end.
 */
export function giveBack(
  ended: { readonly fields: TaskFields; readonly effects: readonly TaskEffect[] },
  lease: Lease,
  why: { readonly now: number; readonly delayMs: number; readonly detail: string },
  rules: Rules,
): TransitionResult {
  const releases = ended.fields.releases + 1;
  const fields = { ...ended.fields, releases };
  if (releases <= RELEASE_ALLOWANCE || !rules.guards.releaseCap) {
    return backToQueue(fields, why.now, why.delayMs, ended.effects);
  }
  const error = jobError({
    code: "ENGINE_ERROR",
    detail: `${why.detail} It was given back ${releases} times.`,
    stage: lease.stage,
    retryable: true,
  });
  return useUpAttempt({ fields, effects: ended.effects }, error, why.now, rules);
}
