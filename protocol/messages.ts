/**
 * The WebSocket protocol between an agent and its pool: JSON text frames, discriminated on `type`, parsed
 * on receipt at both ends. What does not parse closes the socket with a documented code; nothing is guessed.
 * Times are durations in milliseconds, never wall-clock times: the two clocks need not agree.
 */
import { z } from "zod";
import { chunkPlanSchema } from "./chunks/contract.ts";
import { attemptErrorCodeSchema } from "./errors.ts";
import { capabilitiesSchema, videoMetadataSchema } from "./media.ts";
import { stageSchema } from "./stages.ts";
import { leaseRefSchema, outputReportSchema, taskSpecSchema } from "./task.ts";

/** `Sec-WebSocket-Protocol` of the agents' socket; echoed in the 101. */
export const SUBPROTOCOL = "telecine.v1";
export const PROTOCOL_VERSION = 1;

/** Largest frame either end sends, in UTF-16 code units. The platform's limit is 32 MiB (2026-10). */
export const MAX_FRAME_LENGTH = 1_000_000;

/** What one worker may be and say; agents keep to it before they send. Lengths are in UTF-16 code units. */
export const MAX_NAME_LENGTH = 100;
export const MAX_SLOTS = 256;
export const MAX_HELLO_LEASES = 256;
export const MAX_DETAIL_LENGTH = 2_000;
export const MAX_LOG_LINES = 40;
export const MAX_LOG_LINE_LENGTH = 500;

/** Sent by the agent as plain text; answered by the runtime without waking the pool. */
export const PING = "ping";
export const PONG = "pong";

/** Close codes of the private range (RFC 6455 section 7.4.2), and what the agent does about each. */
export const closeCodes = {
  /** A frame that is not of this protocol. The agent reports a bug and reconnects. */
  badMessage: 4400,
  /** The token is unknown, expired or revoked. The agent stops. */
  unauthorized: 4401,
  /** The version of `hello` is not spoken here. The agent stops and asks to be updated. */
  unsupportedVersion: 4406,
  /** Another socket of the same worker came later. The agent stops. */
  replaced: 4409,
  /** `hello` did not come first. */
  helloExpected: 4410,
} as const;

/** What an attempt ran on and how it went, for the ledger. */
const engineReportSchema = z.object({
  device: z.string().max(128).nullable(),
  encoder: z.string().max(64).nullable(),
  exitCode: z.number().int().nullable(),
  /** The last lines of ffmpeg's log, URLs and paths redacted. */
  log: z.array(z.string().max(MAX_LOG_LINE_LENGTH)).max(MAX_LOG_LINES),
});
export type EngineReport = z.infer<typeof engineReportSchema>;

const fraction = z.number().min(0).max(1);

const helloSchema = z.object({
  type: z.literal("hello"),
  version: z.number().int().positive(),
  /** For people; the worker's identity is its token's. */
  name: z.string().min(1).max(MAX_NAME_LENGTH),
  slots: z.number().int().min(1).max(MAX_SLOTS),
  capabilities: capabilitiesSchema,
  /** What it still runs, with how far each is, so that progress does not fall back. */
  leases: z
    .array(z.object({ lease: leaseRefSchema, stage: stageSchema, fraction }))
    .max(MAX_HELLO_LEASES),
  /** A `drain` was heard by this very process, on whatever socket: only a new one takes work again. */
  draining: z.literal(true).exactOptional(),
});

/** Ready for leases that take up to `free` slots together. Remembered until used up: an idle agent says it once. */
const pullSchema = z.object({
  type: z.literal("pull"),
  free: z.number().int().min(0).max(MAX_SLOTS),
});

/**
 * The attempt moved. `movement` counts frames encoded, bytes served to ffmpeg and bytes written; the lease
 * is renewed only if it is greater than the last one heard, so a live socket over a dead ffmpeg expires.
 */
const progressSchema = z.object({
  type: z.literal("progress"),
  lease: leaseRefSchema,
  stage: stageSchema,
  fraction,
  movement: z.number().int().nonnegative(),
  frame: z.number().int().nonnegative().nullable(),
  fps: z.number().nonnegative().nullable(),
  speed: z.number().nonnegative().nullable(),
  /** Said once, when probing has found it. */
  source: videoMetadataSchema.optional(),
  /** Said when the plan takes fewer of the worker's slots than its lease does: the others are free from then on. */
  slots: z.number().int().min(1).max(MAX_SLOTS).optional(),
  /** Said once, when the plan has chosen it. */
  engine: z.object({ device: z.string().max(128), encoder: z.string().max(64) }).optional(),
});

const completeSchema = z.object({
  type: z.literal("complete"),
  lease: leaseRefSchema,
  outputs: z.array(outputReportSchema).max(1000),
  engine: engineReportSchema,
});

const failSchema = z.object({
  type: z.literal("fail"),
  lease: leaseRefSchema,
  stage: stageSchema,
  code: attemptErrorCodeSchema,
  detail: z.string().max(MAX_DETAIL_LENGTH),
  retryable: z.boolean(),
  engine: engineReportSchema,
});

/** Gives a lease back unfinished, through no fault of the task: draining, no disk, shutting down. */
const releaseSchema = z.object({
  type: z.literal("release"),
  lease: leaseRefSchema,
  reason: z.enum(["shutdown", "no_disk", "not_running", "device_resting"]),
});

/**
 * Proposes to divide the work of a task `whole` whose spec told of a fleet. Accepted, the attempt is over and its
 * lease gone; refused, it goes on and does the whole. Repeated until it is answered, and answered alike each time.
 */
const planSchema = z.object({
  type: z.literal("plan"),
  lease: leaseRefSchema,
  plan: chunkPlanSchema,
  engine: engineReportSchema,
});

const workerMessageSchema = z.discriminatedUnion("type", [
  helloSchema,
  pullSchema,
  progressSchema,
  completeSchema,
  failSchema,
  releaseSchema,
  planSchema,
]);
export type WorkerMessage = z.infer<typeof workerMessageSchema>;
export type WorkerMessageOf<T extends WorkerMessage["type"]> = Extract<WorkerMessage, { type: T }>;

/**
 * What a lease permits, and for how long. `base` is a path on the edge that holds the signed grant
 * (`/v1/leases/<token>`); an input's `url` is either a path under it or an absolute presigned URL.
 */
export const grantSchema = z.object({
  base: z.string().max(8000),
  expiresInMs: z.number().int().positive(),
  inputs: z.record(z.string(), z.object({ url: z.string().max(8192) })),
});
export type Grant = z.infer<typeof grantSchema>;

const revokeReasonSchema = z.enum([
  "cancelled",
  "expired",
  "superseded",
  "run_limit",
  "worker_revoked",
  "unknown",
]);
export type RevokeReason = z.infer<typeof revokeReasonSchema>;

const welcomeSchema = z.object({
  type: z.literal("welcome"),
  version: z.number().int().positive(),
  workerId: z.string(),
  pool: z.string(),
  progressIntervalMs: z.number().int().positive(),
  pingIntervalMs: z.number().int().positive(),
  leaseTtlMs: z.number().int().positive(),
  /** The fate of each lease that `hello` claimed: one that is lost is given up at once. */
  leases: z.array(
    z.discriminatedUnion("status", [
      z.object({
        status: z.literal("kept"),
        lease: leaseRefSchema,
        grant: grantSchema,
        runLimitMs: z.number().int().nonnegative(),
      }),
      z.object({ status: z.literal("lost"), lease: leaseRefSchema, reason: revokeReasonSchema }),
    ]),
  ),
});

const leaseSchema = z.object({
  type: z.literal("lease"),
  lease: leaseRefSchema,
  task: taskSpecSchema,
  grant: grantSchema,
  /** How many of the worker's slots it takes: one for each encoder session that its plan may open. */
  slots: z.number().int().min(1).max(MAX_SLOTS).default(1),
  /** Without movement for this long the lease expires. */
  ttlMs: z.number().int().positive(),
  /** What is left of the run's limit: the agent kills ffmpeg when it is over. */
  runLimitMs: z.number().int().positive(),
});

/**
 * The answer to `complete`, `fail`, `release` and `plan`, the same however often they are repeated. An `ack` of
 * `progress` comes only when there is a new grant to hand over.
 */
const ackSchema = z.object({
  type: z.literal("ack"),
  of: z.enum(["complete", "fail", "release", "plan", "progress"]),
  lease: leaseRefSchema,
  status: z.enum(["accepted", "refused"]),
  /** Of a refusal, for the log: `stale_epoch`, `terminal`, `not_wanted` of a plan, or what the edge's check of the outputs found. */
  reason: z.string().optional(),
  grant: grantSchema.optional(),
});

const revokeSchema = z.object({
  type: z.literal("revoke"),
  lease: leaseRefSchema,
  reason: revokeReasonSchema,
});

/** Finish what you hold, take nothing new. */
const drainSchema = z.object({ type: z.literal("drain") });

/** Someone is looking (or no longer): report progress at this interval. */
const watchSchema = z.object({
  type: z.literal("watch"),
  lease: leaseRefSchema,
  progressIntervalMs: z.number().int().positive(),
});

const edgeMessageSchema = z.discriminatedUnion("type", [
  welcomeSchema,
  leaseSchema,
  ackSchema,
  revokeSchema,
  drainSchema,
  watchSchema,
]);
export type EdgeMessage = z.infer<typeof edgeMessageSchema>;
export type EdgeMessageOf<T extends EdgeMessage["type"]> = Extract<EdgeMessage, { type: T }>;

export type ParseResult<T> =
  | { readonly status: "ok"; readonly message: T }
  | { readonly status: "invalid"; readonly detail: string };

function parseFrame<T>(schema: z.ZodType<T>, frame: string): ParseResult<T> {
  if (frame.length > MAX_FRAME_LENGTH) {
    return { status: "invalid", detail: `a frame of ${frame.length} characters is too large` };
  }
  let json: unknown;
  try {
    json = JSON.parse(frame);
  } catch {
    return { status: "invalid", detail: "the frame is not JSON" };
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return { status: "ok", message: parsed.data };
  const issue = parsed.error.issues[0];
  return { status: "invalid", detail: `${issue?.path.join(".") || "frame"}: ${issue?.message}` };
}

/** Parses a frame that an agent sent. */
export function parseWorkerMessage(frame: string): ParseResult<WorkerMessage> {
  return parseFrame(workerMessageSchema, frame);
}

/** Parses a frame that the edge sent. */
export function parseEdgeMessage(frame: string): ParseResult<EdgeMessage> {
  return parseFrame(edgeMessageSchema, frame);
}
