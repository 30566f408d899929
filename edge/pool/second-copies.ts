/** Leases a slow chunk for a second time, where slots are idle. */
import { taskIdOf } from "../../protocol/ids.ts";
import { needsOf } from "../../protocol/needs.ts";
import type { Effect } from "../domain/effects.ts";
import { copyChunk } from "../domain/job.ts";
import type { LiveJob } from "../domain/model.ts";
import { pinnedNeeds } from "../domain/pinned-needs.ts";
import { seatForCopy } from "../domain/room.ts";
import { speculate } from "../domain/speculate.ts";
import type { PoolContext } from "./context.ts";
import { matchWorkers } from "./fleet.ts";
import { grantTask } from "./grant-task.ts";
import { logInfo } from "./log.ts";
import { stepJob } from "./shell.ts";

/** The number that a job's first task has: only a divided job holds others. */
const WHOLE = "_0";

/** Whether a chunk of the job is slow enough for a copy, and anyone might be free to make it. */
export function wantsCopy(pool: PoolContext, live: LiveJob): boolean {
  return isAnyoneFree(pool) && speculate(live, pool.now()) !== null;
}

/**
 * Looks at the divided jobs that run; at most one copy each, and none on workers that are kept for tasks of the queue.
 * The effects are the caller's to run.
 */
export function leaseCopies(pool: PoolContext, reserved: ReadonlySet<string>): readonly Effect[] {
  if (!isAnyoneFree(pool)) return [];
  const running = pool.queue
    .held()
    .filter(({ taskId, state }) => state === "leased" && !taskId.endsWith(WHOLE));
  const jobIds = new Set(running.map(({ jobId }) => jobId));
  return [...jobIds].flatMap((jobId) => leaseCopy(pool, jobId, reserved));
}

function isAnyoneFree(pool: PoolContext): boolean {
  return pool.connections.all().some(({ session }) => session.credit > 0);
}

function leaseCopy(
  pool: PoolContext,
  jobId: string,
  reserved: ReadonlySet<string>,
): readonly Effect[] {
  const live = pool.jobs.load(jobId);
  const now = pool.now();
  const slow = live === null ? null : speculate(live, now);
  if (live === null || slow === null) return [];
  const { submission, pins } = live.job;
  const own = needsOf(submission.work, slow.kind);
  const needs = pins === null ? own : pinnedNeeds(own, pins);
  const workers = matchWorkers(pool, pool.queue.held());
  const seat = seatForCopy(needs, workers, slow.lease.workerId, reserved);
  if (seat === null) return [];
  const copied = stepJob(pool, jobId, (current) =>
    copyChunk(current, slow.taskId, now, pool.rules),
  );
  if (copied.status !== "ok") return [];
  const taskId = taskIdOf(jobId, live.tasks.length);
  logInfo("copied", { traceId: submission.traceId, jobId, taskId, of: slow.taskId });
  const { worker, slots } = seat;
  const granted = grantTask(pool, jobId, { taskId, workerId: worker.workerId, slots }, now);
  return [...copied.effects, ...(granted ?? [])];
}
