/** Who is there and who is free: for matching, for what a planner is told, and for second copies of slow chunks. */
import type { Fleet } from "../../protocol/chunks/contract.ts";
import { fitnessOf, type TaskNeeds } from "../../protocol/needs.ts";
import type { MatchWorker } from "../domain/match.ts";
import type { PoolContext } from "./context.ts";
import type { HeldTask } from "./queue-store.ts";
import { takesParts } from "./task-spec.ts";

/** Workers with a greeted socket, neither draining nor revoked, whether or not they have room. */
export function matchWorkers(
  pool: PoolContext,
  leases: readonly HeldTask[],
): readonly MatchWorker[] {
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
    const { encoders } = capabilities;
    return [{ workerId, slots, held, free, encoders, takesParts: takesParts(capabilities) }];
  });
}

/** Of the workers that take parts: each that could run one with these needs now, and how many at once. */
export function roomForParts(
  pool: PoolContext,
  needs: TaskNeeds,
): readonly { readonly worker: MatchWorker; readonly slots: number; readonly count: number }[] {
  return matchWorkers(pool, pool.queue.held()).flatMap((worker) => {
    if (!worker.takesParts || fitnessOf(worker.encoders, needs.encoders) === "none") return [];
    // One that does nothing takes any part with whatever it offers, as in matching.
    const most = worker.held === 0 ? Math.min(worker.slots, worker.free) : worker.slots;
    const slots = Math.max(1, Math.min(needs.slots, most));
    const count = Math.floor(worker.free / slots);
    return count > 0 ? [{ worker, slots, count }] : [];
  });
}

/** How many parts with these needs could run now beside what runs, and how many of them on this worker. */
export function fleetFor(pool: PoolContext, needs: TaskNeeds, workerId: string): Fleet {
  const room = roomForParts(pool, needs);
  const sum = (of: typeof room) => of.reduce((total, { count }) => total + count, 0);
  const own = room.filter(({ worker }) => worker.workerId === workerId);
  return { freeSlots: sum(room), ownSlots: sum(own) };
}
