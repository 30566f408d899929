/** Accounts: slugs that exist from the first time the root key names them. */
import { openCatalogue } from "./db.ts";
import { accounts } from "./schema.ts";

/** Makes the account unless it exists. */
export async function ensureAccount(db: D1Database, id: string, now: number): Promise<void> {
  await openCatalogue(db).insert(accounts).values({ id, createdAt: now }).onConflictDoNothing();
}
