/** What runs every minute: it brings what never arrived, and forgets what is over. */

import { sweepIdempotency } from "./catalogue/idempotency.ts";
import { listStaleClaims, listUnprojected, releaseIfTerminal } from "./catalogue/job-claims.ts";
import { type JobRecord, projectSnapshot } from "./catalogue/jobs.ts";
import {
  type DuePool,
  deleteExpiredJobs,
  deleteOldDeliveries,
  listDuePools,
} from "./catalogue/retention.ts";
import type { Env, Settings } from "./env.ts";
import { type LogFields, logError } from "./log.ts";
import { sweepUploads } from "./media/sweep-uploads.ts";
import { poolOf } from "./pool-stub.ts";
import { sweepDeliveries } from "./webhooks/consume.ts";

/** A submission normally arrives within milliseconds; its projection within seconds. */
const ARRIVAL_MS = 15_000;
/** A retry is projected within seconds. */
const RETRY_MS = 60_000;
/** A sweep takes up this many; the next one takes the rest. */
const SWEEP_LIMIT = 200;
/** Pools looked in on in one sweep: each costs a call or two, of the 1,000 that an invocation has (2026-10). */
const POOLS_LIMIT = 300;
/** Rows of a kind (of jobs: and of a pool) that one sweep deletes. */
const ROWS_LIMIT = 1_000;
const DAY_MS = 86_400_000;
/** A Worker's request may have six connections that wait (2026-10). */
const AT_ONCE = 6;

/** Does this to each; one that fails is logged with what tells it from others, and the rest go on. */
async function eachOf<T>(
  items: readonly T[],
  event: string,
  fieldsOf: (item: T) => LogFields,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const attempt = async (item: T): Promise<void> => {
    try {
      await work(item);
    } catch (error) {
      logError(event, fieldsOf(item), error);
    }
  };
  for (let start = 0; start < items.length; start += AT_ONCE) {
    await Promise.all(items.slice(start, start + AT_ONCE).map(attempt));
  }
}

function fieldsOfJob({ submission }: JobRecord): LogFields {
  const { jobId, traceId } = submission;
  return { jobId, traceId };
}

/** Submits what was accepted and never reached its pool, and takes over what the pool says of it. */
export async function sweepSubmissions(env: Env, now: number): Promise<void> {
  const waiting = await listUnprojected(env.DB, now - ARRIVAL_MS, SWEEP_LIMIT);
  await eachOf(waiting, "sweep_submission", fieldsOfJob, async ({ submission }) => {
    await projectSnapshot(env.DB, [await poolOf(env, submission).submit(submission)]);
  });
}

/** Releases claims that a retry took and nobody answered for. */
export async function sweepClaims(env: Env, now: number): Promise<void> {
  const stale = await listStaleClaims(env.DB, now - RETRY_MS, SWEEP_LIMIT);
  await eachOf(stale, "sweep_claim", fieldsOfJob, async ({ submission, snapshot }) => {
    const live = await poolOf(env, submission).read(submission, snapshot);
    await projectSnapshot(env.DB, [live]);
    await releaseIfTerminal(env.DB, submission.jobId);
  });
}

/**
 * Looks in on every pool that has work: an alarm that the platform gave up on is set again by whoever comes by, and
 * nobody might. Then the rows of jobs past their retention go; those of a pool that did not answer stay until it does,
 * because it is the pool that collects their objects.
 */
export async function sweepPools(env: Env, settings: Settings, now: number): Promise<void> {
  const endedBefore = now - settings.jobRetentionDays * DAY_MS;
  const due = await listDuePools(env.DB, endedBefore, POOLS_LIMIT);
  const fieldsOf = ({ accountId, pool }: DuePool) => ({ accountId, pool });
  await eachOf(due, "sweep_pool", fieldsOf, async (pool) => {
    for (let shard = 0; shard < pool.reach; shard++) {
      await poolOf(env, { ...pool, shard }).poke(pool.inUse);
    }
    if (pool.hasExpired) await deleteExpiredJobs(env.DB, pool, endedBefore, ROWS_LIMIT);
  });
}

/** Runs every sweep; one that fails does not keep the others from running. */
export async function sweep(env: Env, settings: Settings, now: number): Promise<void> {
  const sweeps = {
    submissions: () => sweepSubmissions(env, now),
    claims: () => sweepClaims(env, now),
    pools: () => sweepPools(env, settings, now),
    idempotency: () => sweepIdempotency(env.DB, now, ROWS_LIMIT),
    uploads: () => sweepUploads(env, settings, now),
    deliveries: () => sweepDeliveries(env, now),
    oldDeliveries: () =>
      deleteOldDeliveries(env.DB, now - settings.jobRetentionDays * DAY_MS, ROWS_LIMIT),
  };
  const names = Object.keys(sweeps);
  const results = await Promise.allSettled(Object.values(sweeps).map((run) => run()));
  results.forEach((result, index) => {
    if (result.status === "rejected") logError("sweep", { part: names[index] }, result.reason);
  });
}
