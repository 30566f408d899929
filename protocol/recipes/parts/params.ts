/** Parameter schemas that several recipes share: units in the names, limits and descriptions for the reference. */
import { z } from "zod";
import { codecSchema, type VideoCodec } from "../../media.ts";

/** Largest width and height of a picture, read or written (docs/SECURITY.md). */
export const MAX_DIMENSION = 8192;
/** Below this some encoders refuse the picture. */
const MIN_DIMENSION = 16;
/** Longest time that a parameter may name: a hundred hours. */
const MAX_SECONDS = 360_000;

function dimension(what: string) {
  return z
    .number()
    .int()
    .min(MIN_DIMENSION)
    .max(MAX_DIMENSION)
    .describe(
      `${what} in pixels, ${MIN_DIMENSION} to ${MAX_DIMENSION}; made even where the codec needs it.`,
    );
}

export const width = dimension("Width");
export const height = dimension("Height");

/** A point in the source's time, counted from its first picture or sound. */
export function seconds(what: string) {
  return z.number().min(0).max(MAX_SECONDS).describe(`${what}, in seconds.`);
}

/** A length of time that is not nothing. */
export function length(what: string) {
  return z.number().positive().max(MAX_SECONDS).describe(`${what}, in seconds.`);
}

export const videoBitrateKbps = z
  .number()
  .int()
  .min(50)
  .max(200_000)
  .describe("Average video bit rate in kbit/s, in place of crf.");

export const audioBitrateKbps = z
  .number()
  .int()
  .min(16)
  .max(512)
  .describe("Audio bit rate in kbit/s.");

/** Constant quality; the smaller, the better. H.264 and HEVC end at 51, AV1 and VP9 at 63. */
export const crf = z
  .number()
  .min(0)
  .max(63)
  .describe(
    "Constant quality: smaller is better. 0 to 51 for h264 and hevc, 0 to 63 for av1 and vp9.",
  );

export const videoCodec = codecSchema.describe("Video codec; by default h264, and vp9 for webm.");

export const presets = [
  "ultrafast",
  "superfast",
  "veryfast",
  "faster",
  "fast",
  "medium",
  "slow",
  "slower",
  "veryslow",
] as const;
export const preset = z.enum(presets).describe("Speed against size, by x264's names.");
export type Preset = (typeof presets)[number];

export const frameRate = z
  .number()
  .min(1)
  .max(240)
  .describe("Frames per second; 23.976, 29.97 and 59.94 mean their exact rationals.");

interface QualityChoice {
  readonly codec?: VideoCodec | undefined;
  readonly crf?: number | undefined;
  readonly bitrateKbps?: number | undefined;
}

/** Why a codec cannot take this crf, or null. */
export function refuseCrf(codec: VideoCodec, quality: number | undefined): string | null {
  if (quality === undefined) return null;
  const isMpeg = codec === "h264" || codec === "hevc";
  if (isMpeg && quality > 51) return `crf must be 0 to 51 for ${codec}`;
  if (!isMpeg && !Number.isInteger(quality)) return `crf must be a whole number for ${codec}`;
  return null;
}

/** Refuses crf together with bitrateKbps, and a crf that the codec named does not know. */
export function checkQuality({ value, issues }: z.core.ParsePayload<QualityChoice>): void {
  const refuse = (path: string, message: string) =>
    issues.push({ code: "custom", path: [path], message, input: value });
  if (value.crf !== undefined && value.bitrateKbps !== undefined) {
    refuse("bitrateKbps", "Use either crf or bitrateKbps, not both");
  }
  const refusal = value.codec === undefined ? null : refuseCrf(value.codec, value.crf);
  if (refusal !== null) refuse("crf", refusal);
}
