/** A task as an agent receives it, and what it reports of its outputs. */
import { z } from "zod";
import { fleetSchema, renditionIndexSchema, taskPartSchema } from "./chunks/contract.ts";
import { taskIdSchema } from "./ids.ts";
import { fileFormatSchema, outputFormatSchema, videoMetadataSchema } from "./media.ts";
import { outputQualitySchema } from "./quality.ts";
import { inputKeySchema, outputFilenameSchema, outputKeySchema } from "./task-names.ts";
import { traceIdSchema } from "./trace.ts";

export { inputKeySchema, outputFilenameSchema, outputKeySchema } from "./task-names.ts";

/** The fence: a task and the number of the attempt that holds it. Epochs only grow and are never reused. */
export const leaseRefSchema = z.object({
  taskId: taskIdSchema,
  epoch: z.number().int().positive(),
});
export type LeaseRef = z.infer<typeof leaseRefSchema>;

const taskInputSchema = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("video"),
    videoId: z.string(),
    filename: z.string(),
    contentType: z.string(),
    sizeBytes: z.number().int().nonnegative(),
  }),
  z.object({ kind: z.literal("url"), url: z.string() }),
]);
export type TaskInput = z.infer<typeof taskInputSchema>;

const taskOutputSchema = z.object({
  filename: outputFilenameSchema,
  format: outputFormatSchema,
});
export type TaskOutput = z.infer<typeof taskOutputSchema>;

/** What is to be done, as the client asked for it, defaults filled in. The agent's plan follows from it and the probe. */
const workSchema = z.discriminatedUnion("mode", [
  z.object({
    mode: z.literal("recipe"),
    recipe: z.object({ name: z.string() }).catchall(z.unknown()),
  }),
  z.object({ mode: z.literal("ffmpeg"), args: z.array(z.string()).min(1) }),
]);
export type Work = z.infer<typeof workSchema>;

export const taskSpecSchema = z.object({
  jobId: z.string(),
  taskId: taskIdSchema,
  run: z.number().int().positive(),
  kind: z.enum(["whole", "chunk", "audio", "merge"]),
  work: workSchema,
  inputs: z.record(inputKeySchema, taskInputSchema),
  outputs: z.record(outputKeySchema, taskOutputSchema),
  maxOutputBytes: z.number().int().positive(),
  /** Of a task `whole`, to an agent with the feature `chunks`: it may propose to divide the work. */
  fleet: fleetSchema.exactOptional(),
  /** Of a task `chunk`, `audio` or `merge`, which only agents with the feature `chunks` are given. */
  part: taskPartSchema.exactOptional(),
  /** Measure each rendition against the source. Such a job is done whole: a measure needs all of both. */
  quality: z.boolean().optional(),
  /** Of the request that asked for the job, for the agent's log. */
  traceId: traceIdSchema.optional(),
});
export type TaskSpec = z.infer<typeof taskSpecSchema>;

/** An opaque tag of the store: R2's of a part has 171 characters locally (2026-11). */
const etagSchema = z.string().min(1).max(512);

/** How the bytes of an output reached the store. */
const storedAsSchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("single"), etag: etagSchema }),
  z.object({
    kind: z.literal("multipart"),
    uploadId: z.string().max(1024),
    parts: z
      .array(z.object({ partNumber: z.number().int().min(1).max(10_000), etag: etagSchema }))
      .min(1)
      .max(10_000),
  }),
]);
export type StoredAs = z.infer<typeof storedAsSchema>;

/**
 * What a file is to its output: absent, the file that was asked for; a `companion` is listed beside it (a sheet of
 * pictures, a manifest); a `part` is reached only through them (a rendition, a segment).
 */
const fileRoleSchema = z.enum(["companion", "part"]);
export type FileRole = z.infer<typeof fileRoleSchema>;

/** A file of an output as the agent's gate found it, after it was uploaded. */
export const outputReportSchema = z.object({
  key: outputKeySchema,
  filename: outputFilenameSchema,
  format: fileFormatSchema,
  role: fileRoleSchema.optional(),
  contentType: z.string().max(128),
  sizeBytes: z.number().int().positive(),
  /** Lower-case hex. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  stored: storedAsSchema,
  media: videoMetadataSchema,
  /** Of a file that a chunk or the audio task made. */
  index: renditionIndexSchema.exactOptional(),
  /** Of the file that was asked for, where its quality was. */
  quality: outputQualitySchema.optional(),
});
export type OutputReport = z.infer<typeof outputReportSchema>;
