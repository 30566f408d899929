/** Who is there and who is free. */
import type { MatchWorker } from "../domain/match.ts";
import type { PoolContext } from "./context.ts";
import { hasExpiredToken } from "./expired-workers.ts";
import type { HeldTask } from "./queue-store.ts";
import { takesParts } from "./task-spec.ts";

/** Workers with a greeted socket and a token that holds, neither draining nor revoked, whether or not they have room. */
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
    if (hasExpiredToken(connection, pool.now())) return [];
    const { slots, capabilities } = worker;
    const held = heldBy.get(workerId) ?? 0;
    const free = Math.max(0, Math.min(credit, slots - held));
    const { encoders } = capabilities;
    return [{ workerId, slots, held, free, encoders, takesParts: takesParts(capabilities) }];
  });
}
