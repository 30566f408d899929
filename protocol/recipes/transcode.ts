import { z } from "zod";
import { defineRecipe } from "./define.ts";
import {
  checkQuality,
  crf,
  frameRate,
  height,
  preset,
  videoBitrateKbps,
  videoCodec,
  width,
} from "./parts/params.ts";
import { unsupported } from "./parts/rejections.ts";

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

/** Encodes to the codecs, quality, size and frame rate asked for. */
export const transcode = defineRecipe({
  name: "transcode",
  summary: "Encodes to the codecs, quality, size and frame rate asked for.",
  params,
  formats: ["mp4", "webm", "mov"],
  inputs: { min: 1, max: 1 },
  plan: () => unsupported("transcode is not planned yet"),
});
