import { z } from "zod";
import type { FfmpegStep, PlanResult } from "../plan.ts";
import { defineRecipe, type PlanContext } from "./define.ts";
import { keptGraph } from "./parts/changing-size.ts";
import { refuseHdr } from "./parts/color.ts";
import { muxers } from "./parts/container.ts";
import { framing } from "./parts/geometry.ts";
import { height, seconds, width } from "./parts/params.ts";
import { unsupported } from "./parts/rejections.ts";
import { heldPictures, partOptions, spanOf } from "./parts/span.ts";
import { stillFilters } from "./parts/video-filters.ts";

const params = z.strictObject({
  seekSeconds: seconds("When the picture is shown that is taken").default(0),
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
  const step: FfmpegStep = {
    kind: "ffmpeg",
    stage: "transcoding",
    inputs: [
      {
        from: { source: sourceKey },
        options: [...keptGraph(source), ...partOptions(source, span)],
      },
    ],
    filterComplex: null,
    outputs: [
      {
        file: output.file,
        muxer: muxers[format],
        options: [
          "-map",
          `0:${video.index}`,
          "-filter:v",
          [...heldPictures(source, span), ...stillFilters(video, framed, format)].join(","),
          "-frames:v",
          "1",
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
