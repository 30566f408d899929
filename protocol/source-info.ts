/** A probed source on the wire: it travels in the plan of a divided job, so that every part works from one probe. */
import { z } from "zod";
import type { SourceInfo } from "./media.ts";

const rational = z.object({ num: z.number().int(), den: z.number().int() });
const text = z.string().max(256);
const count = z.number().int().nonnegative();
const seconds = z.number().nullable();

const videoStream = z.object({
  index: count,
  codec: text,
  profile: text.nullable(),
  level: z.number().nullable(),
  pixelFormat: text,
  bitDepth: z.number().int().positive(),
  width: count,
  height: count,
  rotation: z.union([z.literal(0), z.literal(90), z.literal(180), z.literal(270)]),
  isTurned: z.literal(true).exactOptional(),
  sampleAspect: rational,
  frameRate: rational,
  averageFrameRate: rational,
  frames: count.nullable(),
  interlaced: z.boolean(),
  color: z.object({
    primaries: text.nullable(),
    transfer: text.nullable(),
    space: text.nullable(),
    range: z.enum(["tv", "pc"]).nullable(),
  }),
  timeBase: rational,
  extradataHash: text.nullable().exactOptional(),
  startSeconds: seconds,
  durationSeconds: seconds,
  bitrateKbps: seconds,
});

const audioStream = z.object({
  index: count,
  codec: text,
  profile: text.nullable(),
  channels: count,
  sampleRate: count,
  isDefault: z.literal(true).exactOptional(),
  extradataHash: text.nullable().exactOptional(),
  language: text.nullable(),
  durationSeconds: seconds,
  bitrateKbps: seconds,
});

/** More streams than this are never divided. */
const MAX_STREAMS = 64;

export const sourceInfoSchema: z.ZodType<SourceInfo> = z.object({
  format: text,
  sizeBytes: count,
  durationSeconds: seconds,
  isLengthFound: z.literal(true).exactOptional(),
  startSeconds: z.number(),
  bitrateKbps: seconds,
  video: videoStream.nullable(),
  audio: z.array(audioStream).max(MAX_STREAMS),
  subtitles: z
    .array(z.object({ index: count, codec: text, language: text.nullable() }))
    .max(MAX_STREAMS),
  attachedPictures: count,
  chapters: z.literal(false).exactOptional(),
  mp4: z
    .object({
      headFirst: z.boolean(),
      fragmented: z.boolean(),
      simpleEditList: z.boolean(),
      maxKeyframeGapSeconds: seconds,
      lastPictureSeconds: seconds.exactOptional(),
      sampleDecodesCleanly: z.boolean(),
    })
    .nullable(),
});
