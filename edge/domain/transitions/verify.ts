/** The check of what an attempt delivered. */
import { jobError } from "../../../protocol/errors.ts";
import { attemptIds, endAttempt } from "../attempt.ts";
import type { TransitionResult } from "../effects.ts";
import type { ExpireEvent, VerifiedEvent, VerifyFailedEvent } from "../events.ts";
import type { TaskIn } from "../model.ts";
import type { Rules } from "../rules.ts";
import { changed, recorded, rejected, useUpAttempt } from "./outcome.ts";

/** How often a check that never came back is asked for. */
const MAX_VERIFY_TRIES = 3;

/** The outputs are what was promised: this epoch wins. */
export function verified(task: TaskIn<"verifying">, event: VerifiedEvent): TransitionResult {
  const { fields, effects } = endAttempt(task, {
    state: "completed",
    endedAt: event.now,
    answer: { of: "complete", status: "accepted", reason: null },
    revoke: "superseded",
    stop: false,
  });
  const { outputs } = event;
  return changed({ ...fields, state: "done", outputs, winner: task.lease.epoch }, effects);
}

/** The outputs are not what was promised: the attempt has failed. */
export function verifyFailed(
  task: TaskIn<"verifying">,
  event: Pick<VerifyFailedEvent, "now" | "code" | "detail">,
  rules: Rules,
): TransitionResult {
  const { code, detail } = event;
  const error = jobError({ code, detail, stage: task.lease.stage, retryable: true });
  const ended = endAttempt(task, {
    state: "failed",
    endedAt: event.now,
    error,
    answer: { of: "complete", status: "refused", reason: detail },
    revoke: "expired",
    stop: false,
  });
  return useUpAttempt(ended, error, event.now, rules);
}

/** A check that never came back is asked for again, a few times; then the attempt has failed. */
export function expireCheck(
  task: TaskIn<"verifying">,
  event: ExpireEvent,
  rules: Rules,
): TransitionResult {
  const { verification } = task;
  if (event.now < verification.deadline && rules.guards.deadline) return rejected("illegal");
  if (verification.tries >= MAX_VERIFY_TRIES) {
    const detail = `The outputs could not be checked in ${verification.tries} tries.`;
    return verifyFailed(task, { now: event.now, code: "ENGINE_ERROR", detail }, rules);
  }
  const deadline = event.now + rules.verifyTimeoutMs;
  const again = { ...verification, deadline, tries: verification.tries + 1 };
  return recorded({ ...task, verification: again }, [
    { type: "verify", ...attemptIds(task, task.lease.epoch), claimed: verification.claimed },
    { type: "arm_alarm", at: deadline },
  ]);
}
