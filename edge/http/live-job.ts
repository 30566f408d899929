/** The job as it is now: found in the record, asked of its pool. */
import type { JobRecord } from "../catalogue/jobs.ts";
import { findJob } from "../catalogue/jobs.ts";
import type { JobSnapshot } from "../domain/model.ts";
import type { Env } from "../env.ts";
import { logError } from "../log.ts";
import type { PoolRpc } from "../pool/rpc.ts";
import { poolNameOf } from "../pool-name.ts";
import { poolOf } from "../pool-stub.ts";
import { ApiError } from "./errors.ts";

/** The account's job, or JOB_NOT_FOUND: the same for one that is missing and one that is another's. */
export async function requireJob(env: Env, accountId: string, jobId: string): Promise<JobRecord> {
  const record = await findJob(env.DB, accountId, jobId);
  if (record === null) throw new ApiError("JOB_NOT_FOUND", `No job with id '${jobId}' exists.`);
  return record;
}

/** The platform marks errors of a restarting object with `retryable`; asking twice harms no question. */
function isPassing(error: unknown): boolean {
  return error instanceof Error && "retryable" in error && error.retryable === true;
}

/**
 * Asks the job's pool something that may be asked twice.
 *
 * @throws ApiError ENGINE_ERROR when the pool does not answer.
 */
export function askPool<T>(
  env: Env,
  record: JobRecord,
  question: (pool: PoolRpc) => Promise<T>,
): Promise<T> {
  return untilAnswered(record, () => question(poolOf(env, record.submission)));
}

/**
 * Asks the job's pool for a socket: a 101 cannot cross RPC. The request is made anew for each try.
 *
 * @throws ApiError ENGINE_ERROR when the pool does not answer.
 */
export function fetchPool(
  env: Env,
  record: JobRecord,
  path: string,
  headers: Readonly<Record<string, string>>,
): Promise<Response> {
  const url = `https://pool${path}`;
  return untilAnswered(record, () =>
    env.POOL.getByName(poolNameOf(record.submission)).fetch(new Request(url, { headers })),
  );
}

async function untilAnswered<T>(record: JobRecord, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask().catch((error: unknown) => {
      if (isPassing(error)) return ask();
      throw error;
    });
  } catch (error) {
    const { jobId, traceId } = record.submission;
    logError("pool_unreachable", { jobId, traceId }, error);
    throw new ApiError("ENGINE_ERROR", `The pool of job '${jobId}' did not answer.`);
  }
}

/** The job's snapshot from its pool: strongly consistent. */
export function readLive(env: Env, record: JobRecord): Promise<JobSnapshot> {
  return askPool(env, record, (pool) => pool.read(record.submission, record.snapshot));
}
