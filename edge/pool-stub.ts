/** The one place where a pool is taken hold of: by HTTP, by the sweep, and by its other shards. */
import type { Env } from "./env.ts";
import type { PoolRpc } from "./pool/rpc.ts";
import { poolNameOf } from "./pool-name.ts";

/**
 * The object of one shard of a pool, seen through its RPC type. The platform's own stub type is of no use
 * here: it turns a method whose arguments or answers hold `unknown` (a job's metadata) into `never`.
 */
export function poolOf(
  env: Pick<Env, "POOL">,
  pool: { readonly accountId: string; readonly pool: string; readonly shard: number },
): PoolRpc {
  return env.POOL.getByName(poolNameOf(pool)) as unknown as PoolRpc;
}
