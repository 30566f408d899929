/** A whole becomes chunks, and what waits for them. */
import { ack, attemptIds, endAttempt, fieldsOf } from "../attempt.ts";
import type { TransitionResult } from "../effects.ts";
import type { PartsDoneEvent, PlanEvent } from "../events.ts";
import type { TaskIn, Verdict } from "../model.ts";
import { backToQueue, changed, recorded, rejected, unchanged } from "./outcome.ts";

/**
 * The holder offers a plan. Accepted, its attempt is over and its slot free; refused, it goes on with the whole, and
 * every later plan of the same attempt gets the same refusal.
 */
export function divide(task: TaskIn<"leased">, event: PlanEvent): TransitionResult {
  const { lease } = task;
  const refused = lease.planRefused ?? (task.kind === "whole" ? event.refusal : "not_whole");
  if (refused !== null) {
    const answer = [ack(task, refusalOf(event, refused), "plan")];
    if (lease.planRefused !== null) return unchanged(task, answer);
    return recorded({ ...task, lease: { ...lease, planRefused: refused } }, answer);
  }
  const { fields, effects } = endAttempt(task, {
    state: "completed",
    endedAt: event.now,
    engine: event.engine,
    answer: { of: "plan", status: "accepted", reason: null },
    revoke: "superseded",
    stop: false,
  });
  const ids = attemptIds(task, lease.epoch);
  return changed({ ...fields, state: "divided" }, [
    ...effects,
    // Nothing that it may have written is ever published.
    { type: "collect", ...ids, endedAt: event.now },
    { type: "plan", ...ids, plan: event.plan },
  ]);
}

/** While its result is checked the attempt gets the answer that it had; it has no other plan to offer. */
export function divideAgain(task: TaskIn<"verifying">, event: PlanEvent): TransitionResult {
  const { planRefused } = task.lease;
  if (planRefused === null) return rejected("illegal");
  return unchanged(task, [ack(task, refusalOf(event, planRefused), "plan")]);
}

/** How a plan is refused, as an answer that can be repeated. */
export function refusalOf(
  { epoch, workerId }: Pick<PlanEvent, "epoch" | "workerId">,
  reason: string,
): Verdict {
  return { epoch, workerId, of: "plan", status: "refused", reason, revoke: "unknown" };
}

/** The merge may be leased: its queue limit counts from now. */
export function partsDone(task: TaskIn<"waiting">, event: PartsDoneEvent): TransitionResult {
  return backToQueue(fieldsOf(task), event.now, 0, []);
}
