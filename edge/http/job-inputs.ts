/** From the sources a request names to the inputs of a job: each video must be there, and whole. */
import { findVideo } from "../catalogue/videos.ts";
import type { JobInput } from "../domain/submission.ts";
import type { Env } from "../env.ts";
import { ApiError } from "./errors.ts";
import type { SpecSource } from "./job-spec.ts";

async function resolveVideo(env: Env, accountId: string, videoId: string): Promise<JobInput> {
  const video = await findVideo(env.DB, accountId, videoId);
  if (video === null) {
    throw new ApiError("VIDEO_NOT_FOUND", `No video with id '${videoId}' exists.`);
  }
  if (video.state !== "ready" || video.etag === null) {
    throw new ApiError("UPLOAD_INCOMPLETE", `The upload of video '${videoId}' is not complete.`);
  }
  return {
    kind: "video",
    videoId,
    key: video.key,
    etag: video.etag,
    filename: video.filename,
    contentType: video.contentType,
    sizeBytes: video.size,
  };
}

/** @throws ApiError VIDEO_NOT_FOUND or UPLOAD_INCOMPLETE for the first source that is not ready. */
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
