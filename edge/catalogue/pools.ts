/** The register of pools: objects cannot be enumerated. A pool is made by its first worker token, and stays. */
import { desc, eq, sql } from "drizzle-orm";
import { openCatalogue } from "./db.ts";
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
