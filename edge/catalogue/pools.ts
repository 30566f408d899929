/** The register of pools: objects cannot be enumerated. A pool is made by its first worker token, and stays. */
import { desc, eq, sql } from "drizzle-orm";
import { openCatalogue, statement } from "./db.ts";
import { pools } from "./schema.ts";

/** The pool that every account has, with or without workers. */
export const DEFAULT_POOL = "default";

/** Registers the pool unless it is known. */
export async function ensurePool(
  db: D1Database,
  accountId: string,
  name: string,
  now: number,
): Promise<void> {
  await openCatalogue(db)
    .insert(pools)
    .values({ accountId, name, createdAt: now })
    .onConflictDoNothing();
}

/** Names of at most `limit` of the account's pools, `wanted` before any other if it is one of them. */
export async function listPools(
  db: D1Database,
  accountId: string,
  wanted: string,
  limit: number,
): Promise<readonly string[]> {
  const rows = await openCatalogue(db)
    .select({ name: pools.name })
    .from(pools)
    .where(eq(pools.accountId, accountId))
    .orderBy(desc(sql`${pools.name} = ${wanted}`), pools.name)
    .limit(limit);
  return rows.map(({ name }) => name);
}

export interface PoolShards {
  /** How many there should be: jobs go to these. */
  readonly shards: number;
  /** How many are in use: one that is drained counts until its last job has ended. */
  readonly inUse: number;
  /** How many have to be told what concerns all: workers may still stand in one that is in use no more. */
  readonly reach: number;
}

/** How many shards of a pool, a row of `pools`, have a live job; 0 without one. */
export const liveShards = sql`coalesce((select max(shard) + 1 from jobs
  where jobs.account_id = pools.account_id and jobs.pool = pools.name and completed_at is null), 0)`;
/** The same of workers that are not revoked. */
export const staffedShards = sql`coalesce((select max(shard) + 1 from workers
  where workers.account_id = pools.account_id and workers.pool = pools.name and revoked_at is null), 0)`;

/** One shard for a pool that is not registered. */
export async function findShards(
  db: D1Database,
  accountId: string,
  name: string,
): Promise<PoolShards> {
  const row = await statement(
    db,
    sql`
    select shards, ${liveShards} as live, ${staffedShards} as staffed from (
      select account_id, name, shards from pools where account_id = ${accountId} and name = ${name}
      union all select ${accountId}, ${name}, 1) as pools limit 1`,
  ).first<{ shards: number; live: number; staffed: number }>();
  const { shards, live, staffed } = row ?? { shards: 1, live: 0, staffed: 0 };
  const inUse = Math.max(shards, live);
  return { shards, inUse, reach: Math.max(inUse, staffed) };
}

/** Registers the pool with so many shards. */
export async function setShards(
  db: D1Database,
  pool: { readonly accountId: string; readonly name: string; readonly shards: number },
  now: number,
): Promise<void> {
  const { accountId, name, shards } = pool;
  await openCatalogue(db)
    .insert(pools)
    .values({ accountId, name, shards, createdAt: now })
    .onConflictDoUpdate({ target: [pools.accountId, pools.name], set: { shards } });
}
