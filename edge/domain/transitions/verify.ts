/** The check of what an attempt delivered. */
import { jobError } from "../../../protocol/errors.ts";
import { attemptIds, endAttempt } from "../attempt.ts";
import type { TaskEffect, TransitionResult } from "../effects.ts";
import type { ExpireEvent, VerifiedEvent, VerifyFailedEvent } from "../events.ts";
import type { AcceptedOutput, TaskIn } from "../model.ts";
import type { Rules } from "../rules.ts";
import { changed, giveBack, recorded, rejected, useUpAttempt } from "./outcome.ts";

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
  const { epoch, grantedAt } = task.lease;
  const tookMs = Math.max(0, event.now - grantedAt);
  const done = { ...fields, state: "done", winner: epoch, tookMs } as const;
  const { kind } = task;
  if (kind === "whole" || kind === "merge") {
    return changed({ ...done, outputs: event.outputs }, effects);
  }
  const chunk = task.chunk?.index ?? null;
  const parts: TaskEffect = {
    type: "parts",
    ...attemptIds(task, epoch),
    kind: kind === "chunk" ? kind : "audio",
    chunk,
    files: event.outputs,
  };
  const bringsSound = kind === "chunk" && event.outputs.some(isSound);
  const prelude = bringsSound ? ({ hasPrelude: true } as const) : {};
  return changed({ ...done, ...prelude, outputs: [] }, [...effects, parts]);
}

const isSound = ({ index }: AcceptedOutput) => index?.track === "audio";

/** The outputs are not what was promised: the attempt has failed. */
export function verifyFailed(
  task: TaskIn<"verifying">,
  event: Pick<VerifyFailedEvent, "now" | "code" | "detail" | "isExcused">,
  rules: Rules,
): TransitionResult {
  const { code, detail, isExcused = false } = event;
  const error = jobError({ code, detail, stage: task.lease.stage, retryable: true });
  const ended = endAttempt(task, {
    state: isExcused ? "released" : "failed",
    endedAt: event.now,
    error,
    answer: { of: "complete", status: "refused", reason: detail },
    revoke: "expired",
    stop: false,
  });
  if (!isExcused) return useUpAttempt(ended, error, event.now, rules);
  return giveBack(ended, task.lease, { now: event.now, delayMs: 0, detail }, rules);
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
