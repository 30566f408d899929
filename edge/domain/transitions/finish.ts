/** What the holder says last of an attempt, and the ways in which the holder itself is gone. */
import { jobError } from "../../../protocol/errors.ts";
import { attemptIds, endAttempt, fieldsOf, type LiveTask, ledger } from "../attempt.ts";
import type { TransitionResult } from "../effects.ts";
import type {
  CompleteEvent,
  FailEvent,
  NotClaimedEvent,
  ReleaseEvent,
  WorkerRevokedEvent,
} from "../events.ts";
import type { AcceptedOutput, TaskIn } from "../model.ts";
import { mayHelp, releaseBackoffMs } from "../retry.ts";
import type { Rules } from "../rules.ts";
import { changed, giveBack, rejected, useUpAttempt } from "./outcome.ts";

/** Nothing counts until the outputs were checked: the lease freezes and the check gets a deadline. */
export function complete(
  task: TaskIn<"leased">,
  event: CompleteEvent,
  rules: Rules,
): TransitionResult {
  const { lease } = task;
  const { result } = event;
  if (result.outputs.length === 0 && rules.guards.nonEmpty) return empty(task, event, rules);
  if (!rules.guards.verifyFirst) return unverified(task, event);
  const deadline = event.now + rules.verifyTimeoutMs;
  const verification = { claimed: result, deadline, tries: 1 };
  return changed({ ...fieldsOf(task), state: "verifying", lease, verification }, [
    ledger(task, lease, { state: "verifying", engine: result.engine }),
    { type: "verify", ...attemptIds(task, lease.epoch), claimed: result },
    { type: "arm_alarm", at: deadline },
  ]);
}

/** What would be accepted on the agent's word alone; reached only when a test takes the guard out. */
function unverified(task: TaskIn<"leased">, event: CompleteEvent): TransitionResult {
  const outputs = event.result.outputs.map(
    (report): AcceptedOutput => ({
      name: report.filename,
      key: report.key,
      etag: report.stored.kind === "single" ? report.stored.etag : "",
      contentType: report.contentType,
      format: report.format,
      sizeBytes: report.sizeBytes,
      sha256: report.sha256,
      media: report.media,
      ...(report.quality === undefined ? {} : { quality: report.quality }),
    }),
  );
  const { fields, effects } = endAttempt(task, {
    state: "completed",
    endedAt: event.now,
    engine: event.result.engine,
    answer: { of: "complete", status: "accepted", reason: null },
    revoke: "superseded",
    stop: false,
  });
  const { epoch, grantedAt } = task.lease;
  const tookMs = event.now - grantedAt;
  return changed({ ...fields, state: "done", outputs, winner: epoch, tookMs }, effects);
}

function empty(task: TaskIn<"leased">, event: CompleteEvent, rules: Rules): TransitionResult {
  const error = jobError({
    code: "ENGINE_EMPTY_RESPONSE",
    detail: `Worker '${task.lease.workerName}' reported success without an output.`,
    stage: task.lease.stage,
    retryable: true,
  });
  const ended = endAttempt(task, {
    state: "failed",
    endedAt: event.now,
    error,
    engine: event.result.engine,
    answer: { of: "complete", status: "refused", reason: error.detail },
    revoke: "expired",
    stop: false,
  });
  return useUpAttempt(ended, error, event.now, rules);
}

/** The attempt failed: tried again if that may help and an attempt is left. */
export function fail(task: TaskIn<"leased">, event: FailEvent, rules: Rules): TransitionResult {
  const error = jobError({
    code: event.code,
    detail: event.detail,
    stage: event.stage,
    retryable: mayHelp(event.code, event.retryable),
  });
  const ended = endAttempt(task, {
    state: "failed",
    endedAt: event.now,
    error,
    engine: event.engine,
    answer: { of: "fail", status: "accepted", reason: null },
    revoke: "expired",
    stop: false,
  });
  return useUpAttempt(ended, error, event.now, rules);
}

/** Given back unfinished, through no fault of the task. */
export function release(
  task: TaskIn<"leased">,
  event: ReleaseEvent,
  rules: Rules,
): TransitionResult {
  const ended = endAttempt(task, {
    state: "released",
    endedAt: event.now,
    answer: { of: "release", status: "accepted", reason: null },
    revoke: "expired",
    stop: false,
  });
  const detail = `Worker '${task.lease.workerName}' gave the lease back (${event.reason}).`;
  const delayMs = releaseBackoffMs(event.reason, task.releases + 1);
  return giveBack(ended, task.lease, { now: event.now, delayMs, detail }, rules);
}

/** The agent restarted and no longer runs it: handed over at once, and an attempt is used up. */
export function notClaimed(
  task: TaskIn<"leased">,
  event: NotClaimedEvent,
  rules: Rules,
): TransitionResult {
  const { lease } = task;
  if (lease.workerId !== event.workerId) return rejected("illegal");
  const error = jobError({
    code: "ENGINE_INVOCATION_ERROR",
    detail:
      `Worker '${lease.workerName}' came back without the lease it held ` +
      `(attempt ${lease.attempt} of ${task.maxAttempts}).`,
    stage: lease.stage,
    retryable: true,
  });
  const ended = endAttempt(task, {
    state: "failed",
    endedAt: event.now,
    error,
    revoke: "expired",
    stop: false,
  });
  return useUpAttempt(ended, error, event.now, rules, 0);
}

/** The holder may hold nothing any more. That is no fault of the task: another worker takes it at once. */
export function workerRevoked(
  task: LiveTask,
  event: WorkerRevokedEvent,
  rules: Rules,
): TransitionResult {
  if (task.lease.workerId !== event.workerId) return rejected("illegal");
  const ended = endAttempt(task, {
    state: "released",
    endedAt: event.now,
    revoke: "worker_revoked",
    stop: true,
  });
  const detail = `Worker '${task.lease.workerName}' was revoked.`;
  return giveBack(ended, task.lease, { now: event.now, delayMs: 0, detail }, rules);
}
