/**
 * A job's events, as clients follow them: over server-sent events and, with the same content,
 * over a socket. Numbered events are the job's history: their numbers begin with 1, have no gap, and are the same
 * for everyone; `progress` is about this moment alone and has no number.
 */
import { z } from "zod";
import { jobErrorSchema } from "../errors.ts";
import { jobStateSchema, jobStatusSchema, stageSchema } from "../stages.ts";
import { parameter, timeSchema } from "./common.ts";
import { attemptSchema, jobSchema, outputSchema } from "./jobs.ts";

/** `playable`: what is there of the job's output can be played, before the job has ended. Once in a run, if at all. */
const numberedEventNames = ["state", "attempt", "playable"] as const;

const numberedEventDataSchema = z
  .object({
    jobId: z.string(),
    sequence: z.number().int().positive().describe("The event's id."),
    at: timeSchema,
    run: z.number().int().describe("1, and one more with each retry."),
    state: jobStateSchema,
    status: jobStatusSchema,
    stage: stageSchema.nullable(),
    progress: z.number().min(0).max(100),
    stages: jobSchema.shape.stages,
    attempt: z.number().int(),
    maxAttempts: z.number().int(),
    error: jobErrorSchema.nullable(),
    playable: z.boolean().describe("Whether what there is of the output can be played."),
    outputs: z.array(outputSchema).describe("Empty unless the state is `completed`."),
    attempts: z
      .array(attemptSchema.omit({ log: true }))
      .describe("The attempts that this event began, changed or ended."),
  })
  .meta({ id: "JobEventData" });

const progressDataSchema = z
  .object({
    jobId: z.string(),
    run: z.number().int(),
    state: jobStateSchema,
    status: jobStatusSchema,
    stage: stageSchema.nullable(),
    progress: z.number().min(0).max(100).describe("Never goes down within an attempt."),
    stageProgress: z.number().min(0).max(100).describe("Of the stage alone."),
    attempt: z.number().int(),
    fps: z.number().nullable(),
    speed: z.number().nullable().describe("Seconds of video made per second."),
  })
  .meta({ id: "JobProgressData" });

/** One event as a socket's text frame; server-sent events carry the same three fields. */
export const jobEventSchema = z
  .discriminatedUnion("event", [
    z.object({
      id: z.number().int().positive(),
      event: z.enum(numberedEventNames),
      data: numberedEventDataSchema,
    }),
    z.object({ event: z.literal("progress"), data: progressDataSchema }),
  ])
  .meta({ id: "JobEvent" });
export type JobEvent = z.infer<typeof jobEventSchema>;
export type NumberedEvent = Extract<JobEvent, { readonly id: number }>;
export type ProgressEvent = Extract<JobEvent, { readonly event: "progress" }>;

/** Ids are sequence numbers. An empty one is what a client has that has seen none (HTML, section 9.2.4). */
const lastEventId = () =>
  parameter()
    .regex(/^\d{0,15}$/, { error: "must be the id of an event, a whole number" })
    .transform(Number)
    .optional();

export const eventsQuerySchema = z.strictObject({ lastEventId: lastEventId() });
export const eventsHeadersSchema = z.object({ "last-event-id": lastEventId() });
