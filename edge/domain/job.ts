/**
 * The job machine: what becomes of a job when something happens to one of its tasks.
 *
 * Every visible transition is one revision, one projection and one event, and the event's sequence number is the
 * revision: gap-free because there is nothing else to count. The pool's shell feeds events here and nowhere else,
 * commits what comes back, and then runs the effects.
 */
import { isTerminalState } from "../../protocol/stages.ts";
import { announce } from "./announce.ts";
import { leaseOf } from "./attempt.ts";
import { fromSnapshot, newJob, requeuedFrom } from "./create.ts";
import type { Effect, Rejected, TaskEffect } from "./effects.ts";
import type { TaskEvent, VerifiedEvent, VerifyFailedEvent } from "./events.ts";
import { stageRank } from "./lease.ts";
import type { JobRecord, JobSnapshot, LiveJob, Task } from "./model.ts";
import {
  collectRun,
  followUp,
  isPresentation,
  leftovers,
  type Outcome,
  outcomeOf,
} from "./outcome.ts";
import {
  copyOf,
  currentTasks,
  isDivided,
  isPart,
  isPlayable,
  pinConflict,
  pinsOf,
  wasCopied,
  withParts,
} from "./parts.ts";
import { closeStages, enterStage, moveStage, stageOf, stageProgressOf } from "./progress.ts";
import { isRetryable } from "./retry.ts";
import type { Rules } from "./rules.ts";
import { shownProgress } from "./snapshot.ts";
import type { JobSubmission } from "./submission.ts";
import { transition } from "./task.ts";
import { rejected } from "./transitions/outcome.ts";

export { fromSnapshot, fromTombstone, tombstoneOf } from "./create.ts";
export { isEnded } from "./outcome.ts";
export { isRetryable } from "./retry.ts";
export { snapshotOf } from "./snapshot.ts";

export interface Stepped {
  readonly status: "ok";
  readonly live: LiveJob;
  readonly effects: readonly Effect[];
  /** Whether rows must be written. False for a mere renewal: keep `renewalOf` each lease in memory. */
  readonly durable: boolean;
}
export type StepResult = Stepped | Rejected;

/**
 * The job as accepted, with its first event. Projected even so: D1's row is at revision 0. `prior` is D1's last
 * snapshot where it has one, of a job whose rows are gone: a finished one is as it was (nothing to write), any
 * other is queued once more.
 */
export function createJob(
  submission: JobSubmission,
  now: number,
  prior: JobSnapshot | null = null,
): Stepped {
  if (prior !== null && isTerminalState(prior.state)) {
    return { status: "ok", live: fromSnapshot(submission, prior), effects: [], durable: false };
  }
  const live = prior === null ? newJob(submission, now) : requeuedFrom(submission, prior, now);
  const alarms = live.tasks.flatMap((task): Effect[] =>
    task.state === "ready" ? [{ type: "arm_alarm", at: task.queueDeadline }] : [],
  );
  const effects = [...alarms, ...announce(null, live, now)];
  return { status: "ok", live, effects, durable: true };
}

/** Feeds one event to one task and carries its consequences through the job. An unknown task is `illegal`. */
export function stepTask(
  live: LiveJob,
  taskId: string,
  event: TaskEvent,
  rules: Rules,
): StepResult {
  if (event.type !== "verified" || !rules.guards.pinned) {
    return feed(live, event, rules, (task) => task.taskId === taskId);
  }
  const task = live.tasks.find((candidate) => candidate.taskId === taskId);
  const judged = task === undefined ? event : heldToPins(live.job, task, event);
  return feed(live, judged, rules, (candidate) => candidate === task);
}

/** A chunk that differs from its pins was not made well, whatever its check found. */
function heldToPins(
  { pins, pinnedAt }: JobRecord,
  task: Task,
  event: VerifiedEvent,
): VerifiedEvent | VerifyFailedEvent {
  if (pins === null || task.chunk === null || task.state !== "verifying") return event;
  const detail = pinConflict(pins, event.outputs);
  if (detail === null) return event;
  const { now, epoch } = event;
  const isExcused = task.lease.grantedAt <= (pinnedAt ?? now);
  return { type: "verify_failed", now, epoch, code: "ENGINE_INVALID_RESPONSE", detail, isExcused };
}

/**
 * Leases of one chunk for a second time are another task: this makes it, ready for a worker. `illegal` for a task that
 * is no chunk, does not run, or has a copy already.
 */
export function copyChunk(
  live: LiveJob,
  taskId: string,
  now: number,
  { guards }: Rules,
): StepResult {
  const tasks = currentTasks(live.job, live.tasks);
  const chunk = tasks.find((task) => task.taskId === taskId);
  if (chunk?.state !== "leased" || chunk.chunk === null) return rejected("illegal");
  if (wasCopied(tasks, chunk) && guards.copiedOnce) return rejected("illegal");
  const copy = copyOf(live.tasks, chunk, now);
  const effects: Effect[] = [{ type: "arm_alarm", at: now }];
  return { status: "ok", live: { ...live, tasks: [...live.tasks, copy] }, effects, durable: true };
}

/** Cancels every task that has not ended; a finished job is `terminal`. */
export function cancelJob(live: LiveJob, now: number, rules: Rules): StepResult {
  const { run } = live.job;
  return feed(live, { type: "cancel", now }, rules, (task) => task.run === run);
}

/** How long the tasks of this run have been leased, in milliseconds. Waiting in the queue does not count. */
export function ranMs(job: Pick<JobRecord, "ranMs" | "runningSince">, now: number): number {
  return job.ranMs + (job.runningSince === null ? 0 : Math.max(0, now - job.runningSince));
}

/** Milliseconds left of the run's limit; not positive when it is over. */
export function runLimitMsLeft(job: JobRecord, now: number): number {
  return job.timeoutSeconds * 1000 - ranMs(job, now);
}

/** Ends a run that is over its limit; `illegal` before that, or while nothing runs. */
export function limitRun(live: LiveJob, now: number, rules: Rules): StepResult {
  const { job } = live;
  if (runLimitMsLeft(job, now) > 0 && rules.guards.deadline) return rejected("illegal");
  const limitSeconds = job.timeoutSeconds;
  const ranSeconds = Math.max(limitSeconds + 1, Math.ceil(ranMs(job, now) / 1000));
  return feed(
    live,
    { type: "run_limit", now, ranSeconds, limitSeconds },
    rules,
    (task) => task.state === "leased",
  );
}

/** Begins the next run of a failed job; `reason` of a refusal is a sentence for `detail`. */
export function retryJob(
  live: LiveJob,
  options: { readonly timeoutSeconds?: number | undefined },
  now: number,
  rules: Rules,
): Stepped | { readonly status: "not_retryable"; readonly reason: string } {
  const allowed = isRetryable(live.job, options);
  if (allowed.status !== "ok") return allowed;
  const run = live.job.run + 1;
  const tasks: Task[] = [];
  const effects: Effect[] = [];
  for (const task of live.tasks) {
    // The next run begins with the whole, and is planned anew: what this one was divided into stays behind.
    const isNext = task.kind === "whole" && task.run === live.job.run;
    const result = isNext ? transition(task, { type: "retry", now, run }, rules) : null;
    tasks.push(result?.status === "ok" ? result.task : task);
    if (result?.status === "ok") effects.push(...result.effects);
  }
  if (isDivided(live.tasks)) {
    effects.push(collectRun(live.job, null, now));
  }
  const { submission, revision } = live.job;
  const job: JobRecord = {
    ...newJob(submission, now).job,
    run,
    revision: revision + 1,
    timeoutSeconds: options.timeoutSeconds ?? live.job.timeoutSeconds,
  };
  const next = { job, tasks };
  return {
    status: "ok",
    live: next,
    effects: [...effects, ...announce(live.job, next, now)],
    durable: true,
  };
}

/** Feeds `event` to the tasks that `concerns` picks; rejected when all of them reject it. */
function feed(
  live: LiveJob,
  event: TaskEvent,
  rules: Rules,
  concerns: (task: Task) => boolean,
): StepResult {
  const effects: TaskEffect[] = [];
  let durable = false;
  let visible = false;
  let refusal: Rejected | null = null;
  let accepted = false;
  let divided: Task | null = null;
  const fed = live.tasks.map((task) => {
    if (!concerns(task)) return task;
    const result = transition(task, event, rules);
    if (result.status === "rejected") {
      refusal = result;
      return task;
    }
    accepted = true;
    effects.push(...result.effects);
    durable ||= result.durable;
    visible ||= result.visible && !isQuiet(live.job, task, event);
    if (result.task !== task && result.task.state === "divided") divided = result.task;
    return result.task;
  });
  if (!accepted) return refusal ?? rejected("illegal");
  const tasks = event.type === "plan" && divided !== null ? withParts(fed, divided, event) : fed;
  if (!visible) {
    const job = durable ? runClock(live.job, tasks, event.now) : live.job;
    return { status: "ok", live: { job, tasks }, effects, durable };
  }
  return settle(live, tasks, effects, event.now, rules);
}

/**
 * Of a thousand parts most of what happens is no news of the job: that one more has begun its stage, or waits for its
 * check, is in the ledger, and no event.
 */
function isQuiet(job: JobRecord, task: Task, event: TaskEvent): boolean {
  if (!isPart(task) || task.state !== "leased") return false;
  if (event.type === "progress") return stageRank(event.stage) <= stageRank(job.stage);
  return event.type === "complete" && event.result.outputs.length > 0;
}

/** Draws the job's conclusion from its tasks, ends those that it no longer needs, and announces it. */
function settle(
  before: LiveJob,
  changedTasks: readonly Task[],
  taskEffects: readonly TaskEffect[],
  now: number,
  rules: Rules,
): Stepped {
  const { run } = before.job;
  const outcome = outcomeOf(currentTasks(before.job, changedTasks));
  const effects: Effect[] = [...taskEffects];
  const follow = followUp(currentTasks(before.job, changedTasks), outcome, now, rules);
  const tasks = changedTasks.map((task) => {
    const event = task.run === run ? follow(task) : null;
    const followed = event === null ? null : transition(task, event, rules);
    if (followed?.status !== "ok") return task;
    effects.push(...followed.effects);
    return followed.task;
  });
  const clocked = pinnedBy(runClock(before.job, tasks, now), taskEffects, now);
  const earlier = currentTasks(before.job, before.tasks);
  const job =
    outcome === null
      ? goOn(clocked, earlier, currentTasks(before.job, tasks), now, rules)
      : conclude(clocked, earlier, outcome, now, rules);
  const live = { job: { ...job, revision: before.job.revision + 1 }, tasks };
  if (outcome !== null) effects.push(...leftovers(live, now));
  const told = announce(before.job, live, now);
  const announced = job.announced || told.some((effect) => effect.type === "webhook");
  return {
    status: "ok",
    live: { ...live, job: { ...live.job, announced } },
    effects: [...effects, ...told],
    durable: true,
  };
}

/** The job with the pins that its first accepted chunk set. */
function pinnedBy(job: JobRecord, effects: readonly TaskEffect[], now: number): JobRecord {
  if (job.pins !== null) return job;
  const first = effects.find((effect) => effect.type === "parts" && effect.kind === "chunk");
  if (first?.type !== "parts") return job;
  return { ...job, pins: pinsOf(first.files), pinnedAt: now };
}

/** The run's clock goes while a task is leased. A clock that was set back takes no time away twice. */
function runClock(job: JobRecord, tasks: readonly Task[], now: number): JobRecord {
  const running = tasks.some((task) => task.state === "leased");
  const idleSince = running ? null : (job.idleSince ?? now);
  return { ...job, ranMs: ranMs(job, now), runningSince: running ? now : null, idleSince };
}

function goOn(
  job: JobRecord,
  before: readonly Task[],
  tasks: readonly Task[],
  now: number,
  rules: Rules,
): JobRecord {
  const leases = tasks.flatMap((task) => leaseOf(task) ?? []);
  const attempt = leases.reduce(
    (greatest, lease) => Math.max(greatest, lease.attempt),
    job.attempt,
  );
  const began = leases.length > 0 && before.every((task) => leaseOf(task) === null);
  const stage = stageOf(tasks, job.stage);
  const seen = kept(job, before, rules);
  let stages = began && stage === null ? [] : seen.stages;
  if (stage !== null) stages = enterStage(stages, stage, now);
  else if (leases.length === 0) stages = closeStages(stages, "failed", now);
  // A new attempt of one part takes nothing from the others.
  const isAnew = attempt > job.attempt && !isDivided(tasks);
  const fresh = { ...seen, attempt, progress: isAnew ? 0 : seen.progress };
  return {
    ...fresh,
    playable: job.playable || (isPresentation(job) && isDivided(tasks) && isPlayable(tasks)),
    state: stage ?? "queued",
    stage,
    stages,
    progress: shownProgress(fresh, tasks, rules),
    startedAt: job.startedAt ?? (leases.length > 0 ? now : null),
  };
}

function conclude(
  job: JobRecord,
  before: readonly Task[],
  outcome: Outcome,
  now: number,
  rules: Rules,
): JobRecord {
  const seen = kept(job, before, rules);
  const closed = outcome.state === "rejected" ? "failed" : outcome.state;
  return {
    ...seen,
    ...outcome,
    stage: outcome.error?.stage ?? null,
    stages: closeStages(seen.stages, closed, now),
    progress: outcome.state === "completed" ? 100 : seen.progress,
    completedAt: now,
  };
}

/** The job with what its live attempts had shown until now, before the transition takes it from view. */
function kept(job: JobRecord, before: readonly Task[], rules: Rules): JobRecord {
  const progress = shownProgress(job, before, rules);
  if (job.stage === null) return { ...job, progress };
  const stages = moveStage(job.stages, job.stage, stageProgressOf(before, job.stage));
  return { ...job, progress, stages };
}
