/** The calls about workers, and those that agents make through the Worker. */
import { shardOfWorker } from "../domain/shards.ts";
import { type Connection, closeSocket } from "./connection.ts";
import type { PoolContext } from "./context.ts";
import type { RecordedUpload } from "./garbage-store.ts";
import { jobIdOfTask } from "./job-id.ts";
import { logInfo } from "./log.ts";
import type { WorkerSnapshot } from "./rpc.ts";
import { stepOneTask } from "./shell.ts";

/** RFC 6455's registry: the other end may connect again. */
const SERVICE_RESTART = 1012;

export function listWorkers(pool: PoolContext): readonly WorkerSnapshot[] {
  const held = pool.queue.held().filter((task) => task.state === "leased");
  return pool.workers.all().flatMap(({ workerId, draining, revoked, slots }) => {
    if (revoked) return [];
    const leases = held
      .filter((task) => task.workerId === workerId)
      .map(({ jobId, taskId, epoch }) => ({ jobId, taskId, epoch }));
    const busy = held.reduce((sum, task) => sum + (task.workerId === workerId ? task.slots : 0), 0);
    const connected = pool.connections.get(workerId)?.session.greeted ?? false;
    return [{ workerId, connected, draining, slots, busy, leases }];
  });
}

/** The worker finishes what it holds and is given nothing new, until it comes back with nothing. */
export function drainWorker(pool: PoolContext, workerId: string): void {
  pool.workers.setDraining(workerId, true);
  const connection = pool.connections.get(workerId);
  if (connection === null) return;
  connection.update({ credit: 0 });
  pool.background("drain", connection.send({ type: "drain" }));
  logInfo("draining", { workerId });
}

/**
 * Closes idle sockets of workers that belong to another shard: they dial in again, and are sent there. While tasks wait,
 * one that has not asked yet stays: it may have been lent for them.
 */
export function letGoOfOthers(pool: PoolContext, shards: number): void {
  const isWaiting = pool.queue.ready(pool.now(), 0).tasks.length > 0;
  letGoOfIdle(
    pool,
    ({ workerId, session }) =>
      shardOfWorker(workerId, shards) !== pool.shard && !(isWaiting && session.credit === 0),
  );
}

/** Closes those of these sockets whose workers hold nothing. */
export function letGoOfIdle(pool: PoolContext, isMeant: (of: Connection) => boolean): void {
  const busy = new Set(pool.queue.held().map(({ workerId }) => workerId));
  for (const connection of pool.connections.all()) {
    const { workerId } = connection;
    if (busy.has(workerId) || !isMeant(connection)) continue;
    logInfo("moved", { workerId });
    closeSocket(connection.socket, SERVICE_RESTART, "the worker belongs to another shard");
    pool.connections.remove(connection);
  }
}

/** Ends the worker's leases, tells it so, and refuses it from then on. */
export async function revokeWorker(pool: PoolContext, workerId: string): Promise<void> {
  const now = pool.now();
  pool.workers.setRevoked(workerId, now);
  const effects = pool.queue.held(workerId).flatMap(({ jobId, taskId }) => {
    const stepped = stepOneTask(pool, jobId, taskId, { type: "worker_revoked", now, workerId });
    return stepped.status === "ok" ? stepped.effects : [];
  });
  logInfo("worker_revoked", { workerId, leases: effects.length });
  await pool.run(effects);
  const connection = pool.connections.get(workerId);
  if (connection === null) return;
  connection.close("unauthorized", "the worker was revoked");
  pool.connections.remove(connection);
}

/** Remembers a multipart upload of the live attempt, to abort it should the attempt be lost. */
export function recordUpload(
  pool: PoolContext,
  upload: RecordedUpload,
): { readonly status: "ok" } | { readonly status: "stale_epoch" } {
  const live = pool.jobs.load(jobIdOfTask(upload.taskId));
  const task = live?.tasks.find((candidate) => candidate.taskId === upload.taskId);
  const isLive =
    task !== undefined &&
    (task.state === "leased" || task.state === "verifying") &&
    task.lease.epoch === upload.epoch;
  if (!isLive) return { status: "stale_epoch" };
  pool.garbage.recordUpload(upload);
  return { status: "ok" };
}
