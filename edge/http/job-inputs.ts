/**
 * From the sources a request names to the inputs of a job: each video must be there, and whole.
 *
 * A ready video never changes, it only goes. One that this isolate has looked up before is therefore taken from memory,
 * and the insert, which sees to it that the very video is still there, has the last word: that saves a submission one
 * of its two round trips to D1.
 */
import { findVideo } from "../catalogue/videos.ts";
import type { JobInput } from "../domain/submission.ts";
import type { Env } from "../env.ts";
import { ApiError } from "./errors.ts";
import type { SpecSource } from "./job-spec.ts";
import { Remembered } from "./remembered.ts";

type VideoInput = Extract<JobInput, { kind: "video" }>;

/** Ready videos by `account/video`, some 300 bytes each. */
const remembered = new Remembered<VideoInput>(1_000);

async function resolveVideo(env: Env, accountId: string, videoId: string): Promise<VideoInput> {
  const video = await findVideo(env.DB, accountId, videoId);
  if (video === null) {
    throw new ApiError("VIDEO_NOT_FOUND", `No video with id '${videoId}' exists.`);
  }
  if (video.state !== "ready" || video.etag === null) {
    throw new ApiError("UPLOAD_INCOMPLETE", `The upload of video '${videoId}' is not complete.`);
  }
  const input: VideoInput = {
    kind: "video",
    videoId,
    key: video.key,
    etag: video.etag,
    filename: video.filename,
    contentType: video.contentType,
    sizeBytes: video.size,
  };
  remembered.set(env.DB, `${accountId}/${videoId}`, input);
  return input;
}

/**
 * Looks the sources up, each in D1.
 *
 * @throws ApiError VIDEO_NOT_FOUND or UPLOAD_INCOMPLETE for the first source that is not ready.
 */
export async function resolveInputs(
  env: Env,
  accountId: string,
  sources: Readonly<Record<string, SpecSource>>,
): Promise<Record<string, JobInput>> {
  const inputs: Record<string, JobInput> = {};
  for (const [key, source] of Object.entries(sources)) {
    inputs[key] =
      source.kind === "url" ? source : await resolveVideo(env, accountId, source.videoId);
  }
  return inputs;
}

/** The same, but for videos that were looked up before: for an insert that is conditional on them. */
export async function recallInputs(
  env: Env,
  accountId: string,
  sources: Readonly<Record<string, SpecSource>>,
): Promise<Record<string, JobInput>> {
  const recalled: Record<string, JobInput> = {};
  for (const [key, source] of Object.entries(sources)) {
    const input =
      source.kind === "url" ? source : remembered.get(env.DB, `${accountId}/${source.videoId}`);
    if (input === undefined) return resolveInputs(env, accountId, sources);
    recalled[key] = input;
  }
  return recalled;
}
