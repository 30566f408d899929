/**
 * `watch`: a worker reports faster while somebody looks at its job. Who looks is known from the viewers' sockets
 * alone; a worker forgets what it was told with its socket, and is told again when it resumes.
 */
import type { LeaseRef } from "../../protocol/task.ts";
import { leaseOf } from "../domain/attempt.ts";
import type { Connection } from "./connection.ts";
import type { PoolContext } from "./context.ts";
import { progressIntervalMs, watchedIntervalMs } from "./durations.ts";
import { jobIdOfTask } from "./job-id.ts";

/** Somebody looks at the job now: whoever runs a part of it reports faster. */
export function watch(pool: PoolContext, jobId: string): Promise<void> {
  return setPace(pool, jobId, watchedIntervalMs(pool.rules));
}

/** Nobody looks at the job any more. */
export function unwatch(pool: PoolContext, jobId: string): Promise<void> {
  return setPace(pool, jobId, progressIntervalMs(pool.rules));
}

/** A lease that was just sent, or goes on over a new socket, is reported faster if somebody looks at its job. */
export async function watchLease(
  pool: PoolContext,
  connection: Connection | null,
  { taskId, epoch }: LeaseRef,
): Promise<void> {
  if (!pool.viewers.has(jobIdOfTask(taskId))) return;
  await sendPace(connection, { taskId, epoch }, watchedIntervalMs(pool.rules));
}

async function setPace(pool: PoolContext, jobId: string, intervalMs: number): Promise<void> {
  const tasks = pool.jobs.load(jobId)?.tasks ?? [];
  for (const task of tasks) {
    const lease = leaseOf(task);
    if (lease === null) continue;
    const { taskId } = task;
    const connection = pool.connections.get(lease.workerId);
    await sendPace(connection, { taskId, epoch: lease.epoch }, intervalMs);
  }
}

async function sendPace(
  connection: Connection | null,
  lease: LeaseRef,
  progressIntervalMs: number,
): Promise<void> {
  await connection?.send({ type: "watch", lease, progressIntervalMs });
}
