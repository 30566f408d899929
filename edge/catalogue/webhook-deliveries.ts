/** The delivery log. A row is the truth of a delivery; queue messages only wake somebody up to look at it. */
import { and, asc, desc, eq, inArray, lt, lte, sql } from "drizzle-orm";
import { WEBHOOK_DELIVERY_FAILED } from "../../protocol/errors.ts";
import { openCatalogue } from "./db.ts";
import { webhookDeliveries, webhookOutcomes, webhookTries } from "./schema.ts";

export type DeliveryRow = typeof webhookDeliveries.$inferSelect;
export type TryRow = typeof webhookTries.$inferSelect;

/** Inserts deliveries that are not there yet. Replays of an event change nothing. */
export async function insertDeliveries(
  db: D1Database,
  rows: readonly DeliveryRow[],
): Promise<void> {
  if (rows.length === 0) return;
  // One JSON parameter: the platform allows 100 bound parameters a statement (2026-10).
  await db
    .prepare(
      `INSERT INTO webhook_deliveries
         (id, account_id, job_id, webhook_id, url, type, trace_id, own_host, body, state, tries, max_tries,
          next_at, code, created_at, completed_at)
       SELECT value ->> 'id', value ->> 'accountId', value ->> 'jobId', value ->> 'webhookId',
         value ->> 'url', value ->> 'type', value ->> 'traceId', value ->> 'ownHost', value ->> 'body', 'pending', 0,
         value ->> 'maxTries', value ->> 'nextAt', NULL, value ->> 'createdAt', NULL
       FROM json_each(?1) WHERE true
       ON CONFLICT (id) DO NOTHING`,
    )
    .bind(JSON.stringify(rows))
    .run();
}

export async function findDelivery(
  db: D1Database,
  accountId: string,
  id: string,
): Promise<DeliveryRow | null> {
  const row = await openCatalogue(db)
    .select()
    .from(webhookDeliveries)
    .where(and(eq(webhookDeliveries.accountId, accountId), eq(webhookDeliveries.id, id)))
    .get();
  return row ?? null;
}

/** Newest first; those after `before` when it is given. */
export async function listDeliveries(
  db: D1Database,
  accountId: string,
  filter: { readonly jobId: string | undefined; readonly webhookId: string | undefined },
  page: { readonly limit: number; readonly before: string | null },
): Promise<readonly DeliveryRow[]> {
  return openCatalogue(db)
    .select()
    .from(webhookDeliveries)
    .where(
      and(
        eq(webhookDeliveries.accountId, accountId),
        filter.jobId === undefined ? undefined : eq(webhookDeliveries.jobId, filter.jobId),
        filter.webhookId === undefined
          ? undefined
          : eq(webhookDeliveries.webhookId, filter.webhookId),
        page.before === null ? undefined : lt(webhookDeliveries.id, page.before),
      ),
    )
    .orderBy(desc(webhookDeliveries.id))
    .limit(page.limit);
}

/** The tries of some deliveries, in order. At most 90 ids: 100 bound parameters is the platform's limit. */
export async function triesOf(
  db: D1Database,
  deliveryIds: readonly string[],
): Promise<readonly TryRow[]> {
  const found: TryRow[] = [];
  for (let at = 0; at < deliveryIds.length; at += 90) {
    const rows = await openCatalogue(db)
      .select()
      .from(webhookTries)
      .where(inArray(webhookTries.deliveryId, deliveryIds.slice(at, at + 90)))
      .orderBy(asc(webhookTries.deliveryId), asc(webhookTries.try));
    found.push(...rows);
  }
  return found;
}

const dueFor = (id: string, dueBy: number) =>
  and(
    eq(webhookDeliveries.id, id),
    eq(webhookDeliveries.state, "pending"),
    lte(webhookDeliveries.nextAt, dueBy),
    lt(webhookDeliveries.tries, webhookDeliveries.maxTries),
  );

/** The delivery, if a try of it is due by then; null when it is not, is over, or is somebody else's. */
export async function findDue(
  db: D1Database,
  id: string,
  dueBy: number,
): Promise<DeliveryRow | null> {
  const row = await openCatalogue(db)
    .select()
    .from(webhookDeliveries)
    .where(dueFor(id, dueBy))
    .get();
  return row ?? null;
}

/**
 * Claims a due delivery for one try: counts the try and hides the row until `hiddenUntil`. Null when it is
 * not due, not pending, or somebody else's: two wake-ups never make two tries of one.
 */
export async function claimDelivery(
  db: D1Database,
  id: string,
  dueBy: number,
  hiddenUntil: number,
): Promise<DeliveryRow | null> {
  const [claimed] = await openCatalogue(db)
    .update(webhookDeliveries)
    .set({ tries: sql`${webhookDeliveries.tries} + 1`, nextAt: hiddenUntil })
    .where(dueFor(id, dueBy))
    .returning();
  return claimed ?? null;
}

/** Writes a try into the log and what follows from it. A try that was overtaken by a redelivery changes no state. */
export async function settleTry(
  db: D1Database,
  attempt: TryRow,
  outcome:
    | { readonly status: "delivered"; readonly at: number }
    | { readonly status: "again"; readonly nextAt: number }
    | { readonly status: "failed"; readonly at: number },
): Promise<void> {
  const catalogue = openCatalogue(db);
  const change =
    outcome.status === "delivered"
      ? { state: "delivered" as const, completedAt: outcome.at, code: null }
      : outcome.status === "failed"
        ? { state: "failed" as const, completedAt: outcome.at, code: WEBHOOK_DELIVERY_FAILED }
        : { nextAt: outcome.nextAt };
  await catalogue.batch([
    catalogue.insert(webhookTries).values(attempt).onConflictDoNothing(),
    // Directly behind the insert: a try that is written down twice is counted once.
    catalogue
      .insert(webhookOutcomes)
      .select(
        catalogue
          .select({
            accountId: webhookDeliveries.accountId,
            outcome: sql<typeof outcome.status>`${outcome.status}`.as("outcome"),
            tries: sql<number>`1`.as("tries"),
          })
          .from(webhookDeliveries)
          .where(and(eq(webhookDeliveries.id, attempt.deliveryId), sql`changes() > 0`)),
      )
      .onConflictDoUpdate({
        target: [webhookOutcomes.accountId, webhookOutcomes.outcome],
        set: { tries: sql`${webhookOutcomes.tries} + 1` },
      }),
    catalogue
      .update(webhookDeliveries)
      .set(change)
      .where(
        and(
          eq(webhookDeliveries.id, attempt.deliveryId),
          eq(webhookDeliveries.state, "pending"),
          eq(webhookDeliveries.tries, attempt.try),
        ),
      ),
  ]);
}

/** Ends deliveries whose last try was claimed and never settled: its claimer died. */
export async function failAbandoned(db: D1Database, now: number): Promise<void> {
  await db
    .prepare(
      `UPDATE webhook_deliveries SET state = 'failed', code = ?2, completed_at = ?1
       WHERE state = 'pending' AND next_at <= ?1 AND tries >= max_tries`,
    )
    .bind(now, WEBHOOK_DELIVERY_FAILED)
    .run();
}

/** Deliveries that wait for a try and are due by then, oldest first. */
export async function dueDeliveries(
  db: D1Database,
  dueBy: number,
  limit: number,
): Promise<readonly Pick<DeliveryRow, "id" | "nextAt">[]> {
  return openCatalogue(db)
    .select({ id: webhookDeliveries.id, nextAt: webhookDeliveries.nextAt })
    .from(webhookDeliveries)
    .where(and(eq(webhookDeliveries.state, "pending"), lte(webhookDeliveries.nextAt, dueBy)))
    .orderBy(asc(webhookDeliveries.nextAt))
    .limit(limit);
}

/** Makes a delivery due now, with `tries` more tries than it has had, whatever its state. */
export async function redeliver(
  db: D1Database,
  accountId: string,
  id: string,
  tries: number,
  now: number,
): Promise<DeliveryRow | null> {
  const changed = await db
    .prepare(
      `UPDATE webhook_deliveries
       SET state = 'pending', code = NULL, completed_at = NULL, next_at = ?3, max_tries = tries + ?4
       WHERE id = ?1 AND account_id = ?2`,
    )
    .bind(id, accountId, now, tries)
    .run();
  return changed.meta.changes > 0 ? findDelivery(db, accountId, id) : null;
}
