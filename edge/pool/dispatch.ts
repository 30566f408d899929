/**
 * Matching and leasing. Synchronous from the look at the queue to the last commit, which is why a pool is one
 * object: no two workers are ever offered the same task.
 */
import type { Effect } from "../domain/effects.ts";
import { type ActiveLeases, type FreeWorker, match } from "../domain/match.ts";
import type { PoolContext } from "./context.ts";
import { logInfo } from "./log.ts";
import type { HeldTask } from "./queue-store.ts";
import { stepOneTask } from "./shell.ts";
import { provedCodecs } from "./task-spec.ts";

/**
 * Leases ready tasks to workers that asked for some; the effects of doing so are the caller's to run. A page without a
 * taker (nobody has the encoder) leads to the next.
 */
export function dispatch(pool: PoolContext): readonly Effect[] {
  if (!pool.connections.all().some((connection) => connection.session.credit > 0)) return [];
  const effects: Effect[] = [];
  const now = pool.now();
  for (let offset = 0; ; ) {
    const { tasks: ready, isLast } = pool.queue.ready(now, offset);
    if (ready.length === 0) break;
    const held = pool.queue.held();
    const workers = freeWorkers(pool, held);
    if (workers.length === 0) break;
    let leased = 0;
    for (const { taskId, workerId } of match(ready, workers, activeLeases(held), now, pool.rules)) {
      const jobId = ready.find((task) => task.taskId === taskId)?.jobId;
      const granted = jobId === undefined ? null : grant(pool, jobId, taskId, workerId, now);
      if (granted === null) continue;
      leased++;
      effects.push(...granted);
    }
    if (isLast) break;
    offset += ready.length - leased;
  }
  return effects;
}

function grant(
  pool: PoolContext,
  jobId: string,
  taskId: string,
  workerId: string,
  now: number,
): readonly Effect[] | null {
  const connection = pool.connections.get(workerId);
  if (connection === null) return null;
  const { workerName, sessionId, credit } = connection.session;
  const event = { type: "grant", now, workerId, workerName, sessionId } as const;
  const granted = stepOneTask(pool, jobId, taskId, event);
  if (granted.status !== "ok") return null;
  connection.update({ credit: credit - 1 });
  logInfo("leased", { jobId, taskId, workerId });
  return granted.effects;
}

/** Workers with a greeted socket that pulled, have a slot, and are neither draining nor revoked. */
function freeWorkers(pool: PoolContext, held: readonly HeldTask[]): readonly FreeWorker[] {
  const leases = new Map<string, number>();
  for (const { workerId, state } of held) {
    if (state === "leased") leases.set(workerId, (leases.get(workerId) ?? 0) + 1);
  }
  return pool.connections.all().flatMap((connection) => {
    const { workerId, greeted, credit } = connection.session;
    if (credit <= 0) return [];
    const worker = pool.workers.get(workerId);
    if (!greeted || worker === null || worker.draining || worker.revoked) return [];
    const free = Math.min(credit, worker.slots - (leases.get(workerId) ?? 0));
    return free > 0 ? [{ workerId, free, codecs: provedCodecs(worker.capabilities) }] : [];
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
