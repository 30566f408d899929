/** From a job's id and an output's name to its bytes, always through the map of accepted outputs. */
import type { JobRecord } from "../catalogue/jobs.ts";
import type { JobSnapshot } from "../domain/model.ts";
import type { Env, Settings } from "../env.ts";
import { createStore } from "../media/create-store.ts";
import { ApiError } from "./errors.ts";
import { readLive, requireJob } from "./live-job.ts";
import { serveObject } from "./serve-object.ts";

export interface OutputRequest {
  readonly accountId: string;
  readonly jobId: string;
  readonly name: string;
  /** Only this run's; null for the current one. */
  readonly run: number | null;
  readonly cacheControl: string;
}

/**
 * Serves an accepted output of a job (GET and HEAD, ranges). The record in D1 answers for a completed job;
 * the pool is asked where the record may be behind.
 *
 * @throws ApiError JOB_NOT_FOUND, JOB_NOT_COMPLETE, or NOT_FOUND for a name the job has no output of.
 */
export async function serveJobOutput(
  deps: { readonly env: Env; readonly settings: Settings },
  request: Request,
  asked: OutputRequest,
): Promise<Response> {
  const job = await requireJob(deps.env, asked.accountId, asked.jobId);
  const snapshot = await settledSnapshot(deps.env, job);
  if (asked.run !== null && snapshot.run !== asked.run) throw noOutput(asked);
  if (snapshot.state !== "completed") {
    throw new ApiError(
      "JOB_NOT_COMPLETE",
      `The state of job '${asked.jobId}' is '${snapshot.state}'.`,
    );
  }
  const output = snapshot.outputs.find(({ name }) => name === asked.name);
  if (output === undefined) throw noOutput(asked);
  const store = createStore(deps.env, deps.settings);
  const options = { filename: output.name, cacheControl: asked.cacheControl };
  const served = await serveObject(request, store, output, options);
  if (served === null) throw noOutput(asked);
  return served;
}

/** Completed is for good: only what may still change, or be changed by a retry, is asked of the pool. */
async function settledSnapshot(env: Env, job: JobRecord): Promise<JobSnapshot> {
  return job.snapshot?.state === "completed" ? job.snapshot : readLive(env, job);
}

function noOutput({ jobId, name }: OutputRequest): ApiError {
  return new ApiError("NOT_FOUND", `Job '${jobId}' has no output '${name}'.`);
}
