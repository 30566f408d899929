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
import { Remembered } from "./remembered.ts";

const MOST_ASKED = 4;

interface PoolName {
  readonly accountId: string;
  readonly pool: string;
}

/** Where a new job goes, and of how many shards: the insert sees to it that the pool still has so many. */
export interface Placement {
  readonly shard: number;
  readonly shards: number;
}

/** How many shards pools have, by `account/pool`. */
const remembered = new Remembered<number>(1_000);

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

/** Where a new job goes. */
export async function placeNewJob(env: Env, pool: PoolName, jobId: string): Promise<Placement> {
  const { shards } = await findShards(env.DB, pool.accountId, pool.pool);
  remembered.set(env.DB, `${pool.accountId}/${pool.pool}`, shards);
  return placeAmong(env, pool, jobId, shards);
}

/** The same by what is remembered of the pool: for an insert that is conditional on it. */
export async function recallPlace(env: Env, pool: PoolName, jobId: string): Promise<Placement> {
  const shards = remembered.get(env.DB, `${pool.accountId}/${pool.pool}`);
  return shards === undefined
    ? placeNewJob(env, pool, jobId)
    : placeAmong(env, pool, jobId, shards);
}

/** A shard that does not answer is taken to be deserted. */
async function placeAmong(
  env: Env,
  pool: PoolName,
  jobId: string,
  shards: number,
): Promise<Placement> {
  if (shards === 1) return { shard: 0, shards };
  const states: ShardState[] = [];
  for (const shard of shardsInOrder(jobId, shards).slice(0, MOST_ASKED)) {
    const band = await poolOf(env, { ...pool, shard })
      .metrics()
      .then(bandOf, () => "deserted" as const);
    states.push({ shard, band });
    if (band === "free") break;
  }
  return { shard: shardForJob(jobId, states, shards), shards };
}
