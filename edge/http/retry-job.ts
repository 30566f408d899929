/** `POST /v1/jobs/{id}/retry`: run n+1 of the same job, with its claims taken again. */

import { claimForRetry, releaseIfTerminal } from "../catalogue/job-claims.ts";
import type { JobRecord } from "../catalogue/jobs.ts";
import { projectSnapshot } from "../catalogue/jobs.ts";
import type { JobSubmission } from "../domain/submission.ts";
import type { Env } from "../env.ts";
import { logWarning } from "../log.ts";
import { poolOf } from "../pool-stub.ts";
import { reclaimWork } from "./accept-job.ts";
import { ApiError } from "./errors.ts";
import { resolveInputs } from "./job-inputs.ts";
import type { SpecSource } from "./job-spec.ts";
import { readLive } from "./live-job.ts";

function notRetryable(jobId: string, reason: string): ApiError {
  return new ApiError(
    "JOB_NOT_RETRYABLE",
    `Job '${jobId}' cannot be retried: ${reason.replace(/\.$/, "")}.`,
  );
}

/** The videos must still be the ones that were accepted: a submission never changes. */
async function requireSameInputs(env: Env, submission: JobSubmission): Promise<JobSubmission> {
  const sources: Record<string, SpecSource> = { ...submission.inputs };
  const inputs = await resolveInputs(env, submission.accountId, sources);
  for (const [key, input] of Object.entries(inputs)) {
    const accepted = submission.inputs[key];
    if (input.kind === "video" && accepted?.kind === "video" && input.etag !== accepted.etag) {
      throw notRetryable(submission.jobId, `video '${input.videoId}' has changed`);
    }
  }
  return submission;
}

/**
 * Queues a failed job again.
 *
 * @throws ApiError JOB_NOT_RETRYABLE, JOB_ALREADY_PROCESSING when another job does its work by now, or
 *   VIDEO_NOT_FOUND when its video is gone.
 */
export async function retryJob(
  env: Env,
  record: JobRecord,
  options: { readonly timeoutSeconds?: number },
): Promise<void> {
  const { submission } = record;
  const live = await readLive(env, record);
  if (live.state !== "failed") {
    throw notRetryable(submission.jobId, `it is ${live.state}, not failed`);
  }
  await reclaimWork(env, submission, () => requireSameInputs(env, submission));
  const result = await poolOf(env, submission).retry(submission, options, record.snapshot);
  if (result.status === "not_retryable") {
    // The claim was for a run that will not be; should the record lag, its projection releases it.
    await releaseIfTerminal(env.DB, submission.jobId);
    throw notRetryable(submission.jobId, result.reason);
  }
  await settle(env, submission, result.job);
}

/**
 * Until the record has the new run, a late replay of the old run's end would release its claims: so the
 * record is brought up at once, and the claims are taken again in case that happened in between.
 */
async function settle(
  env: Env,
  submission: JobSubmission,
  snapshot: Parameters<typeof projectSnapshot>[1][number],
): Promise<void> {
  try {
    await projectSnapshot(env.DB, [snapshot]);
    await claimForRetry(env.DB, submission);
  } catch (error) {
    const { jobId, traceId } = submission;
    logWarning("retry_not_projected", { jobId, traceId }, error);
  }
}
