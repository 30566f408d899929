/** Name of the object that holds one shard of a pool (DESIGN.md section 3). */
export function poolNameOf(pool: {
  readonly accountId: string;
  readonly pool: string;
  readonly shard: number;
}): string {
  return `pool:${pool.accountId}/${pool.pool}/${pool.shard}`;
}
