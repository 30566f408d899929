/**
 * Which shard a socket and a new job go to. A pool of one shard, as most are, asks nobody. Of one with more, a job asks
 * shards how they are, in an order of its own, until one has free slots; four at most.
 */
import { findShards } from "../catalogue/pools.ts";
import { setWorkerShard, type WorkerRow } from "../catalogue/workers.ts";
import {
  bandOf,
  type ShardState,
  shardForJob,
  shardOfWorker,
  shardsInOrder,
} from "../domain/shards.ts";
import type { Env } from "../env.ts";
import { poolOf } from "../pool-stub.ts";

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
