import { z } from "zod";
import type { SourceInfo, VideoStreamInfo } from "../media.ts";
import type { FfmpegStep, PlanResult } from "../plan.ts";
import { defineRecipe, type PlanContext } from "./define.ts";
import { refuseHdr } from "./parts/color.ts";
import { muxers } from "./parts/container.ts";
import { framing } from "./parts/geometry.ts";
import { height, seconds, width } from "./parts/params.ts";
import { unsupported } from "./parts/rejections.ts";
import { lengthOf, spanOf } from "./parts/span.ts";
import { secondsText } from "./parts/timing.ts";
import { stillFilters } from "./parts/video-filters.ts";

const params = z.strictObject({
  seekSeconds: seconds("Where the picture is taken").default(0),
  width: width.optional(),
  height: height.optional(),
});

/** Takes one picture. */
export const thumbnail = defineRecipe({
  name: "thumbnail",
  summary: "Takes one picture.",
  params,
  formats: ["jpg", "png"],
  inputs: { min: 1, max: 1 },
  plan,
});

function plan(context: PlanContext<z.infer<typeof params>>): PlanResult {
  const { source, sourceKey, output, params: asked } = context;
  const { video } = source;
  if (video === null) return unsupported("thumbnail needs a video stream; the source has none.");
  const span = spanOf(source, { startSeconds: asked.seekSeconds }, "seekSeconds");
  if ("status" in span) return span;
  const refusal = refuseHdr(video);
  if (refusal !== null) return refusal;
  const framed = framing(video, {
    box: { width: asked.width, height: asked.height },
    fit: "contain",
    enlarge: true,
    grid: 1,
  });
  if ("status" in framed) return framed;
  const format = output.format === "png" ? "png" : "jpg";
  const taken = reading(source, video, asked.seekSeconds);
  const step: FfmpegStep = {
    kind: "ffmpeg",
    stage: "transcoding",
    inputs: [{ from: { source: sourceKey }, options: taken.input }],
    filterComplex: null,
    outputs: [
      {
        file: output.file,
        muxer: muxers[format],
        options: [
          "-map",
          `0:${video.index}`,
          "-filter:v",
          stillFilters(video, framed, format).join(","),
          ...taken.output,
          "-update",
          "1",
          ...(format === "jpg" ? ["-c:v", "mjpeg", "-q:v", "2"] : ["-c:v", "png"]),
          "-map_metadata",
          "-1",
        ],
      },
    ],
    expectedFrames: null,
    expectedSeconds: null,
    encoder: null,
  };
  return {
    status: "planned",
    action: "encode",
    steps: [step],
    outputs: [
      {
        ...output,
        video: { codec: format === "jpg" ? "mjpeg" : "png", ...framed.size, frames: 1 },
        audio: null,
        durationSeconds: null,
        durationToleranceSeconds: 0,
      },
    ],
  };
}

/** Near the end there may be no picture at or after the point: the last before it is taken. */
const TAIL_SECONDS = 2;
const LOOKBACK_SECONDS = 5;

interface Reading {
  readonly input: readonly string[];
  readonly output: readonly string[];
}

/** How the one picture is found: the first from the point on, or near the end the last up to it. */
function reading(source: SourceInfo, video: VideoStreamInfo, seekSeconds: number): Reading {
  const end = pictureEnd(source, video);
  if (seekSeconds === 0 || end === null || seekSeconds < end - TAIL_SECONDS) {
    const seek = seekSeconds === 0 ? [] : ["-ss", secondsText(seekSeconds)];
    return { input: seek, output: ["-frames:v", "1"] };
  }
  const to = Math.min(seekSeconds, end);
  const from = Math.max(0, to - LOOKBACK_SECONDS);
  // Each picture overwrites the one before (`-update`), so that the last one read remains.
  return {
    input: [
      ...(from === 0 ? [] : ["-ss", secondsText(from)]),
      // Up to and with a picture at exactly that time.
      "-t",
      secondsText(to - from + 0.001),
    ],
    output: ["-fps_mode:v", "passthrough"],
  };
}

/** When the last picture stops being shown, as far as the container says. */
function pictureEnd(source: SourceInfo, video: VideoStreamInfo): number | null {
  if (video.durationSeconds === null || video.durationSeconds <= 0)
    return lengthOf(source)?.seconds ?? null;
  const start = (video.startSeconds ?? source.startSeconds) - source.startSeconds;
  return start + video.durationSeconds;
}
