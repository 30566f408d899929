/** `POST /v1/jobs`: from the request to an accepted job that its pool knows of. */
import type { ParsedJobRequest } from "../../protocol/http/job-request.ts";
import type { JobSubmission } from "../domain/submission.ts";
import type { Env, Settings } from "../env.ts";
import { newId, seededId } from "../ids.ts";
import { logError, logInfo, logWarning } from "../log.ts";
import { poolOf } from "../pool-stub.ts";
import { sha256Hex } from "../secrets.ts";
import { acceptJob, type PlacedSubmission } from "./accept-job.ts";
import { checkAgainstSettings, checkPool } from "./check-job.ts";
import type { IdempotentId } from "./context.ts";
import { ApiError } from "./errors.ts";
import { recallInputs, resolveInputs } from "./job-inputs.ts";
import { canonicalSpec, type JobSpec, readSpec } from "./job-spec.ts";
import { findPreset } from "./presets.ts";
import type { RequestIds } from "./request-ids.ts";
import { placeNewJob, recallPlace } from "./shards.ts";

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

type Unplaced = Omit<JobSubmission, "inputs" | "shard">;

async function unplacedOf(
  context: CreateContext,
  request: ParsedJobRequest,
  spec: JobSpec,
): Promise<Unplaced> {
  const { accountId, settings, idempotentId } = context;
  const createdAt = idempotentId?.createdAt ?? context.now;
  return {
    jobId: idempotentId ? seededId("job", createdAt, idempotentId.seed) : newId("job", createdAt),
    accountId,
    pool: request.pool,
    createdAt,
    work: spec.work,
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

/** The job with its inputs and its shard: by what is remembered of them, or looked up. */
async function place(
  { env }: CreateContext,
  unplaced: Unplaced,
  { sources }: JobSpec,
  look: { readonly inputs: typeof resolveInputs; readonly place: typeof placeNewJob },
): Promise<PlacedSubmission> {
  const { accountId, jobId } = unplaced;
  const [inputs, { shard, shards }] = await Promise.all([
    look.inputs(env, accountId, sources),
    look.place(env, unplaced, jobId),
  ]);
  return { submission: { ...unplaced, inputs, shard }, shards };
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
    const unplaced = await unplacedOf(context, request, spec);
    const recalled = { inputs: recallInputs, place: recallPlace };
    const lookedUp = { inputs: resolveInputs, place: placeNewJob };
    const placed = await place(context, unplaced, spec, recalled);
    const refresh = () => place(context, unplaced, spec, lookedUp);
    const accepted = await acceptJob(context.env, placed, refresh);
    logInfo("job_accepted", { ...context.ids, jobId: accepted.jobId });
    await submit(context, accepted);
    return accepted;
  } catch (error) {
    if (error instanceof ApiError) throw error;
    logError("job_not_accepted", context.ids, error);
    throw new ApiError("ENGINE_INVOKE_FAILED", "The record could not be written.");
  }
}
