/**
 * Which shard a socket and a new job go to. A pool of one shard, as most are, asks nobody. Of one with more, a job asks
 * shards how they are, in an order of its own, until one has free slots; four at most.
 */
import { findShards } from "../catalogue/pools.ts";
import { lendWorker, setWorkerShard, type WorkerRow } from "../catalogue/workers.ts";
import {
  bandOf,
  type ShardState,
  shardForJob,
  shardOfWorker,
  shardsInOrder,
} from "../domain/shards.ts";
import type { Env } from "../env.ts";
import type { WorkerSnapshot } from "../pool/rpc.ts";
import { poolOf } from "./pool-stub.ts";

const MOST_ASKED = 4;

/** Where the worker's socket goes: to its own shard or where it is lent to, unless it holds a lease where it was. */
export async function shardForSocket(env: Env, worker: WorkerRow): Promise<number> {
  const { accountId, pool } = worker;
  const { inUse } = await findShards(env.DB, accountId, pool);
  const { shard: present, lentTo } = worker;
  const wanted = lentTo ?? shardOfWorker(worker.id, inUse);
  if (present === wanted && lentTo === null) return wanted;
  const stays = present !== wanted && (await holdsLeases(env, worker, present));
  const shard = stays ? present : wanted;
  await setWorkerShard(env.DB, worker.id, shard);
  return shard;
}

async function holdsLeases(env: Env, { id, accountId, pool }: WorkerRow, shard: number) {
  const known = await poolOf(env, { accountId, pool, shard }).workers();
  return known.some(({ workerId, leases }) => workerId === id && leases.length > 0);
}

/** Where a new job goes. A shard that does not answer is taken to be deserted. */
export async function shardForNewJob(
  env: Env,
  pool: { readonly accountId: string; readonly pool: string },
  jobId: string,
): Promise<number> {
  const { shards } = await findShards(env.DB, pool.accountId, pool.pool);
  if (shards === 1) return 0;
  const states: ShardState[] = [];
  for (const shard of shardsInOrder(jobId, shards).slice(0, MOST_ASKED)) {
    const band = await poolOf(env, { ...pool, shard })
      .metrics()
      .then(bandOf, () => "deserted" as const);
    states.push({ shard, band });
    if (band === "free") break;
  }
  return shardForJob(jobId, states, shards);
}

/**
 * Lends an idle worker to each shard where jobs wait and no worker is: all of its own may be gone for good, or a small
 * pool has more shards than its workers' hashes fall on. It goes home when it is idle there.
 */
export async function staffDeserted(
  env: Env,
  { inUse, ...of }: { readonly accountId: string; readonly pool: string; readonly inUse: number },
): Promise<void> {
  if (inUse === 1) return;
  const shards = Array.from({ length: inUse }, (_, shard) => poolOf(env, { ...of, shard }));
  const states = await Promise.all(shards.map((pool) => pool.metrics()));
  const donors = shards.filter((_, shard) => bandOf(states[shard] ?? NOBODY) === "free");
  for (const [shard, { ready, workersConnected }] of states.entries()) {
    if (ready === 0 || workersConnected > 0) continue;
    for (const donor of donors) {
      const workerId = oneOf((await donor.workers()).filter(isIdle))?.workerId;
      if (workerId === undefined) continue;
      // First the record, by which the worker is sent on when it dials in again.
      await lendWorker(env.DB, workerId, shard);
      await donor.letGo(workerId);
      break;
    }
  }
}

const NOBODY = { ready: 0, workersConnected: 0, slots: 0, slotsBusy: 0 };

function isIdle({ connected, draining, leases }: WorkerSnapshot): boolean {
  return connected && !draining && leases.length === 0;
}

/** Any of them: one that cannot do what waits there is not the only one that is ever sent. */
function oneOf<T>(all: readonly T[]): T | undefined {
  return all[Math.floor(Math.random() * all.length)];
}
