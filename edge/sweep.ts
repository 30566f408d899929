/** What runs every minute: it brings what never arrived, and forgets what is over. */

import { sweepIdempotency } from "./catalogue/idempotency.ts";
import { listStaleClaims, listUnprojected, releaseIfTerminal } from "./catalogue/job-claims.ts";
import { type JobRecord, projectSnapshot } from "./catalogue/jobs.ts";
import type { Env, Settings } from "./env.ts";
import { poolOf } from "./http/pool-stub.ts";
import { sweepUploads } from "./media/sweep-uploads.ts";
import { sweepDeliveries } from "./webhooks/consume.ts";

/** A submission normally arrives within milliseconds; its projection within seconds. */
const ARRIVAL_MS = 15_000;
/** A retry is projected within seconds. */
const RETRY_MS = 60_000;
/** A sweep takes up this many; the next one takes the rest. */
const SWEEP_LIMIT = 200;
/** A Worker's request may have six connections that wait (2026-10). */
const AT_ONCE = 6;

async function eachOf(
  records: readonly JobRecord[],
  work: (record: JobRecord) => Promise<void>,
): Promise<void> {
  for (let start = 0; start < records.length; start += AT_ONCE) {
    const batch = records.slice(start, start + AT_ONCE).map(work);
    for (const result of await Promise.allSettled(batch)) {
      if (result.status === "rejected") logFailure("sweep_job", result.reason);
    }
  }
}

function logFailure(event: string, error: unknown): void {
  console.error(JSON.stringify({ level: "error", event, error: String(error) }));
}

/** Submits what was accepted and never reached its pool, and takes over what the pool says of it. */
export async function sweepSubmissions(env: Env, now: number): Promise<void> {
  const waiting = await listUnprojected(env.DB, now - ARRIVAL_MS, SWEEP_LIMIT);
  await eachOf(waiting, async ({ submission }) => {
    await projectSnapshot(env.DB, [await poolOf(env, submission).submit(submission)]);
  });
}

/** Releases claims that a retry took and nobody answered for. */
export async function sweepClaims(env: Env, now: number): Promise<void> {
  const stale = await listStaleClaims(env.DB, now - RETRY_MS, SWEEP_LIMIT);
  await eachOf(stale, async ({ submission, snapshot }) => {
    const live = await poolOf(env, submission).read(submission, snapshot);
    await projectSnapshot(env.DB, [live]);
    await releaseIfTerminal(env.DB, submission.jobId);
  });
}

/** Runs every sweep; one that fails does not keep the others from running. */
export async function sweep(env: Env, settings: Settings, now: number): Promise<void> {
  const sweeps = {
    submissions: () => sweepSubmissions(env, now),
    claims: () => sweepClaims(env, now),
    idempotency: () => sweepIdempotency(env.DB, now),
    uploads: () => sweepUploads(env, settings, now),
    deliveries: () => sweepDeliveries(env, now),
  };
  const names = Object.keys(sweeps);
  const results = await Promise.allSettled(Object.values(sweeps).map((run) => run()));
  results.forEach((result, index) => {
    if (result.status === "rejected") logFailure(`sweep_${names[index]}`, result.reason);
  });
}
