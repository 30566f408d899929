import { z } from "zod";
import type { OutputFormat } from "../media.ts";
import type { PlanResult } from "../plan.ts";
import { defineRecipe, type PlanContext } from "./define.ts";
import { defaultCodec, refuseCodec } from "./parts/container.ts";
import { planEncode } from "./parts/encode.ts";
import {
  checkQuality,
  crf,
  frameRate,
  height,
  preset,
  refuseCrf,
  videoBitrateKbps,
  videoCodec,
  width,
} from "./parts/params.ts";
import { unsupported } from "./parts/rejections.ts";
import { spanOf } from "./parts/span.ts";
import { qualityOf } from "./parts/video-encoder.ts";

const params = z
  .strictObject({
    codec: videoCodec.optional(),
    audioCodec: z
      .enum(["aac", "opus", "mp3", "copy", "none"])
      .optional()
      .describe("Audio codec; by default aac, and opus for webm. none leaves the sound out."),
    crf: crf.optional(),
    bitrateKbps: videoBitrateKbps.optional(),
    preset: preset.default("medium"),
    width: width.optional(),
    height: height.optional(),
    fps: frameRate.optional(),
  })
  .check(checkQuality);
type Params = z.infer<typeof params>;

/** Encodes to the codecs, quality, size and frame rate asked for. */
export const transcode = defineRecipe({
  name: "transcode",
  summary: "Encodes to the codecs, quality, size and frame rate asked for.",
  params,
  formats: ["mp4", "webm", "mov"],
  inputs: { min: 1, max: 1 },
  refuseFormat,
  plan,
});

function refuseFormat({ codec, audioCodec, crf }: Params, format: OutputFormat): string | null {
  return (
    refuseCodec("codec", codec, format) ??
    refuseCodec("audioCodec", audioCodec, format) ??
    refuseCrf(codec ?? defaultCodec(format), crf)
  );
}

function plan(context: PlanContext<Params>): PlanResult {
  const { source, output, params: asked } = context;
  if (source.video === null)
    return unsupported("transcode needs a video stream; the source has none.");
  const span = spanOf(source, { startSeconds: 0 });
  if ("status" in span) return span;
  const codec = asked.codec ?? defaultCodec(output.format);
  return planEncode(context, {
    span,
    audio: asked.audioCodec ?? "keep",
    video: {
      codec,
      quality: qualityOf(codec, asked),
      preset: asked.preset,
      box: { width: asked.width, height: asked.height },
      fit: "contain",
      enlarge: true,
      fps: asked.fps,
      keepDepth: true,
    },
  });
}
