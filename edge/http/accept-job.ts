/**
 * Acceptance: the D1 insert, and what stands in its way. Once the row is there the job is never lost,
 * whatever becomes of the calls that follow.
 */
import { isTerminalState } from "../../protocol/stages.ts";
import { claimForRetry, insertJob } from "../catalogue/job-claims.ts";
import { findJob, projectSnapshot } from "../catalogue/jobs.ts";
import type { JobSubmission } from "../domain/submission.ts";
import type { Env } from "../env.ts";
import { ApiError } from "./errors.ts";
import { readLive } from "./live-job.ts";

/** A holder may end, or a video change, between two looks: that often we look again. */
const MAX_TRIES = 4;

/** D1 fails now and then; the insert may be repeated under its id, so it is. */
const INSERT_TRIES = 3;

type Claim =
  | { readonly status: "accepted" | "claimed" }
  | { readonly status: "duplicate"; readonly jobId: string }
  | { readonly status: "inputs_changed" }
  | { readonly status: "gone" };

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

async function claim(
  env: Env,
  submission: JobSubmission,
  attempt: (submission: JobSubmission) => Promise<Claim>,
  refresh: () => Promise<JobSubmission>,
): Promise<JobSubmission> {
  let current = submission;
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const result = await attempt(current);
    switch (result.status) {
      case "accepted":
      case "claimed":
        return current;
      case "duplicate":
        await yieldOrRefuse(env, current.accountId, result.jobId);
        break;
      case "inputs_changed":
        current = await refresh();
        break;
      case "gone":
        throw new ApiError("JOB_NOT_FOUND", `No job with id '${current.jobId}' exists.`);
    }
  }
  throw new ApiError("ENGINE_INVOKE_FAILED", "The inputs kept changing; nothing was recorded.");
}

async function insertPersistently(env: Env, submission: JobSubmission): Promise<Claim> {
  for (let tries = 1; ; tries++) {
    try {
      return await insertJob(env.DB, submission);
    } catch (error) {
      if (tries === INSERT_TRIES) throw error;
    }
  }
}

/**
 * Inserts the job with its claims. `refresh` looks at the videos again, and refuses when one is gone.
 *
 * @returns the submission that was accepted.
 * @throws ApiError JOB_ALREADY_PROCESSING, what `refresh` throws, or ENGINE_INVOKE_FAILED when the insert
 *   did not happen.
 */
export async function acceptJob(
  env: Env,
  submission: JobSubmission,
  refresh: () => Promise<JobSubmission>,
): Promise<JobSubmission> {
  return claim(env, submission, (current) => insertPersistently(env, current), refresh);
}

/** Claims the work of a failed job again, under the same rules; JOB_NOT_FOUND once it was forgotten. */
export async function reclaimWork(
  env: Env,
  submission: JobSubmission,
  refresh: () => Promise<JobSubmission>,
): Promise<void> {
  await claim(env, submission, (current) => claimForRetry(env.DB, current), refresh);
}
