/**
 * Matching and leasing. Synchronous from the look at the queue to the last commit, which is why a pool is one
 * object: no two workers are ever offered the same task.
 */
import type { Effect } from "../domain/effects.ts";
import { type ActiveLeases, type Assignment, match, type ReadyTask } from "../domain/match.ts";
import { isChunkPlace } from "../domain/parts.ts";
import { pinnedNeeds } from "../domain/pinned-needs.ts";
import type { PoolContext } from "./context.ts";
import { matchWorkers } from "./fleet.ts";
import { grantTask } from "./grant-task.ts";
import { logWarning } from "./log.ts";
import type { HeldTask } from "./queue-store.ts";
import { leaseCopies } from "./second-copies.ts";
import { letGoOfSilent } from "./silent-workers.ts";

/**
 * Leases ready tasks to workers that asked for some; the effects of doing so are the caller's to run. A page without a
 * taker (nobody has the encoder) leads to the next.
 */
export function dispatch(pool: PoolContext): readonly Effect[] {
  if (!pool.connections.all().some((connection) => connection.session.credit > 0)) return [];
  const effects: Effect[] = [];
  const now = pool.now();
  let reserved: ReadonlySet<string> = new Set();
  /** Not to be had, or failed on: looked past, so that they hold up no other. */
  const passed = new Set<string>();
  let isSure = false;
  for (let offset = 0; ; ) {
    // Before the queue: another page of it is rows to read, and mostly nobody is left to take any.
    const held = pool.queue.held();
    const workers = matchWorkers(pool, held);
    if (!workers.some(({ workerId, free }) => free > 0 && !reserved.has(workerId))) break;
    const { tasks, isLast } = pool.queue.ready(now, offset);
    if (tasks.length === 0) break;
    if (!isSure) {
      isSure = true;
      const gone = letGoOfSilent(pool);
      if (gone !== null) {
        effects.push(...gone);
        continue;
      }
    }
    const ready = tasks.filter(({ taskId }) => !passed.has(taskId));
    const matched = match(
      pinned(pool, ready),
      workers,
      activeLeases(held),
      now,
      pool.rules,
      reserved,
    );
    for (const assignment of matched.assignments) {
      const jobId = ready.find((task) => task.taskId === assignment.taskId)?.jobId;
      const granted = jobId === undefined ? null : tryGrant(pool, jobId, assignment, now);
      if (granted === null) passed.add(assignment.taskId);
      else effects.push(...granted);
    }
    // What was leased is gone from the queue, and more of it has taken its place; what was not, is passed.
    if (matched.assignments.length > 0) continue;
    reserved = matched.reserved;
    if (isLast) break;
    offset += tasks.filter(({ place }) => place === null).length;
  }
  return [...effects, ...leaseCopies(pool, reserved)];
}

/** One job that cannot be leased, whatever is wrong with it, must not keep those behind it waiting. */
function tryGrant(
  pool: PoolContext,
  jobId: string,
  assignment: Assignment,
  now: number,
): readonly Effect[] | null {
  try {
    return grantTask(pool, jobId, assignment, now);
  } catch (error) {
    const { taskId } = assignment;
    logWarning("grant_failed", { traceId: pool.jobs.traceOf(jobId), jobId, taskId }, error);
    return null;
  }
}

/** Chunks of a job that has pins go to workers that have the pinned encoders. */
export function pinned(pool: PoolContext, ready: readonly ReadyTask[]): readonly ReadyTask[] {
  return ready.map((task) => {
    const pins = isChunkPlace(task.place) ? pool.jobs.load(task.jobId)?.job.pins : null;
    return pins ? { ...task, needs: pinnedNeeds(task.needs, pins) } : task;
  });
}

function activeLeases(held: readonly HeldTask[]): ActiveLeases {
  const accounts = new Map<string, number>();
  const jobs = new Map<string, number>();
  for (const { accountId, jobId, state } of held) {
    if (state !== "leased") continue;
    accounts.set(accountId, (accounts.get(accountId) ?? 0) + 1);
    jobs.set(jobId, (jobs.get(jobId) ?? 0) + 1);
  }
  return { accounts, jobs };
}
