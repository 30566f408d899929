/** Deletes the bytes of abandoned attempts and of forgotten jobs. Late, twice, and never while a grant could write. */
import type { JobRecord } from "../domain/model.ts";
import { runPrefix } from "../media/keys.ts";
import { retryDelayMs } from "./backoff.ts";
import type { PoolContext } from "./context.ts";
import { SECOND_COLLECTION_MS } from "./durations.ts";
import type { GarbageRow } from "./garbage-store.ts";
import { logInfo, logWarning } from "./log.ts";

/** Prefixes collected in one alarm: each costs a list and a delete, of the 1,000 calls an invocation has. */
const COLLECTED_AT_ONCE = 50;
const FORGOTTEN_AT_ONCE = 50;

/**
 * Drops what is kept of jobs past their retention; their objects become garbage that is due at once. Only the last
 * run's are left by then, and D1 may still let the job be retried: the next run must not be collected with them.
 */
export function forgetJobs(pool: PoolContext): void {
  const now = pool.now();
  for (const jobId of pool.jobs.forgettable(now, FORGOTTEN_AT_ONCE)) {
    const job = tombstoneOf(pool, jobId);
    const run = job?.run ?? 1;
    pool.storage.transactionSync(() => {
      const prefix = runPrefix({ jobId, run });
      pool.garbage.add({ prefix, taskId: null, epoch: null, spared: null, rounds: 1 }, now);
      pool.history.delete(jobId);
      pool.jobs.delete(jobId);
    });
    logInfo("forgotten", { traceId: job?.submission.traceId, jobId });
  }
}

/** Null for one that cannot be read: it goes all the same, or it would be the first that is due for ever. */
function tombstoneOf(pool: PoolContext, jobId: string): JobRecord | null {
  try {
    return pool.jobs.load(jobId)?.job ?? null;
  } catch (error) {
    logWarning("tombstone_unreadable", { jobId }, error);
    return null;
  }
}

/** Collects what is due. A failure of the store postpones that prefix alone. */
export async function collectGarbage(pool: PoolContext): Promise<void> {
  for (const row of pool.garbage.due(pool.now(), COLLECTED_AT_ONCE)) {
    try {
      const deleted = await emptyPrefix(pool, row);
      settle(pool, row);
      logInfo("collected", { prefix: row.prefix, deleted, rounds: row.rounds });
    } catch (error) {
      pool.garbage.postpone(row.prefix, pool.now() + retryDelayMs(row.tries));
      logWarning("collection_failed", { prefix: row.prefix, tries: row.tries }, error);
    }
  }
}

async function emptyPrefix(pool: PoolContext, row: GarbageRow): Promise<number> {
  if (row.taskId !== null && row.epoch !== null) {
    for (const { key, uploadId } of pool.garbage.uploadsOf(row.taskId, row.epoch)) {
      await pool.media.abortMultipart(key, uploadId);
    }
  }
  return row.spared === null
    ? emptyWhole(pool, row.prefix)
    : emptyAround(pool, row.prefix, row.spared);
}

/** What is spared stays listed, so this goes on by cursor; keys that it skips for that are found in the next round. */
async function emptyAround(pool: PoolContext, prefix: string, spared: string): Promise<number> {
  let deleted = 0;
  let cursor: string | undefined;
  do {
    const page = await pool.media.list(prefix, cursor);
    const keys = page.objects.map(({ key }) => key).filter((key) => !key.startsWith(spared));
    if (keys.length > 0) await pool.media.delete(keys);
    deleted += keys.length;
    cursor = page.cursor ?? undefined;
  } while (cursor !== undefined);
  return deleted;
}

async function emptyWhole(pool: PoolContext, prefix: string): Promise<number> {
  let deleted = 0;
  for (;;) {
    // Always from the start: what was listed is gone by the next turn, and a cursor would skip over it.
    const { objects } = await pool.media.list(prefix);
    if (objects.length === 0) return deleted;
    await pool.media.delete(objects.map((object) => object.key));
    deleted += objects.length;
  }
}

function settle(pool: PoolContext, row: GarbageRow): void {
  pool.storage.transactionSync(() => {
    if (row.rounds > 1) {
      pool.garbage.again(row.prefix, pool.now() + SECOND_COLLECTION_MS);
      return;
    }
    pool.garbage.remove(row.prefix);
    if (row.taskId !== null && row.epoch !== null) {
      pool.garbage.forgetUploads(row.taskId, row.epoch);
    }
  });
}
