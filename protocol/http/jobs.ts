/** A job and what belongs to it, as clients see them. */
import { z } from "zod";
import { jobErrorSchema } from "../errors.ts";
import { outputQualitySchema } from "../quality.ts";
import { jobStateSchema, jobStatusSchema, stageSchema } from "../stages.ts";
import { traceIdSchema } from "../trace.ts";
import {
  listSchema,
  MAX_TIMEOUT_SECONDS,
  pageQueryShape,
  parameter,
  timeSchema,
} from "./common.ts";

export { type JobRequest, jobRequestSchema } from "./job-request.ts";

export const outputSchema = z
  .object({
    name: z.string(),
    url: z.url().describe("Signed, and good for OUTPUT_URL_TTL_SECONDS."),
    contentType: z.string(),
    size: z.number().int().describe("Bytes."),
    format: z.string(),
    durationSeconds: z.number().nullable(),
    width: z.number().int().nullable(),
    height: z.number().int().nullable(),
    videoCodec: z.string().nullable(),
    audioCodec: z.string().nullable(),
    bitrateKbps: z.number().nullable(),
    sha256: z.string().describe("Lower-case hex."),
    quality: outputQualitySchema
      .nullable()
      .describe("Of its pictures against the source's; null unless the job asked for it."),
  })
  .meta({ id: "Output" });
export type Output = z.infer<typeof outputSchema>;

const jobInputSchema = z.object({
  videoId: z.string().optional(),
  url: z.string().optional(),
});

export const jobSchema = z
  .object({
    jobId: z.string(),
    videoId: z.string().nullable().describe("Of the first input, where that is a video."),
    mode: z.enum(["recipe", "ffmpeg"]),
    recipe: z.record(z.string(), z.unknown()).nullable().describe("Defaults filled in."),
    presetId: z.string().nullable(),
    ffmpeg: z.object({ args: z.array(z.string()) }).nullable(),
    inputs: z.record(z.string(), jobInputSchema),
    state: jobStateSchema,
    status: jobStatusSchema.describe("The coarse view of `state`."),
    stage: stageSchema.nullable(),
    progress: z.number().min(0).max(100).describe("Never goes down within an attempt."),
    stages: z.array(
      z.object({
        name: stageSchema,
        state: z.enum(["running", "completed", "failed", "cancelled"]),
        progress: z.number(),
        startedAt: timeSchema,
        completedAt: timeSchema.nullable(),
      }),
    ),
    run: z.number().int().describe("1, and one more with each retry."),
    attempt: z.number().int().describe("Of this run; 0 until a worker has taken it."),
    maxAttempts: z.number().int(),
    timeoutSeconds: z.number().int(),
    queueTimeoutSeconds: z.number().int(),
    priority: z.number().int(),
    pool: z.string(),
    fps: z.number().nullable(),
    speed: z.number().nullable().describe("Seconds of video made per second."),
    error: jobErrorSchema.nullable(),
    playable: z
      .boolean()
      .describe(
        "Whether an adaptive presentation can be played: from its first accepted piece on, before the job has ended.",
      ),
    playableUrl: z
      .url()
      .nullable()
      .describe("Signed: its master playlist, which grows until the job has ended."),
    outputs: z.array(outputSchema).describe("Empty until completed."),
    webhookUrl: z.string().nullable(),
    traceId: traceIdSchema
      .nullable()
      .describe(
        "Of the `traceparent` that the request carried, or made for it; edge and agents log it with all that they do for the job.",
      ),
    metadata: z.record(z.string(), z.unknown()).nullable(),
    createdAt: timeSchema,
    startedAt: timeSchema.nullable(),
    completedAt: timeSchema.nullable(),
  })
  .meta({ id: "Job" });
export type Job = z.infer<typeof jobSchema>;

export const jobListSchema = listSchema("jobs", jobSchema);
export type JobList = z.infer<typeof jobListSchema>;

export const jobListQuerySchema = z.strictObject({
  ...pageQueryShape,
  state: jobStateSchema.optional(),
  videoId: parameter().min(1).max(128).optional(),
  search: parameter()
    .min(1)
    .max(200)
    .optional()
    .describe(
      "Text that the job's id, its video's file name, a source's URL, its recipe, preset or metadata contains, in " +
        "either case.",
    ),
});

export const resultSchema = z.object({ jobId: z.string(), outputs: z.array(outputSchema) });
export const outputListSchema = listSchema("outputs", outputSchema);

export const retryRequestSchema = z.strictObject({
  timeoutSeconds: z.number().int().min(1).max(MAX_TIMEOUT_SECONDS).optional(),
});
export const retriedSchema = z.object({ retried: z.literal(true), jobId: z.string() });
export type RetriedAnswer = z.infer<typeof retriedSchema>;
export const cancelledSchema = z.object({ cancelled: z.literal(true), jobId: z.string() });
export type CancelledAnswer = z.infer<typeof cancelledSchema>;

export const attemptSchema = z
  .object({
    taskId: z.string(),
    kind: z.enum(["whole", "chunk", "audio", "merge"]),
    run: z.number().int(),
    epoch: z.number().int(),
    workerId: z.string(),
    workerName: z.string(),
    device: z.string().nullable(),
    encoder: z.string().nullable(),
    state: z.string(),
    stage: stageSchema.nullable(),
    startedAt: timeSchema,
    endedAt: timeSchema.nullable(),
    exitCode: z.number().int().nullable(),
    error: jobErrorSchema.nullable(),
    log: z.array(z.string()).describe("The last lines of ffmpeg's log."),
  })
  .meta({ id: "Attempt" });
export type Attempt = z.infer<typeof attemptSchema>;
export const attemptsSchema = z.object({ attempts: z.array(attemptSchema) });
