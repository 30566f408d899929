/** API keys. Only their hashes are here. */
import { and, desc, eq, isNull, lt } from "drizzle-orm";
import { openCatalogue } from "./db.ts";
import { apiKeys } from "./schema.ts";

export type ApiKeyRow = typeof apiKeys.$inferSelect;

/** The key with this hash, revoked or expired ones included: the caller says which it is. */
export async function findKeyByHash(db: D1Database, hash: string): Promise<ApiKeyRow | null> {
  return (
    (await openCatalogue(db).select().from(apiKeys).where(eq(apiKeys.hash, hash)).get()) ?? null
  );
}

/** The key with this id, revoked or expired ones included. */
export async function findKey(db: D1Database, keyId: string): Promise<ApiKeyRow | null> {
  return (
    (await openCatalogue(db).select().from(apiKeys).where(eq(apiKeys.id, keyId)).get()) ?? null
  );
}

export async function insertKey(db: D1Database, key: ApiKeyRow): Promise<void> {
  await openCatalogue(db).insert(apiKeys).values(key);
}

/** Keys that are not revoked, newest first; those after `before` when it is given. */
export async function listKeys(
  db: D1Database,
  accountId: string,
  page: { readonly limit: number; readonly before: string | null },
): Promise<readonly ApiKeyRow[]> {
  return openCatalogue(db)
    .select()
    .from(apiKeys)
    .where(
      and(
        eq(apiKeys.accountId, accountId),
        isNull(apiKeys.revokedAt),
        page.before === null ? undefined : lt(apiKeys.id, page.before),
      ),
    )
    .orderBy(desc(apiKeys.id))
    .limit(page.limit);
}

/**
 * Revokes a key of the account (of any account when it is null). `missing` when there is none, or it was
 * revoked before.
 */
export async function revokeKey(
  db: D1Database,
  accountId: string | null,
  keyId: string,
  now: number,
): Promise<"revoked" | "missing"> {
  const revoked = await openCatalogue(db)
    .update(apiKeys)
    .set({ revokedAt: now })
    .where(
      and(
        eq(apiKeys.id, keyId),
        isNull(apiKeys.revokedAt),
        accountId === null ? undefined : eq(apiKeys.accountId, accountId),
      ),
    )
    .returning({ id: apiKeys.id });
  return revoked.length > 0 ? "revoked" : "missing";
}
