/** `POST /v1/jobs`: from the request to an accepted job that its pool knows of. */
import type { ParsedJobRequest } from "../../protocol/http/job-request.ts";
import type { JobSubmission } from "../domain/submission.ts";
import type { Env, Settings } from "../env.ts";
import { newId, seededId } from "../ids.ts";
import { logError, logInfo, logWarning } from "../log.ts";
import { poolOf } from "../pool-stub.ts";
import { sha256Hex } from "../secrets.ts";
import { acceptJob } from "./accept-job.ts";
import { checkAgainstSettings, checkPool } from "./check-job.ts";
import type { IdempotentId } from "./context.ts";
import { ApiError } from "./errors.ts";
import { recallInputs, resolveInputs } from "./job-inputs.ts";
import { canonicalSpec, type JobSpec, readSpec } from "./job-spec.ts";
import { findPreset } from "./presets.ts";
import type { RequestIds } from "./request-ids.ts";
import { shardForNewJob } from "./shards.ts";

export interface CreateContext {
  readonly env: Env;
  readonly settings: Settings;
  readonly accountId: string;
  readonly origin: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly idempotentId: IdempotentId | undefined;
  readonly ids: RequestIds;
}

async function specOf(context: CreateContext, request: ParsedJobRequest): Promise<JobSpec> {
  const preset =
    request.presetId === undefined
      ? null
      : await findPreset(context.env, context.accountId, request.presetId);
  const read = readSpec(request, preset);
  if (read.status === "refused") throw new ApiError(read.code, read.detail);
  return read.spec;
}

async function submissionOf(
  context: CreateContext,
  request: ParsedJobRequest,
  spec: JobSpec,
): Promise<JobSubmission> {
  const { accountId, settings, idempotentId } = context;
  const createdAt = idempotentId?.createdAt ?? context.now;
  const jobId = idempotentId
    ? seededId("job", createdAt, idempotentId.seed)
    : newId("job", createdAt);
  return {
    jobId,
    accountId,
    pool: request.pool,
    shard: await shardForNewJob(context.env, { accountId, pool: request.pool }, jobId),
    createdAt,
    work: spec.work,
    inputs: await recallInputs(context.env, accountId, spec.sources),
    outputs: spec.outputs,
    ...(spec.quality ? { quality: true } : {}),
    traceId: context.ids.traceId,
    webhookUrl: request.webhookUrl ?? null,
    presetId: request.presetId ?? null,
    priority: request.priority,
    timeoutSeconds: request.timeoutSeconds ?? settings.processingTimeoutSeconds,
    queueTimeoutSeconds: request.queueTimeoutSeconds,
    maxAttempts: request.maxAttempts ?? settings.maxAttempts,
    metadata: request.metadata ?? null,
    specHash: await sha256Hex(canonicalSpec(spec)),
    origin: context.origin,
  };
}

/** Tells the pool. The job is accepted already: when this fails, the sweep brings it. */
async function submit({ env, ids }: CreateContext, submission: JobSubmission): Promise<void> {
  try {
    await poolOf(env, submission).submit(submission);
  } catch (error) {
    logWarning("submit_failed", { ...ids, jobId: submission.jobId }, error);
  }
}

/**
 * Accepts the job and tells its pool.
 *
 * @throws ApiError for a request that cannot be accepted; ENGINE_INVOKE_FAILED when nothing was recorded.
 */
export async function createJob(
  context: CreateContext,
  request: ParsedJobRequest,
): Promise<JobSubmission> {
  checkAgainstSettings(request, context);
  try {
    await checkPool(context.env, context.accountId, request.pool);
    const spec = await specOf(context, request);
    const submission = await submissionOf(context, request, spec);
    const refresh = async () => ({
      ...submission,
      inputs: await resolveInputs(context.env, context.accountId, spec.sources),
    });
    const accepted = await acceptJob(context.env, submission, refresh);
    logInfo("job_accepted", { ...context.ids, jobId: accepted.jobId });
    await submit(context, accepted);
    return accepted;
  } catch (error) {
    if (error instanceof ApiError) throw error;
    logError("job_not_accepted", context.ids, error);
    throw new ApiError("ENGINE_INVOKE_FAILED", "The record could not be written.");
  }
}
