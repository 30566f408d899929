/**
 * The five steps, in one place: decode (the caller did), load, transition, commit, run effects. Load to commit
 * is synchronous: no await stands between, so no other event sees or changes half of it.
 */
import { isTerminalState } from "../../protocol/stages.ts";
import { deadlinesOf } from "../domain/alarm.ts";
import { countStep } from "../domain/counters.ts";
import type { Effect, RejectReason } from "../domain/effects.ts";
import type { TaskEvent } from "../domain/events.ts";
import { historyLineOf } from "../domain/history.ts";
import { createJob, type Stepped, stepTask } from "../domain/job.ts";
import { renewalOf } from "../domain/lease.ts";
import type { JobSnapshot, LiveJob, Task } from "../domain/model.ts";
import type { JobSubmission } from "../domain/submission.ts";
import type { PoolContext } from "./context.ts";
import { retentionMs } from "./durations.ts";
import { keepEffect } from "./keep-effect.ts";
import { logInfo } from "./log.ts";

export type Committed =
  | { readonly status: "ok"; readonly live: LiveJob; readonly effects: readonly Effect[] }
  | { readonly status: "rejected"; readonly reason: RejectReason }
  | { readonly status: "unknown" };

type Step<Refused> = (live: LiveJob) => Stepped | Refused;

/**
 * Loads the job, steps it, and commits what the step says. Whatever else the step answers is passed on with
 * nothing written. The effects are the caller's to run, after the commit.
 */
export function stepJob<Refused extends { readonly status: string }>(
  pool: PoolContext,
  jobId: string,
  step: Step<Refused>,
): Stepped | Refused | { readonly status: "unknown" } {
  const before = pool.jobs.load(jobId);
  if (before === null) return { status: "unknown" };
  const stepped = step(before);
  if (isStepped(stepped)) commit(pool, before, stepped);
  return stepped;
}

/** Feeds one event to one task of a job. */
export function stepOneTask(
  pool: PoolContext,
  jobId: string,
  taskId: string,
  event: TaskEvent,
): Committed {
  return stepJob(pool, jobId, (live) => stepTask(live, taskId, event, pool.rules));
}

/**
 * The job, created first if it is not known. `prior` is D1's last snapshot of a job whose rows are gone: a finished
 * one is as it was, with nothing written; any other is queued once more, its revisions and epochs above those of then.
 */
export function loadOrCreate(
  pool: PoolContext,
  submission: JobSubmission,
  prior: JobSnapshot | null,
): { readonly live: LiveJob; readonly effects: readonly Effect[]; readonly isStored: boolean } {
  const known = pool.jobs.load(submission.jobId);
  if (known !== null) return { live: known, effects: [], isStored: true };
  const created = createJob(submission, pool.now(), prior);
  if (created.durable) commit(pool, null, created);
  return { live: created.live, effects: created.effects, isStored: created.durable };
}

/** Writes a step: rows, ledger, outbox, garbage and alarm in one transaction; then the renewals in memory. */
export function commit(pool: PoolContext, before: LiveJob | null, stepped: Stepped): void {
  if (stepped.durable) {
    const counted = pool.counters.read();
    const counters = countStep(counted, stepped.live, stepped.effects);
    let wake: number | null = null;
    transact(pool, () => {
      if (counters !== counted) pool.counters.write(counters);
      wake = saveJob(pool, before, stepped.live);
      for (const effect of stepped.effects) keepEffect(pool, stepped.live, effect);
      if (isTerminalState(stepped.live.job.state) && stepped.live.tasks.length > 1) {
        pool.parts.delete(stepped.live.job.submission.jobId);
      }
      const line = historyLineOf(stepped.effects);
      if (line !== null) pool.history.add(stepped.live.job.submission.jobId, line);
    });
    pool.counters.settle(counters);
    pool.jobs.settle(stepped.live.job.submission.jobId, wake);
    pool.queue.follow(before, stepped.live, pool.now());
    logEnd(before, stepped.live);
  }
  pool.jobs.remember(stepped.live);
  keepRenewals(pool, before, stepped.live);
}

/** A line for a run that has ended. */
function logEnd(before: LiveJob | null, { job }: LiveJob): void {
  if (!isTerminalState(job.state) || before?.job.state === job.state) return;
  const { jobId, traceId } = job.submission;
  logInfo("ended", { traceId, jobId, run: job.run, state: job.state, code: job.error?.code });
}

/** One synchronous transaction. An alarm that was set in it is undone with it. */
function transact(pool: PoolContext, write: () => void): void {
  const alarmAt = pool.alarm.known();
  try {
    pool.storage.transactionSync(write);
  } catch (error) {
    pool.alarm.correct(alarmAt);
    throw error;
  }
}

/** @returns what `JobStore.save` does. */
function saveJob(pool: PoolContext, before: LiveJob | null, after: LiveJob): number | null {
  const now = pool.now();
  const wakesAt = earliest(deadlinesOf(after, now));
  const { state, completedAt } = after.job;
  const forgetAt = isTerminalState(state)
    ? (completedAt ?? now) + retentionMs(pool.settings)
    : null;
  for (const at of [wakesAt, forgetAt]) if (at !== null) pool.alarm.ensure(at);
  return pool.jobs.save(before, after, { wakesAt, forgetAt, now });
}

/** Keeps each holder's session in step with its leases: renewals live nowhere else. */
function keepRenewals(pool: PoolContext, before: LiveJob | null, after: LiveJob): void {
  const unchanged = new Set(before?.tasks);
  const previous = new Map(before?.tasks.map((task) => [task.taskId, task]));
  for (const task of after.tasks) {
    if (unchanged.has(task)) continue;
    const holder = holderOf(task);
    const oldHolder = holderOf(previous.get(task.taskId));
    if (oldHolder !== null && oldHolder !== holder) {
      pool.connections.get(oldHolder)?.letGo(task.taskId);
    }
    if (task.state !== "leased") continue;
    const connection = pool.connections.get(task.lease.workerId);
    if (connection?.session.sessionId !== task.lease.sessionId) continue;
    const grantUntil = connection.heldLease(task.taskId, task.lease.epoch)?.grantUntil ?? 0;
    connection.hold({ taskId: task.taskId, renewal: renewalOf(task.lease), grantUntil });
  }
}

function holderOf(task: Task | undefined): string | null {
  return task?.state === "leased" ? task.lease.workerId : null;
}

function isStepped(result: { readonly status: string }): result is Stepped {
  return result.status === "ok";
}

function earliest(times: readonly number[]): number | null {
  return times.length === 0 ? null : Math.min(...times);
}
