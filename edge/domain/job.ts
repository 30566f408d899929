/**
 * The job machine: what becomes of a job when something happens to one of its tasks.
 *
 * Every visible transition is one revision, one projection and one event, and the event's sequence number is the
 * revision: gap-free because there is nothing else to count. The pool's shell feeds events here and nowhere else,
 * commits what comes back, and then runs the effects.
 */
import type { JobError } from "../../protocol/errors.ts";
import { isTerminalState, type JobState } from "../../protocol/stages.ts";
import { leaseOf } from "./attempt.ts";
import { fromSnapshot, newJob, requeuedFrom } from "./create.ts";
import type { Effect, JobEventType, Rejected, TaskEffect } from "./effects.ts";
import type { TaskEvent } from "./events.ts";
import type { JobRecord, JobSnapshot, LiveJob, Task } from "./model.ts";
import { closeStages, enterStage, moveStage, stageOf, stageProgressOf } from "./progress.ts";
import { isRejection, isRetryable } from "./retry.ts";
import type { Rules } from "./rules.ts";
import { shownProgress, snapshotOf } from "./snapshot.ts";
import type { JobSubmission } from "./submission.ts";
import { transition } from "./task.ts";
import { rejected } from "./transitions/outcome.ts";

export { fromSnapshot, fromTombstone, tombstoneOf } from "./create.ts";
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
  return feed(live, event, rules, (task) => task.taskId === taskId);
}

/** Cancels every task that has not ended; a finished job is `terminal`. */
export function cancelJob(live: LiveJob, now: number, rules: Rules): StepResult {
  return feed(live, { type: "cancel", now }, rules, () => true);
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
  const effects: TaskEffect[] = [];
  for (const task of live.tasks) {
    const result = transition(task, { type: "retry", now, run }, rules);
    tasks.push(result.status === "ok" ? result.task : task);
    if (result.status === "ok") effects.push(...result.effects);
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
    effects: [...effects, ...announce(live.job.state, next, now)],
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
  const tasks = live.tasks.map((task) => {
    if (!concerns(task)) return task;
    const result = transition(task, event, rules);
    if (result.status === "rejected") {
      refusal = result;
      return task;
    }
    accepted = true;
    effects.push(...result.effects);
    durable ||= result.durable;
    visible ||= result.visible;
    return result.task;
  });
  if (!accepted) return refusal ?? rejected("illegal");
  if (!visible) return { status: "ok", live: { ...live, tasks }, effects, durable };
  return settle(live, tasks, effects, event.now, rules);
}

/** Draws the job's conclusion from its tasks, ends those that it no longer needs, and announces it. */
function settle(
  before: LiveJob,
  changedTasks: readonly Task[],
  taskEffects: readonly TaskEffect[],
  now: number,
  rules: Rules,
): Stepped {
  const outcome = outcomeOf(changedTasks);
  const effects = [...taskEffects];
  const tasks = changedTasks.map((task) => {
    if (outcome === null || isEnded(task)) return task;
    const stopped = transition(task, { type: "cancel", now }, rules);
    if (stopped.status === "rejected") return task;
    effects.push(...stopped.effects);
    return stopped.task;
  });
  const clocked = runClock(before.job, tasks, now);
  const job =
    outcome === null
      ? goOn(clocked, before.tasks, tasks, now, rules)
      : conclude(clocked, before.tasks, outcome, now, rules);
  const live = { job: { ...job, revision: before.job.revision + 1 }, tasks };
  const told = announce(before.job.state, live, now);
  const announced = job.announced || told.some((effect) => effect.type === "webhook");
  return {
    status: "ok",
    live: { ...live, job: { ...live.job, announced } },
    effects: [...effects, ...told],
    durable: true,
  };
}

interface Outcome {
  readonly state: "completed" | "failed" | "rejected" | "cancelled";
  readonly error: JobError | null;
  readonly outputs: JobRecord["outputs"];
}

/** How the job ends, or null while it goes on: it fails with its first failed task, and completes with its last. */
function outcomeOf(tasks: readonly Task[]): Outcome | null {
  for (const task of tasks) {
    if (task.state !== "failed") continue;
    const state = isRejection(task.error) ? "rejected" : "failed";
    return { state, error: task.error, outputs: [] };
  }
  if (!tasks.every(isEnded)) return null;
  if (tasks.some((task) => task.state === "cancelled")) {
    return { state: "cancelled", error: null, outputs: [] };
  }
  const outputs = tasks.flatMap((task) => {
    const publishes = task.kind === "whole" || task.kind === "merge";
    return publishes && task.state === "done" ? task.outputs : [];
  });
  return { state: "completed", error: null, outputs };
}

/** Whether the task is in a terminal state. */
export function isEnded(task: Task): boolean {
  switch (task.state) {
    case "ready":
    case "leased":
    case "verifying":
      return false;
    case "done":
    case "failed":
    case "cancelled":
    case "superseded":
      return true;
  }
}

/** The run's clock goes while a task is leased. A clock that was set back takes no time away twice. */
function runClock(job: JobRecord, tasks: readonly Task[], now: number): JobRecord {
  const running = tasks.some((task) => task.state === "leased");
  return { ...job, ranMs: ranMs(job, now), runningSince: running ? now : null };
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
  const fresh = { ...seen, attempt, progress: attempt > job.attempt ? 0 : seen.progress };
  return {
    ...fresh,
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

const terminalEvents: Record<Outcome["state"], JobEventType> = {
  completed: "job.completed",
  failed: "job.failed",
  rejected: "job.rejected",
  cancelled: "job.cancelled",
};

/** The projection, the event, and the webhook's event if it is one, of a visible transition. */
function announce(from: JobState | null, { job, tasks }: LiveJob, at: number): readonly Effect[] {
  const { jobId } = job.submission;
  const sequence = job.revision;
  const snapshot = snapshotOf(job, tasks);
  const name = from === job.state ? "attempt" : "state";
  const effects: Effect[] = [
    { type: "project", snapshot },
    { type: "event", jobId, sequence, name, at, snapshot },
  ];
  const event = webhookFor(job);
  if (event !== null && name === "state") {
    const eventId = `${jobId}.${sequence}`;
    effects.push({ type: "webhook", eventId, jobId, sequence, event, at, snapshot });
  }
  return effects;
}

function webhookFor(job: JobRecord): JobEventType | null {
  if (isTerminalState(job.state)) return terminalEvents[job.state];
  return job.state === "queued" || job.announced ? null : "job.started";
}
