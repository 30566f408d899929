/** What is over: jobs past their retention, old deliveries with their tries. Deleted a bounded batch at a time. */
import { sql } from "drizzle-orm";
import { statement } from "./db.ts";
import { liveShards, staffedShards } from "./pools.ts";

/** A pool that the sweep has something to do about. */
export interface DuePool {
  readonly accountId: string;
  readonly pool: string;
  /** How many shards are in use: those wanted, and those with a live job. */
  readonly inUse: number;
  /** How many to look in on: those in which workers stand, too. */
  readonly reach: number;
  /** Whether jobs of it are past their retention. */
  readonly hasExpired: boolean;
}

/**
 * Pools with a live job, with one that ended before `endedBefore`, or with workers in a shard that is in use no more: a
 * few look-ups in an index for each pool. Picked at random, so that every one has its turn where there are more than
 * `limit`.
 */
export async function listDuePools(
  db: D1Database,
  endedBefore: number,
  limit: number,
): Promise<readonly DuePool[]> {
  interface Row {
    readonly account_id: string;
    readonly name: string;
    readonly shards: number;
    readonly live: number;
    readonly staffed: number;
    readonly expired: number;
  }
  const { results } = await statement(
    db,
    sql`
    select account_id, name, shards, ${liveShards} as live, ${staffedShards} as staffed,
      exists (select 1 from jobs where jobs.account_id = pools.account_id and jobs.pool = pools.name
        and completed_at < ${endedBefore}) as expired
    from pools where live or expired or staffed > shards order by random() limit ${limit}`,
  ).all<Row>();
  return results.map(({ account_id: accountId, name: pool, shards, live, staffed, expired }) => {
    const inUse = Math.max(shards, live);
    return { accountId, pool, inUse, reach: Math.max(inUse, staffed), hasExpired: expired === 1 };
  });
}

/**
 * Deletes jobs of a pool that ended before `endedBefore`, at most `limit`. One that holds a claim is about to be
 * retried, and stays.
 *
 * @returns how many there were.
 */
export async function deleteExpiredJobs(
  db: D1Database,
  { accountId, pool }: Pick<DuePool, "accountId" | "pool">,
  endedBefore: number,
  limit: number,
): Promise<number> {
  const old = sql`
    select id from jobs where account_id = ${accountId} and pool = ${pool}
      and completed_at < ${endedBefore}
      and not exists (select 1 from active_work where active_work.job_id = jobs.id)
    order by completed_at, id limit ${limit}`;
  // The jobs last, and the same rows each time: the batch is one transaction.
  const results = await db.batch([
    statement(db, sql`delete from job_parts where job_id in (${old})`),
    statement(db, sql`delete from job_plans where job_id in (${old})`),
    statement(db, sql`delete from jobs where id in (${old})`),
  ]);
  return results.at(-1)?.meta.changes ?? 0;
}

/** Deletes deliveries that are over and were last due before `before`, at most `limit`, with their tries. */
export async function deleteOldDeliveries(
  db: D1Database,
  before: number,
  limit: number,
): Promise<void> {
  const old = sql`
    select id from webhook_deliveries
    where state in ('delivered', 'failed') and next_at < ${before}
    order by id limit ${limit}`;
  // Tries first, and the same rows both times: the batch is one transaction.
  await db.batch([
    statement(db, sql`delete from webhook_tries where delivery_id in (${old})`),
    statement(db, sql`delete from webhook_deliveries where id in (${old})`),
  ]);
}
