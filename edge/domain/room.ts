/** Where parts of a divided job have room: for what a planner is told, and for second copies of slow chunks. Pure. */
import type { Fleet } from "../../protocol/chunks/contract.ts";
import { fitnessOf, type TaskNeeds } from "../../protocol/needs.ts";
import type { MatchWorker } from "./match.ts";

export interface Room {
  readonly worker: MatchWorker;
  /** What one part would take of the worker. */
  readonly slots: number;
  /** How many parts could run there now. */
  readonly count: number;
}

/** Of the workers that take parts, each that could run one with these needs now. */
function roomForParts(needs: TaskNeeds, workers: readonly MatchWorker[]): readonly Room[] {
  return workers.flatMap((worker) => {
    if (!worker.takesParts || fitnessOf(worker.encoders, needs.encoders) === "none") return [];
    // One that does nothing takes any part with whatever it offers, as in matching.
    const most = worker.held === 0 ? Math.min(worker.slots, worker.free) : worker.slots;
    const slots = Math.max(1, Math.min(needs.slots, most));
    const count = Math.floor(worker.free / slots);
    return count > 0 ? [{ worker, slots, count }] : [];
  });
}

/** How many parts with these needs could run now beside what runs, and how many of them on this worker. */
export function fleetFor(
  needs: TaskNeeds,
  workers: readonly MatchWorker[],
  workerId: string,
): Fleet {
  const room = roomForParts(needs, workers);
  const sum = (of: readonly Room[]) => of.reduce((total, { count }) => total + count, 0);
  const own = room.filter(({ worker }) => worker.workerId === workerId);
  return { freeSlots: sum(room), ownSlots: sum(own) };
}

/**
 * The worker for a second copy of a slow chunk: the one with the most room, never the one that is slow, and none that is
 * kept for a task which waits for room there. A copy is a bet, and that task has waited.
 */
export function seatForCopy(
  needs: TaskNeeds,
  workers: readonly MatchWorker[],
  slowWorkerId: string,
  reserved: ReadonlySet<string>,
): Room | null {
  const open = workers.filter(
    ({ workerId }) => workerId !== slowWorkerId && !reserved.has(workerId),
  );
  const [best] = [...roomForParts(needs, open)].sort(
    (a, b) => b.count - a.count || (a.worker.workerId < b.worker.workerId ? -1 : 1),
  );
  return best ?? null;
}
