/** The register of pools: objects cannot be enumerated. */
import { openCatalogue } from "./db.ts";
import { pools } from "./schema.ts";

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
