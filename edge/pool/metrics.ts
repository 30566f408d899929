/** What the pool answers when metrics are taken: counts over its rows and its memory. Changes nothing. */
import type { PoolContext } from "./context.ts";
import type { PoolMetrics } from "./rpc.ts";
import { listWorkers } from "./worker-calls.ts";

export function poolMetrics(pool: PoolContext): PoolMetrics {
  const { tasks, oldestQueuedAt } = pool.queue.waiting();
  const held = pool.queue.held();
  const connected = listWorkers(pool).filter((worker) => worker.connected);
  return {
    ready: tasks,
    oldestQueuedAt,
    leased: held.filter(({ state }) => state === "leased").length,
    verifying: held.filter(({ state }) => state === "verifying").length,
    workersConnected: connected.length,
    slots: connected.reduce((sum, { slots }) => sum + slots, 0),
    slotsBusy: connected.reduce((sum, { busy }) => sum + busy, 0),
    outboxEntries: pool.outbox.count(),
    counters: pool.counters.read(),
  };
}
