/**
 * Which shard of a pool a worker belongs to, and which one takes a job. Pure: the same answer wherever it is asked, from
 * numbers alone, so that no shard has to be asked first.
 */
/** What a shard last said of itself: it says so again only when this changes, not with every job. */
export type ShardBand = "free" | "full" | "deserted";
export interface ShardState {
    readonly shard: number;
    /** `free`: slots and nobody waits; `full`: jobs wait; `deserted`: no worker is there. */
    readonly band: ShardBand;
}
/**
 * The shard of a worker among `count`: the one with the greatest hash of both (rendezvous hashing), so that one shard
 * more takes its share of workers from all others and moves nobody else.
 */
export declare function shardOfWorker(workerId: string, count: number): number;
/**
 * The shard that a new job goes to: any with free slots; else any with workers; else any. Among equals by the job's own
 * hash, so that jobs spread and the same job always goes to the same.
 */
export declare function shardForJob(jobId: string, states: readonly ShardState[], count: number): number;
