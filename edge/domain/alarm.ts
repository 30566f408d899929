/**
 * When to look again, and what is due then. The alarm carries nothing: whatever it finds due is due however late
 * it comes and however often, so losing, repeating or delaying it changes no outcome.
 */
import type { TaskEvent } from "./events.ts";
import { runLimitMsLeft } from "./job.ts";
import { expiryOf } from "./lease.ts";
import type { JobRecord, Lease, LiveJob, Task, TaskIn } from "./model.ts";
import { MAX_BACKOFF_MS } from "./retry.ts";
import type { Rules } from "./rules.ts";
import { speculateAt } from "./speculate.ts";

/** A clock may be corrected by this much, in milliseconds, before deadlines are counted anew. */
const CLOCK_TOLERANCE_MS = 1000;

/** The instant that the one alarm is set to, in milliseconds since the epoch: never in the past; null for none. */
export function nextAlarm(deadlines: Iterable<number>, now: number): number | null {
  let earliest: number | null = null;
  for (const at of deadlines) {
    if (earliest === null || at < earliest) earliest = at;
  }
  return earliest === null ? null : Math.max(earliest, now);
}

/** Every instant at which something of the job falls due, or a task of it may be leased again or a second time. */
export function deadlinesOf(live: LiveJob, now: number): readonly number[] {
  const { job, tasks } = live;
  const ofTasks = tasks.flatMap((task) => taskDeadlines(job, task, now));
  const copyAt = speculateAt(live, now);
  if (copyAt !== null) ofTasks.push(copyAt);
  return job.runningSince === null ? ofTasks : [...ofTasks, now + runLimitMsLeft(job, now)];
}

function taskDeadlines(job: JobRecord, task: Task, now: number): readonly number[] {
  switch (task.state) {
    case "ready": {
      const limit = queueLimitOf(job, task);
      const queue = limit === null ? [] : [limit];
      return task.readyAt > now ? [task.readyAt, ...queue] : queue;
    }
    case "leased":
      return [expiryOf(task.lease)];
    case "verifying":
      return [task.verification.deadline];
    case "waiting":
    case "divided":
    case "done":
    case "failed":
    case "cancelled":
    case "superseded":
      return [];
  }
}

/**
 * When nobody will have taken the task in time; null for never. The parts of one video wait for each other's slots:
 * their limit counts only while no worker runs any of them.
 */
function queueLimitOf(job: JobRecord, task: TaskIn<"ready">): number | null {
  if (task.kind === "whole") return task.queueDeadline;
  if (job.idleSince === null) return null;
  return Math.max(task.queueDeadline, job.idleSince + task.queueTimeoutSeconds * 1000);
}

export type Due =
  | { readonly kind: "task"; readonly taskId: string; readonly event: TaskEvent }
  | { readonly kind: "run_limit" };

/**
 * What an alarm, or a wake, at `now` must feed, in order: `task` to `stepTask`, `run_limit` to `limitRun`. `isHeld`
 * says whether a socket of the lease's session, or a renewal of it in memory, is there; a lease that is not held,
 * and not known as lost, is not expired but put into its grace.
 */
export function due(
  live: LiveJob,
  now: number,
  isHeld: (lease: Lease) => boolean,
  rules: Rules,
): readonly Due[] {
  const dues = live.tasks.flatMap((task): Due[] => {
    const event = dueEvent(live.job, task, now, isHeld, rules);
    return event === null ? [] : [{ kind: "task", taskId: task.taskId, event }];
  });
  const over = live.job.runningSince !== null && runLimitMsLeft(live.job, now) <= 0;
  return over ? [{ kind: "run_limit" }, ...dues] : dues;
}

function dueEvent(
  job: JobRecord,
  task: Task,
  now: number,
  isHeld: (lease: Lease) => boolean,
  rules: Rules,
): TaskEvent | null {
  switch (task.state) {
    case "ready": {
      const latest = now + MAX_BACKOFF_MS + CLOCK_TOLERANCE_MS;
      const queueMs = task.queueTimeoutSeconds * 1000;
      const ahead = task.readyAt > latest || task.queueDeadline > latest + queueMs;
      if (ahead) return { type: "rebase", now };
      const limit = queueLimitOf(job, task);
      return limit !== null && limit <= now ? { type: "queue_timeout", now } : null;
    }
    case "leased": {
      if (task.lease.lostAt === null && !isHeld(task.lease)) return { type: "lost", now };
      const expiry = expiryOf(task.lease);
      if (expiry > now + rules.leaseTtlMs + CLOCK_TOLERANCE_MS) return { type: "rebase", now };
      return expiry <= now ? { type: "expire", now } : null;
    }
    case "verifying": {
      const { deadline } = task.verification;
      if (deadline > now + rules.verifyTimeoutMs + CLOCK_TOLERANCE_MS) {
        return { type: "rebase", now };
      }
      return deadline <= now ? { type: "expire", now } : null;
    }
    case "waiting":
    case "divided":
    case "done":
    case "failed":
    case "cancelled":
    case "superseded":
      return null;
  }
}
