/** From a job's id and an output's name to its bytes, always through the map of accepted outputs. */

import { isTerminalState } from "../../protocol/stages.ts";
import type { JobRecord } from "../catalogue/jobs.ts";
import type { JobSnapshot } from "../domain/model.ts";
import type { Env, Settings } from "../env.ts";
import { createStore } from "../media/create-store.ts";
import type { Store } from "../media/store.ts";
import { servePart, servePlaylist } from "./early-playback.ts";
import { ApiError } from "./errors.ts";
import { askPool, readLive, requireJob } from "./live-job.ts";
import { serveObject } from "./serve-object.ts";

export interface OutputRequest {
  readonly accountId: string;
  readonly jobId: string;
  readonly name: string;
  /** Only this run's; null for the current one. */
  readonly run: number | null;
  /** Whether the asker was told that the job has completed: what it was before is then no answer. */
  readonly isWhole: boolean;
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
  const snapshot = await settledSnapshot(deps.env, job, asked);
  if (asked.run !== null && snapshot.run !== asked.run) throw noOutput(asked);
  const store = createStore(deps.env, deps.settings);
  if (snapshot.playable && snapshot.state !== "completed") {
    const early = await serveEarly(deps.env, store, request, { asked, job, snapshot });
    if (early === null) throw noOutput(asked);
    return early;
  }
  if (snapshot.state !== "completed") {
    throw new ApiError(
      "JOB_NOT_COMPLETE",
      `The state of job '${asked.jobId}' is '${snapshot.state}'.`,
    );
  }
  const output = snapshot.outputs.find(({ name }) => name === asked.name);
  const options = { filename: asked.name, cacheControl: asked.cacheControl };
  const part = { ...asked, run: snapshot.run };
  const served =
    output === undefined
      ? await upToDate({ env: deps.env, job, snapshot }, () =>
          servePart(deps.env, store, request, part),
        )
      : await serveObject(request, store, output, options);
  if (served === null) throw noOutput(asked);
  return served;
}

/** What there is of a presentation so far: its playlists, rendered, and the files that they list. */
async function serveEarly(
  env: Env,
  store: Store,
  request: Request,
  of: { readonly asked: OutputRequest; readonly job: JobRecord; readonly snapshot: JobSnapshot },
): Promise<Response | null> {
  const { asked, job, snapshot } = of;
  const part = { ...asked, run: snapshot.run };
  const state = isTerminalState(snapshot.state) ? "ended" : "growing";
  return upToDate(
    { env, job, snapshot },
    async () =>
      (await servePlaylist(env, request, part, state)) ??
      (await servePart(env, store, request, part)),
  );
}

/**
 * What `look` finds in the record. Where nothing was found and the record is behind the pool, the pool is asked to
 * bring it up to date, once.
 */
async function upToDate<T>(
  of: { readonly env: Env; readonly job: JobRecord; readonly snapshot: JobSnapshot },
  look: () => Promise<T | null>,
): Promise<T | null> {
  const found = await look();
  if (found !== null || of.job.snapshot?.revision === of.snapshot.revision) return found;
  await askPool(of.env, of.job, (pool) => pool.deliver());
  return look();
}

/**
 * Completed is for good, and a run that is playable stays so: only what may still become either is asked of the pool.
 * A player asks for a playlist or a segment every few seconds.
 */
async function settledSnapshot(
  env: Env,
  job: JobRecord,
  { run, isWhole }: OutputRequest,
): Promise<JobSnapshot> {
  const { snapshot } = job;
  if (snapshot?.state === "completed") return snapshot;
  const isKnown = !isWhole && snapshot?.playable === true && snapshot.run === run;
  return isKnown ? snapshot : readLive(env, job);
}

function noOutput({ jobId, name }: OutputRequest): ApiError {
  return new ApiError("NOT_FOUND", `Job '${jobId}' has no output '${name}'.`);
}
