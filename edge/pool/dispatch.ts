/**
 * Matching and leasing. Synchronous from the look at the queue to the last commit, which is why a pool is one
 * object: no two workers are ever offered the same task.
 */
import type { Effect } from "../domain/effects.ts";
import { type ActiveLeases, type Assignment, type MatchWorker, match } from "../domain/match.ts";
import type { PoolContext } from "./context.ts";
import { logInfo } from "./log.ts";
import type { HeldTask } from "./queue-store.ts";
import { stepOneTask } from "./shell.ts";

/**
 * Leases ready tasks to workers that asked for some; the effects of doing so are the caller's to run. A page without a
 * taker (nobody has the encoder) leads to the next.
 */
export function dispatch(pool: PoolContext): readonly Effect[] {
  if (!pool.connections.all().some((connection) => connection.session.credit > 0)) return [];
  const effects: Effect[] = [];
  const now = pool.now();
  let reserved: ReadonlySet<string> = new Set();
  for (let offset = 0; ; ) {
    // Before the queue: another page of it is rows to read, and mostly nobody is left to take any.
    const held = pool.queue.held();
    const workers = matchWorkers(pool, held);
    if (!workers.some(({ workerId, free }) => free > 0 && !reserved.has(workerId))) break;
    const { tasks: ready, isLast } = pool.queue.ready(now, offset);
    if (ready.length === 0) break;
    let leased = 0;
    const matched = match(ready, workers, activeLeases(held), now, pool.rules, reserved);
    reserved = matched.reserved;
    for (const assignment of matched.assignments) {
      const jobId = ready.find((task) => task.taskId === assignment.taskId)?.jobId;
      const granted = jobId === undefined ? null : grant(pool, jobId, assignment, now);
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
  { taskId, workerId, slots }: Assignment,
  now: number,
): readonly Effect[] | null {
  const connection = pool.connections.get(workerId);
  if (connection === null) return null;
  const { workerName, sessionId, credit } = connection.session;
  const event = { type: "grant", now, workerId, workerName, sessionId, slots } as const;
  const granted = stepOneTask(pool, jobId, taskId, event);
  if (granted.status !== "ok") return null;
  connection.update({ credit: credit - slots });
  logInfo("leased", { jobId, taskId, workerId, slots });
  return granted.effects;
}

/** Workers with a greeted socket, neither draining nor revoked, whether or not they have room. */
function matchWorkers(pool: PoolContext, leases: readonly HeldTask[]): readonly MatchWorker[] {
  const heldBy = new Map<string, number>();
  for (const { workerId, state, slots } of leases) {
    if (state === "leased") heldBy.set(workerId, (heldBy.get(workerId) ?? 0) + slots);
  }
  return pool.connections.all().flatMap((connection) => {
    const { workerId, greeted, credit } = connection.session;
    const worker = pool.workers.get(workerId);
    if (!greeted || worker === null || worker.draining || worker.revoked) return [];
    const { slots, capabilities } = worker;
    const held = heldBy.get(workerId) ?? 0;
    const free = Math.max(0, Math.min(credit, slots - held));
    return [{ workerId, slots, held, free, encoders: capabilities.encoders }];
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
