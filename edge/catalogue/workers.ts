/** Workers: each is its token, kept as a hash. */
import { and, desc, eq, isNull, lt, sql } from "drizzle-orm";
import { openCatalogue } from "./db.ts";
import { workers } from "./schema.ts";

export type WorkerRow = typeof workers.$inferSelect;

/** The worker with this token, revoked or expired ones included: the caller says which it is. */
export async function findWorkerByToken(
  db: D1Database,
  tokenHash: string,
): Promise<WorkerRow | null> {
  const row = await openCatalogue(db)
    .select()
    .from(workers)
    .where(eq(workers.tokenHash, tokenHash))
    .get();
  return row ?? null;
}

const live = (accountId: string, workerId: string) =>
  and(eq(workers.id, workerId), eq(workers.accountId, accountId), isNull(workers.revokedAt));

/** The account's worker unless it was revoked. */
export async function findWorker(
  db: D1Database,
  accountId: string,
  workerId: string,
): Promise<WorkerRow | null> {
  const row = await openCatalogue(db).select().from(workers).where(live(accountId, workerId)).get();
  return row ?? null;
}

export async function insertWorker(db: D1Database, row: WorkerRow): Promise<void> {
  await openCatalogue(db).insert(workers).values(row);
}

/** Workers that are not revoked, newest first; those after `before` when it is given. */
export async function listWorkers(
  db: D1Database,
  accountId: string,
  page: { readonly limit: number; readonly before: string | null },
): Promise<readonly WorkerRow[]> {
  return openCatalogue(db)
    .select()
    .from(workers)
    .where(
      and(
        eq(workers.accountId, accountId),
        isNull(workers.revokedAt),
        page.before === null ? undefined : lt(workers.id, page.before),
      ),
    )
    .orderBy(desc(workers.id))
    .limit(page.limit);
}

/** From now on its token is refused. */
export async function revokeWorker(db: D1Database, workerId: string, now: number): Promise<void> {
  await openCatalogue(db)
    .update(workers)
    .set({ revokedAt: now })
    .where(and(eq(workers.id, workerId), isNull(workers.revokedAt)));
}

/** Where its socket goes from now on; it is lent to nobody any more. */
export async function setWorkerShard(
  db: D1Database,
  workerId: string,
  shard: number,
): Promise<void> {
  await openCatalogue(db)
    .update(workers)
    .set({ shard, lentTo: null })
    .where(eq(workers.id, workerId));
}

/** Their next sockets go to that shard. */
export async function lendWorkers(
  db: D1Database,
  workerIds: readonly string[],
  shard: number,
): Promise<void> {
  const ids = JSON.stringify(workerIds);
  await openCatalogue(db)
    .update(workers)
    .set({ lentTo: shard })
    .where(sql`${workers.id} in (select value from json_each(${ids}))`);
}
