/** Jobs in whatever state a test puts them, over a pool that answers as told. */
import type { AcceptedOutput, JobSnapshot } from "../../../edge/domain/model.ts";
import { jobError } from "../../../protocol/errors.ts";
import type { Job } from "../../../protocol/http/jobs.ts";
import type { FakePool } from "./fake-pool.ts";
import { type CallOptions, call, makeVideo } from "./harness.ts";

/** Calls below `/v1/jobs`, answered by this pool. */
export const asking =
  (poolOf: () => FakePool) =>
  (path: string, options: CallOptions = {}): Promise<Response> =>
    call(`/v1/jobs${path}`, { env: poolOf().env, ...options });

export type Ask = ReturnType<typeof asking>;

/** A new job of the account, of a video of its own. */
export async function submitJob(ask: Ask, key?: string, accountId?: string): Promise<string> {
  const videoId = await makeVideo(accountId);
  const json = { videoId, recipe: { name: "webReady" } };
  const answer = await ask("", { json, ...(key === undefined ? {} : { key }) });
  if (answer.status !== 202) throw new Error(await answer.text());
  return (await answer.json<Job>()).jobId;
}

export const output: AcceptedOutput = {
  name: "result.mp4",
  key: "jobs/x/1/tsk/1/result.mp4",
  etag: "e",
  contentType: "video/mp4",
  format: "mp4",
  sizeBytes: 12,
  sha256: "a".repeat(64),
  media: {
    format: "mp4",
    durationSeconds: 2.5,
    width: 640,
    height: 360,
    frameRate: 25,
    videoCodec: "h264",
    audioCodec: null,
    bitrateKbps: 800,
  },
};

export const completed: Partial<JobSnapshot> = {
  state: "completed",
  progress: 100,
  outputs: [output],
  startedAt: 1_700_000_000_000,
  completedAt: 1_700_000_009_000,
};

export const failed = (retryable: boolean): Partial<JobSnapshot> => ({
  state: "failed",
  completedAt: 1_700_000_009_000,
  error: jobError({
    code: "ENGINE_INVOCATION_ERROR",
    detail: "ffmpeg was killed by SIGKILL",
    stage: "transcoding",
    retryable,
  }),
});
