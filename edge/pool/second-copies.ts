/** Leases a slow chunk for a second time, where slots are idle. */
import { taskIdOf } from "../../protocol/ids.ts";
import { needsOf } from "../../protocol/needs.ts";
import type { Effect } from "../domain/effects.ts";
import { copyChunk } from "../domain/job.ts";
import { pinnedNeeds } from "../domain/pinned-needs.ts";
import { speculate } from "../domain/speculate.ts";
import type { PoolContext } from "./context.ts";
import { roomForParts } from "./fleet.ts";
import { grantTask } from "./grant-task.ts";
import { logInfo } from "./log.ts";
import { stepJob } from "./shell.ts";

/** The number that a job's first task has: only a divided job holds others. */
const WHOLE = "_0";

/** Looks at the divided jobs that run, or at one of them; at most one copy each. The effects are the caller's to run. */
export function leaseCopies(pool: PoolContext, only?: string): readonly Effect[] {
  if (!pool.connections.all().some(({ session }) => session.credit > 0)) return [];
  const running = pool.queue
    .held()
    .filter(({ taskId, state }) => state === "leased" && !taskId.endsWith(WHOLE));
  const jobIds = new Set(running.map(({ jobId }) => jobId));
  if (only !== undefined) return jobIds.has(only) ? leaseCopy(pool, only) : [];
  return [...jobIds].flatMap((jobId) => leaseCopy(pool, jobId));
}

function leaseCopy(pool: PoolContext, jobId: string): readonly Effect[] {
  const live = pool.jobs.load(jobId);
  const now = pool.now();
  const slow = live === null ? null : speculate(live, now);
  if (live === null || slow === null) return [];
  const { submission, pins } = live.job;
  const needs = needsOf(submission.work, slow.kind);
  const [best] = roomForParts(pool, pins === null ? needs : pinnedNeeds(needs, pins))
    .filter(({ worker }) => worker.workerId !== slow.lease.workerId)
    .sort((a, b) => b.count - a.count || (a.worker.workerId < b.worker.workerId ? -1 : 1));
  if (best === undefined) return [];
  const copied = stepJob(pool, jobId, (current) =>
    copyChunk(current, slow.taskId, now, pool.rules),
  );
  if (copied.status !== "ok") return [];
  const taskId = taskIdOf(jobId, live.tasks.length);
  logInfo("copied", { traceId: submission.traceId, jobId, taskId, of: slow.taskId });
  const { worker, slots } = best;
  const granted = grantTask(pool, jobId, { taskId, workerId: worker.workerId, slots }, now);
  return [...copied.effects, ...(granted ?? [])];
}
