/**
 * The alarm: looks at everything that may be due, does it, and sets itself to what comes next. Idempotent, and
 * never late for good: whatever goes wrong is logged and looked at again.
 */
import { deadlinesOf, due, nextAlarm } from "../domain/alarm.ts";
import type { Effect } from "../domain/effects.ts";
import { limitRun, stepTask } from "../domain/job.ts";
import type { Lease, LiveJob, Task } from "../domain/model.ts";
import { forgetJobs } from "./collect-garbage.ts";
import type { PoolContext } from "./context.ts";
import { OUTBOX_BACKSTOP_MS, PATIENCE_MS, SECOND_MS } from "./durations.ts";
import { logWarning } from "./log.ts";
import { stepJob } from "./shell.ts";
import { holdBackSilent } from "./silent-workers.ts";

/** The alarm that is set while this one runs, should it be cut short. */
const SAFETY_MS = 60 * SECOND_MS;
/** Jobs stepped in one alarm; the rest follow in the next, so that a crowd of them does not use up its CPU time. */
const STEPPED_AT_ONCE = 500;
/** When a job is looked at again that is still due though it was just stepped. */
const BREATH_MS = SECOND_MS;
/** The soonest that the alarm rings again, so that many due things do not make it spin. */
const SHORTEST_MS = 50;

/**
 * Does what is due. Never throws: the platform gives an alarm that throws six more tries (2026-10), and then none
 * ever again.
 */
export async function ring(pool: PoolContext): Promise<void> {
  pool.alarm.correct(null);
  pool.alarm.ensure(pool.now() + SAFETY_MS);
  pool.queue.lookAgain();
  await attempt("deadlines", () => {
    const effects = stepDue(pool, pool.jobs.waking(pool.now(), STEPPED_AT_ONCE));
    holdBackSilent(pool, effects);
    return pool.run(effects);
  });
  await attempt("forgetting", () => forgetJobs(pool));
  await attempt("upkeep", () => keepUp(pool));
  await attempt("alarm", () => pool.alarm.set(nextOf(pool, pool.now())));
}

/**
 * What is owed to D1, and to be deleted from the store. Either may take its time, and the platform rings no alarm while
 * one runs: the machine's next deadline is waited for beside it, and what is not done by then goes on by itself.
 */
async function keepUp(pool: PoolContext): Promise<void> {
  let isDone = false;
  const work = Promise.all([
    attempt("outbox", () => pool.drain()),
    attempt("garbage", () => pool.collection.run()),
  ]).then(() => {
    isDone = true;
  });
  const isDue = () => (pool.alarm.known() ?? Number.POSITIVE_INFINITY) <= pool.now();
  do {
    await Promise.race([work, scheduler.wait(PATIENCE_MS)]);
    if (isDone) return;
    // Not before: mostly it is done by then, and each setting of the alarm is billed.
    rearm(pool, pool.alarm.known());
  } while (!isDue());
  logWarning("upkeep_slow", { isDraining: pool.isDraining() });
  // What is postponed by then wants an alarm sooner than that which looks after it.
  pool.background(
    "upkeep",
    work.then(() => rearm(pool, pool.alarm.known())),
  );
}

/**
 * Feeds what is due for these jobs, each event in its own commit. A job that cannot be stepped holds up none of
 * the others.
 */
function stepDue(pool: PoolContext, jobIds: readonly string[]): readonly Effect[] {
  const now = pool.now();
  return jobIds.flatMap((jobId) => {
    try {
      const effects = stepDueJob(pool, jobId, now);
      const live = pool.jobs.load(jobId);
      const next = live === null ? null : nextAlarm(deadlinesOf(live, now), now);
      pool.jobs.defer(jobId, next !== null && next <= now ? now + BREATH_MS : next);
      return effects;
    } catch (error) {
      logWarning("due_failed", { traceId: pool.jobs.traceOf(jobId), jobId }, error);
      pool.jobs.defer(jobId, now + BREATH_MS);
      return [];
    }
  });
}

function stepDueJob(pool: PoolContext, jobId: string, now: number): readonly Effect[] {
  const live = pool.jobs.load(jobId);
  if (live === null) return [];
  return due(live, now, isHeldIn(pool, live), pool.rules).flatMap((item) => {
    const stepped = stepJob(pool, jobId, (current) =>
      item.kind === "run_limit"
        ? limitRun(current, now, pool.rules)
        : stepTask(current, item.taskId, item.event, pool.rules),
    );
    return stepped.status === "ok" ? stepped.effects : [];
  });
}

/** Whether the lease's own socket, or a renewal of it in memory, is here. */
function isHeldIn(pool: PoolContext, live: LiveJob): (lease: Lease) => boolean {
  const taskOf = new Map<Lease, string>();
  for (const task of live.tasks) if (task.state === "leased") taskOf.set(task.lease, task.taskId);
  return (lease) => {
    const connection = pool.connections.get(lease.workerId);
    if (connection === null) return false;
    if (connection.session.sessionId === lease.sessionId) return true;
    const taskId = taskOf.get(lease);
    return taskId !== undefined && connection.heldLease(taskId, lease.epoch) !== null;
  };
}

/** When something is due next, never sooner than a breath from now; null for never. */
function nextOf(pool: PoolContext, now: number): number | null {
  const times = [
    pool.jobs.nextWake(now),
    pool.jobs.nextForgetting(),
    later(pool.outbox.nextDue(), pool.isDraining(), now),
    later(pool.garbage.nextDue(), pool.collection.isRunning, now),
    pool.lending.lookAt,
  ].filter((at) => at !== null);
  const next = nextAlarm(times, now);
  return next === null ? null : Math.max(next, now + SHORTEST_MS);
}

/** What is being done already is looked after in a while, should the object be evicted meanwhile. */
function later(at: number | null, isUnderWay: boolean, now: number): number | null {
  return at === null || !isUnderWay ? at : Math.max(at, now + OUTBOX_BACKSTOP_MS);
}

/**
 * What an object does that wakes: it starts the grace of leases that it finds with nobody there, and sees to it
 * that checks go on and its alarm is set, which the platform may have lost and nothing else would notice.
 */
export function wake(pool: PoolContext, alarmAt: number | null): readonly Effect[] {
  pool.alarm.correct(alarmAt);
  const held = [...new Set(pool.queue.held().map((task) => task.jobId))];
  const effects = [
    ...stepDue(pool, held),
    ...held.flatMap((jobId) => interruptedChecks(pool, jobId)),
  ];
  rearm(pool, pool.alarm.known());
  return effects;
}

/**
 * Sees to it that the alarm rings for what is due next. `alarmAt` is what it is set to: an alarm that used up its
 * tries is set to nothing, and memory does not know.
 */
export function rearm(pool: PoolContext, alarmAt: number | null): void {
  pool.alarm.correct(alarmAt);
  const next = nextOf(pool, pool.now());
  if (next !== null) pool.alarm.ensure(next);
}

/**
 * Checks that an eviction cut short: they need not wait for their deadline. A job that cannot be read has none: an object
 * that throws while it wakes answers nobody.
 */
function interruptedChecks(pool: PoolContext, jobId: string): readonly Effect[] {
  let tasks: readonly Task[] = [];
  try {
    tasks = pool.jobs.load(jobId)?.tasks ?? [];
  } catch (error) {
    logWarning("checks_not_resumed", { jobId }, error);
  }
  return tasks.flatMap((task): Effect[] => {
    if (task.state !== "verifying") return [];
    const { taskId, run, lease, verification } = task;
    return [
      { type: "verify", jobId, taskId, run, epoch: lease.epoch, claimed: verification.claimed },
    ];
  });
}

async function attempt(what: string, work: () => Promise<unknown> | unknown): Promise<void> {
  try {
    await work();
  } catch (error) {
    logWarning("alarm_step_failed", { what }, error);
  }
}
