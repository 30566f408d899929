/**
 * Which shard of a pool a worker belongs to, and which one takes a job. Pure: the same answer wherever it is asked, from
 * numbers alone, so that no shard has to be asked first.
 */

/** How a shard is. */
export type ShardBand = "free" | "full" | "deserted";

export interface ShardState {
  readonly shard: number;
  /** `free`: slots and nobody waits; `full`: jobs wait; `deserted`: no worker is there. */
  readonly band: ShardBand;
}

const rank: Record<ShardBand, number> = { free: 0, full: 1, deserted: 2 };

/**
 * The shard of a worker among `count`: the one with the greatest hash of both (rendezvous hashing), so that one shard
 * more takes its share of workers from all others and moves nobody else.
 */
export function shardOfWorker(workerId: string, count: number): number {
  return greatest(
    workerId,
    Array.from({ length: count }, (_, shard) => shard),
  );
}

/**
 * The shard that a new job goes to: any with free slots; else any with workers; else any. Among equals by the job's own
 * hash, so that jobs spread and the same job always goes to the same.
 */
export function shardForJob(jobId: string, states: readonly ShardState[], count: number): number {
  const bands = new Map(states.map(({ shard, band }) => [shard, band]));
  const shards = Array.from({ length: count }, (_, shard) => shard);
  // One that was not asked, or did not answer, is no better than one without workers.
  const rankOf = (shard: number) => rank[bands.get(shard) ?? "deserted"];
  const best = Math.min(...shards.map(rankOf));
  return greatest(
    jobId,
    shards.filter((shard) => rankOf(shard) === best),
  );
}

/** How a shard is, from what it counts. */
export function bandOf(counts: {
  readonly ready: number;
  readonly workersConnected: number;
  readonly slots: number;
  readonly slotsBusy: number;
}): ShardBand {
  if (counts.workersConnected === 0) return "deserted";
  return counts.ready === 0 && counts.slotsBusy < counts.slots ? "free" : "full";
}

/** Every shard, in an order that is the job's own: in which it asks them. */
export function shardsInOrder(jobId: string, count: number): readonly number[] {
  const left = Array.from({ length: count }, (_, shard) => shard);
  return left
    .map((shard) => ({ shard, hash: hashOf(`${jobId}/${shard}`) }))
    .sort((a, b) => b.hash - a.hash || a.shard - b.shard)
    .map(({ shard }) => shard);
}

function greatest(id: string, shards: readonly number[]): number {
  let best = { shard: 0, hash: -1 };
  for (const shard of shards) {
    const hash = hashOf(`${id}/${shard}`);
    if (hash > best.hash) best = { shard, hash };
  }
  return best.shard;
}

/** FNV-1a, 32 bits, with murmur3's final mix: FNV's own high bits hardly change with the last character. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
