/** The account's webhook endpoints, and the versions of its own secret. */
import { and, desc, eq, lt, sql } from "drizzle-orm";
import { openCatalogue } from "./db.ts";
import { accounts, webhookEndpoints } from "./schema.ts";

export type EndpointRow = typeof webhookEndpoints.$inferSelect;

/** Of one account; more would make each event cost more rows than anybody reads. */
export const MAX_ENDPOINTS = 32;

/** Inserts the endpoint unless the account has `MAX_ENDPOINTS` already, in one statement. */
export async function insertEndpoint(
  db: D1Database,
  row: EndpointRow,
): Promise<"inserted" | "too_many"> {
  const result = await db
    .prepare(
      `INSERT INTO webhook_endpoints
         (id, account_id, url, events, description, secret_version, state, created_at)
       SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8
       WHERE (SELECT COUNT(*) FROM webhook_endpoints WHERE account_id = ?2) < ?9`,
    )
    .bind(
      row.id,
      row.accountId,
      row.url,
      JSON.stringify(row.events),
      row.description,
      row.secretVersion,
      row.state,
      row.createdAt,
      MAX_ENDPOINTS,
    )
    .run();
  return result.meta.changes > 0 ? "inserted" : "too_many";
}

export async function findEndpoint(
  db: D1Database,
  accountId: string,
  id: string,
): Promise<EndpointRow | null> {
  const row = await openCatalogue(db)
    .select()
    .from(webhookEndpoints)
    .where(and(eq(webhookEndpoints.accountId, accountId), eq(webhookEndpoints.id, id)))
    .get();
  return row ?? null;
}

/** Newest first; those after `before` when it is given. */
export async function listEndpoints(
  db: D1Database,
  accountId: string,
  page: { readonly limit: number; readonly before: string | null },
): Promise<readonly EndpointRow[]> {
  return openCatalogue(db)
    .select()
    .from(webhookEndpoints)
    .where(
      and(
        eq(webhookEndpoints.accountId, accountId),
        page.before === null ? undefined : lt(webhookEndpoints.id, page.before),
      ),
    )
    .orderBy(desc(webhookEndpoints.id))
    .limit(page.limit);
}

/** Enabled endpoints of an account that asked for this type of event. */
export async function endpointsFor(
  db: D1Database,
  accountId: string,
  type: string,
): Promise<readonly EndpointRow[]> {
  const enabled = await openCatalogue(db)
    .select()
    .from(webhookEndpoints)
    .where(and(eq(webhookEndpoints.accountId, accountId), eq(webhookEndpoints.state, "enabled")));
  return enabled.filter((endpoint) => endpoint.events.includes(type));
}

/** Changes what is given; null when there is no such endpoint. */
export async function updateEndpoint(
  db: D1Database,
  accountId: string,
  id: string,
  change: Partial<Pick<EndpointRow, "url" | "events" | "description" | "state" | "disabledReason">>,
): Promise<EndpointRow | null> {
  const rows = await openCatalogue(db)
    .update(webhookEndpoints)
    .set(change)
    .where(and(eq(webhookEndpoints.accountId, accountId), eq(webhookEndpoints.id, id)))
    .returning();
  return rows[0] ?? null;
}

export async function deleteEndpoint(
  db: D1Database,
  accountId: string,
  id: string,
): Promise<"deleted" | "missing"> {
  const rows = await openCatalogue(db)
    .delete(webhookEndpoints)
    .where(and(eq(webhookEndpoints.accountId, accountId), eq(webhookEndpoints.id, id)))
    .returning({ id: webhookEndpoints.id });
  return rows.length > 0 ? "deleted" : "missing";
}

/** Raises the version of an endpoint's secret; null when there is no such endpoint. */
export async function rotateEndpointSecret(
  db: D1Database,
  accountId: string,
  id: string,
  now: number,
): Promise<{ readonly version: number; readonly rotatedAt: number | null } | null> {
  const rows = await openCatalogue(db)
    .update(webhookEndpoints)
    .set({ secretVersion: sql`${webhookEndpoints.secretVersion} + 1`, secretRotatedAt: now })
    .where(and(eq(webhookEndpoints.accountId, accountId), eq(webhookEndpoints.id, id)))
    .returning({
      version: webhookEndpoints.secretVersion,
      rotatedAt: webhookEndpoints.secretRotatedAt,
    });
  return rows[0] ?? null;
}

/** Versions of the account's own secret; an account without a row is at its first. */
export async function accountSecretVersions(
  db: D1Database,
  accountId: string,
): Promise<{ readonly version: number; readonly rotatedAt: number | null }> {
  const row = await openCatalogue(db)
    .select({
      version: accounts.webhookSecretVersion,
      rotatedAt: accounts.webhookSecretRotatedAt,
    })
    .from(accounts)
    .where(eq(accounts.id, accountId))
    .get();
  return row ?? { version: 1, rotatedAt: null };
}

export async function rotateAccountSecret(
  db: D1Database,
  accountId: string,
  now: number,
): Promise<{ readonly version: number; readonly rotatedAt: number | null }> {
  const rows = await openCatalogue(db)
    .insert(accounts)
    .values({
      id: accountId,
      createdAt: now,
      webhookSecretVersion: 2,
      webhookSecretRotatedAt: now,
    })
    .onConflictDoUpdate({
      target: accounts.id,
      set: {
        webhookSecretVersion: sql`${accounts.webhookSecretVersion} + 1`,
        webhookSecretRotatedAt: now,
      },
    })
    .returning({
      version: accounts.webhookSecretVersion,
      rotatedAt: accounts.webhookSecretRotatedAt,
    });
  const [row] = rows;
  if (!row) throw new Error(`the secret of account ${accountId} was not rotated`);
  return row;
}
