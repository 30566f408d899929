/**
 * Acceptance: the D1 insert, and what stands in its way. Once the row is there the job is never lost,
 * whatever becomes of the calls that follow.
 */
import { isTerminalState } from "../../protocol/stages.ts";
import {
  type AcceptResult,
  claimForRetry,
  insertJob,
  type ReclaimResult,
} from "../catalogue/job-claims.ts";
import { findJob, projectSnapshot } from "../catalogue/jobs.ts";
import type { JobSubmission } from "../domain/submission.ts";
import type { Env } from "../env.ts";
import { ApiError } from "./errors.ts";
import { readLive } from "./live-job.ts";

/** A holder may end, a video or a pool change, between two looks: that often we look again. */
const MAX_TRIES = 4;

/** D1 fails now and then; the insert may be repeated under its id, so it is. */
const INSERT_TRIES = 3;

type Claim = AcceptResult | ReclaimResult;

/** A submission, and how many shards its pool had when its own was chosen. */
export interface PlacedSubmission {
  readonly submission: JobSubmission;
  readonly shards: number;
}

/** Frees the claim of a job that has ended, though the record has not heard of it; else refuses. */
async function yieldOrRefuse(env: Env, accountId: string, holderId: string): Promise<void> {
  const refusal = (state: string) =>
    new ApiError(
      "JOB_ALREADY_PROCESSING",
      `Job '${holderId}' is doing this very work; its state is '${state}'.`,
    );
  const holder = await findJob(env.DB, accountId, holderId);
  if (holder === null) throw refusal("unknown");
  const live = await readLive(env, holder).catch(() => null);
  if (live === null || !isTerminalState(live.state)) throw refusal(live?.state ?? holder.state);
  await projectSnapshot(env.DB, [live]);
}

async function claim<T extends { readonly submission: JobSubmission }>(
  env: Env,
  first: T,
  attempt: (current: T) => Promise<Claim>,
  refresh: () => Promise<T>,
): Promise<JobSubmission> {
  let current = first;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const { submission } = current;
    const result = await attempt(current);
    switch (result.status) {
      case "accepted":
      case "claimed":
        return submission;
      case "known":
        return result.submission;
      case "duplicate":
        await yieldOrRefuse(env, submission.accountId, result.jobId);
        break;
      case "outdated":
        current = await refresh();
        break;
      case "gone":
        throw new ApiError("JOB_NOT_FOUND", `No job with id '${submission.jobId}' exists.`);
    }
  }
  throw new ApiError(
    "ENGINE_INVOKE_FAILED",
    "The inputs or the pool kept changing; nothing was recorded.",
  );
}

async function insertPersistently(
  env: Env,
  { submission, shards }: PlacedSubmission,
): Promise<Claim> {
  for (let tries = 1; ; tries++) {
    try {
      return await insertJob(env.DB, submission, shards);
    } catch (error) {
      if (tries === INSERT_TRIES) throw error;
    }
  }
}

/**
 * Inserts the job with its claims. `refresh` looks at the videos and the pool again, and refuses when a video is gone.
 *
 * @returns the submission that was accepted: by an earlier try under the same id, the one of that try.
 * @throws ApiError JOB_ALREADY_PROCESSING, what `refresh` throws, or ENGINE_INVOKE_FAILED when the insert
 *   did not happen.
 */
export async function acceptJob(
  env: Env,
  placed: PlacedSubmission,
  refresh: () => Promise<PlacedSubmission>,
): Promise<JobSubmission> {
  return claim(env, placed, (current) => insertPersistently(env, current), refresh);
}

/** Claims the work of a failed job again, under the same rules; JOB_NOT_FOUND once it was forgotten. */
export async function reclaimWork(
  env: Env,
  submission: JobSubmission,
  refresh: () => Promise<JobSubmission>,
): Promise<void> {
  await claim(
    env,
    { submission },
    (current) => claimForRetry(env.DB, current.submission),
    async () => ({ submission: await refresh() }),
  );
}
