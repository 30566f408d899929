/** Name of the object that holds one shard of a pool (docs/decisions/0001-one-object-per-pool.md). */
export function poolNameOf(pool: {
  readonly accountId: string;
  readonly pool: string;
  readonly shard: number;
}): string {
  return `pool:${pool.accountId}/${pool.pool}/${pool.shard}`;
}
