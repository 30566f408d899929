/** What the catalogue knows for metrics: its pools, and how webhooks fare. */
import { and, count, eq, min, sql } from "drizzle-orm";
import { openCatalogue } from "./db.ts";
import { DEFAULT_POOL, liveShards, staffedShards } from "./pools.ts";
import { accounts, pools, webhookDeliveries, webhookOutcomes } from "./schema.ts";

export interface PoolShard {
  readonly accountId: string;
  readonly pool: string;
  readonly shard: number;
}

/** Who is asking, and whether about every account. */
export interface MetricsScope {
  readonly accountId: string;
  readonly isEveryAccount: boolean;
}

/** At most `limit` shards of pools. Each account's default pool is one of them, registered or not. */
export async function listShards(
  db: D1Database,
  { accountId, isEveryAccount }: MetricsScope,
  limit: number,
): Promise<readonly PoolShard[]> {
  const catalogue = openCatalogue(db);
  const registered = await catalogue
    .select({
      accountId: pools.accountId,
      pool: pools.name,
      // One that is drained counts on until nothing is left in it.
      shards: sql<number>`max(${pools.shards}, ${liveShards}, ${staffedShards})`,
    })
    .from(pools)
    .where(isEveryAccount ? undefined : eq(pools.accountId, accountId))
    .orderBy(pools.accountId, pools.name)
    .limit(limit);
  const others = isEveryAccount
    ? await catalogue.select({ id: accounts.id }).from(accounts).limit(limit)
    : [];
  const defaults = [...new Set([accountId, ...others.map(({ id }) => id)])]
    .filter((id) => !registered.some((one) => one.accountId === id && one.pool === DEFAULT_POOL))
    .map((id) => ({ accountId: id, pool: DEFAULT_POOL, shards: 1 }));
  return [...registered, ...defaults]
    .flatMap(({ shards, ...of }) =>
      Array.from({ length: shards }, (_, shard) => ({ ...of, shard })),
    )
    .slice(0, limit);
}

export interface WebhookCounts {
  readonly outcomes: readonly {
    readonly accountId: string;
    readonly outcome: string;
    readonly tries: number;
  }[];
  /** Deliveries that wait for a try, and when the first of them is due (milliseconds since the epoch). */
  readonly pending: { readonly deliveries: number; readonly firstDueAt: number | null };
}

export async function webhookCounts(
  db: D1Database,
  { accountId, isEveryAccount }: MetricsScope,
): Promise<WebhookCounts> {
  const catalogue = openCatalogue(db);
  const [outcomes, pending] = await catalogue.batch([
    catalogue
      .select()
      .from(webhookOutcomes)
      .where(isEveryAccount ? undefined : eq(webhookOutcomes.accountId, accountId)),
    catalogue
      .select({ deliveries: count(), firstDueAt: min(webhookDeliveries.nextAt) })
      .from(webhookDeliveries)
      .where(
        and(
          eq(webhookDeliveries.state, "pending"),
          isEveryAccount ? undefined : eq(webhookDeliveries.accountId, accountId),
        ),
      ),
  ]);
  return { outcomes, pending: pending[0] ?? { deliveries: 0, firstDueAt: null } };
}
