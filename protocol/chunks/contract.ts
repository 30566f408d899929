/**
 * One video across the fleet: what a division of it into chunks says, what the parts are told, and what they report.
 *
 * The attempt that probes a long video proposes a `ChunkPlan` (message `plan`). Accepted, the job is made of a task
 * per chunk, one for sound and cues, and one that merges. A chunk makes every rendition of its frames from one
 * decode; files of parts are reported with a `RenditionIndex`, from which playlists and manifests are written
 * without reading media again. Chunks join by their timestamps, never by adding up durations.
 */
import { z } from "zod";
import { sourceInfoSchema } from "../source-info.ts";
import { outputFilenameSchema, outputKeySchema } from "../task-names.ts";

/** Fewer are no division; more are more tasks than a job may have. */
const MIN_CHUNKS = 2;
export const MAX_CHUNKS = 1000;
/** Of a plan as JSON, in UTF-16 code units. */
export const MAX_PLAN_LENGTH = 512 * 1024;

/** Below 2^53, and negative where an edit list hides frames. */
const ticks = z.number().int();
const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);
const encoderName = z.string().max(64);
const bytes = z.number().int().nonnegative();

/** Bytes `from` to `to - 1` of a file. */
export const byteSpanSchema = z.object({ from: bytes, to: bytes });
export type ByteSpan = z.infer<typeof byteSpanSchema>;

/** That a rendition's files begin with; unique in a plan. */
const renditionNameSchema = outputFilenameSchema;

const chunkSchema = z.object({
  index: z.number().int().nonnegative(),
  /** The frames that are shown in [from, to), in ticks of the grid; the next chunk begins at `to`. */
  from: ticks,
  to: ticks,
  /**
   * The source is read from the last key frame at or before this, in the source's ticks; null reads from the beginning. It
   * may be a little after that frame, where ffmpeg seeks before what it is told.
   */
  seek: ticks.nullable(),
  /**
   * Frames around the chunk that are encoded with it and thrown away again, so that no seam shows: from `lead` (at
   * or after that key frame) to before `tail`; null is to the end. Absent: none.
   */
  overlap: z.object({ lead: ticks, tail: ticks.nullable() }).exactOptional(),
  /**
   * The bytes of the source that this is made of, beside what says how to read them (a head, an index). A hint, which may
   * be wrong: who needs others reads on, and it costs some requests. Absent where nobody knows.
   */
  reads: byteSpanSchema.exactOptional(),
  /** How many frames are shown in [from, to): what the chunk must have, neither more nor fewer. */
  frames: z.number().int().positive(),
});
export type Chunk = z.infer<typeof chunkSchema>;

const rationalSchema = z.object({
  num: z.number().int().positive(),
  den: z.number().int().positive(),
});

const gridSchema = z.object({
  /** Seconds a tick of `from` and `to`. */
  timeBase: rationalSchema,
  /** Of sound and pictures, in ticks of the grid: what is shown then has the time 0 in every output. */
  origin: ticks,
  /** When the first frame is shown, in ticks of the grid. */
  first: ticks,
  /** Null where frames lie unevenly. */
  frameRate: rationalSchema.nullable(),
  /**
   * Where the outputs have another rate than the source: the source's own ticks and, in them, the origin; and how many
   * frames its last one becomes. The grid's ticks are then the outputs' frames, counted from the origin.
   */
  source: z
    .object({ timeBase: rationalSchema, origin: ticks, lastFrames: z.number().int().nonnegative() })
    .exactOptional(),
});
export type Grid = z.infer<typeof gridSchema>;

const trackSchema = z.object({
  name: renditionNameSchema,
  language: z.string().max(16).nullable(),
  /** For people. */
  label: z.string().max(200),
});

/** Of an adaptive presentation: what playlists need beside the indexes of its files. */
const presentationPlanSchema = z.object({
  segmentSeconds: z.number().positive(),
  /** The longest segment in whole seconds, known before the first is made: a playlist that grows may not change it. */
  targetSeconds: z.number().int().positive(),
  /** Of the whole, in seconds. */
  durationSeconds: z.number().positive(),
  master: outputFilenameSchema,
  manifest: outputFilenameSchema,
  /** In the order of the master playlist, with the greatest bit rate in bit/s that its encoder may reach, if it has one. */
  video: z
    .array(z.object({ name: renditionNameSchema, peakRate: z.number().int().nullable() }))
    .max(64),
  audio: z.array(trackSchema).max(64),
  subtitles: z.array(trackSchema).max(64),
});
export type PresentationPlan = z.infer<typeof presentationPlanSchema>;

/** A plan without its chunks: what every part of the job is told. */
const planFactsSchema = z.object({
  version: z.literal(1),
  sources: z.record(z.string().max(40), sourceInfoSchema),
  grid: gridSchema,
  /** Of pictures, in the order in which each chunk reports them. */
  renditions: z.array(renditionNameSchema).min(1).max(64),
  /** Whether there is a task for sound, cues and what else is not pictures. */
  audio: z.boolean(),
  /** Null for a job that makes one file. */
  presentation: presentationPlanSchema.nullable(),
});
export type PlanFacts = z.infer<typeof planFactsSchema>;

export const chunkPlanSchema = planFactsSchema.extend({
  chunks: z.array(chunkSchema).min(MIN_CHUNKS).max(MAX_CHUNKS),
});
export type ChunkPlan = z.infer<typeof chunkPlanSchema>;

/** What the first accepted chunk made a rendition with: all others must be made with the same. */
const pinSchema = z.object({ encoder: encoderName, configSha256: sha256Schema });
/** By rendition. */
const pinsSchema = z.record(renditionNameSchema, pinSchema);
export type Pin = z.infer<typeof pinSchema>;
export type Pins = z.infer<typeof pinsSchema>;

/** What a task of a divided job is to do; a task `whole` has none. */
export const taskPartSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("chunk"),
    plan: planFactsSchema,
    chunk: chunkSchema,
    /** How many chunks there are. */
    count: z.number().int().positive(),
    /** Null before the first chunk was accepted. */
    pins: pinsSchema.nullable(),
  }),
  z.object({
    kind: z.literal("audio"),
    plan: planFactsSchema,
    count: z.number().int().positive(),
  }),
  z.object({
    kind: z.literal("merge"),
    plan: planFactsSchema,
    chunks: z.array(chunkSchema).min(MIN_CHUNKS).max(MAX_CHUNKS),
  }),
]);
export type TaskPart = z.infer<typeof taskPartSchema>;

/** Of the fleet as it was when a lease was granted. */
export const fleetSchema = z.object({
  /** Slots that were free beside the one that was granted, of workers that can do parts. */
  freeSlots: z.number().int().nonnegative(),
  /** Those of them that are the same worker's. */
  ownSlots: z.number().int().nonnegative(),
});
export type Fleet = z.infer<typeof fleetSchema>;

const duration = z.number().int().positive();

/** What `readTrackHead` reads of a file's head, and playlists need. */
const headFactsSchema = z.object({
  kind: z.enum(["video", "audio"]),
  /** RFC 6381. */
  codec: z.string().max(64),
  /** Ticks per second of this file's times. */
  timescale: z.number().int().positive(),
  mediaStart: z.number().int().nonnegative(),
  width: z.number().int().nonnegative(),
  height: z.number().int().nonnegative(),
  videoRange: z.enum(["SDR", "PQ", "HLG"]),
  channels: z.number().int().nonnegative(),
  sampleRate: z.number().int().nonnegative(),
});
export type HeadFacts = z.infer<typeof headFactsSchema>;

/**
 * Where the segments of a file are. Times are in ticks of `head.timescale`. Segments follow each other without a
 * gap, in bytes from `headSize` and in time from `start`; the end of the last is where the next chunk starts.
 */
const mediaIndexSchema = z.object({
  track: z.enum(["video", "audio"]),
  rendition: renditionNameSchema,
  /** ffmpeg's name. */
  encoder: encoderName,
  /** Of the codec's configuration, the timescale and the edit list: equal in all files under one head. */
  configSha256: sha256Schema,
  head: headFactsSchema,
  headSize: bytes,
  /** When the first segment is shown. */
  start: z.number().int(),
  segments: z.array(z.tuple([bytes, duration])).max(100_000),
  /** Pictures that can be shown alone: offset in the file and size, in bytes, and how long until the next. */
  keyPictures: z.array(z.tuple([bytes, bytes, duration])).max(100_000),
  samples: z.number().int().nonnegative(),
});
export type MediaIndex = z.infer<typeof mediaIndexSchema>;

/** What a part reports of one file, so that nobody has to read it again to list it. */
export const renditionIndexSchema = z.discriminatedUnion("track", [
  mediaIndexSchema.extend({ track: z.literal("video") }),
  mediaIndexSchema.extend({ track: z.literal("audio") }),
  z.object({ track: z.literal("text"), rendition: renditionNameSchema }),
  /** Sound, cues and chapters of a job that makes one file: read by the merge alone. */
  z.object({ track: z.literal("sound"), rendition: renditionNameSchema }),
]);
export type RenditionIndex = z.infer<typeof renditionIndexSchema>;

/** An accepted file of a chunk or of a task for sound, as the merge task is told of it. */
const partSchema = z.object({
  taskId: z.string().max(64),
  epoch: z.number().int().positive(),
  kind: z.enum(["chunk", "audio"]),
  /** The chunk's; null of `audio`. */
  chunk: z.number().int().nonnegative().nullable(),
  key: outputKeySchema,
  filename: outputFilenameSchema,
  etag: z.string().min(1).max(512),
  sizeBytes: z.number().int().positive(),
  sha256: sha256Schema,
  index: renditionIndexSchema,
});
export type Part = z.infer<typeof partSchema>;

/**
 * Answers `GET {base}/parts` of a merge task's grant: every accepted file, those of one sibling for each chunk. It
 * is no part of the task, because indexes of hours are more than a frame holds. A file is read with
 * `GET {base}/parts/{taskId}/{epoch}/{filename}`, ranges allowed; `If-Match` with its etag is required.
 */
export const partListSchema = z.object({ parts: z.array(partSchema).max(70_000) });
export type PartList = z.infer<typeof partListSchema>;
