/**
 * The closed catalogue of errors. A code says what happened; `message` is for a person and is the same
 * wherever the code appears; `detail` gives the particulars and is written where the error is raised.
 */
import { z } from "zod";
import { stageSchema } from "./stages.ts";

interface ApiErrorEntry {
  readonly status:
    | 400
    | 401
    | 403
    | 404
    | 409
    | 412
    | 413
    | 415
    | 416
    | 422
    | 423
    | 429
    | 500
    | 503;
  readonly message: string;
  readonly retryable: boolean;
}

/** Errors that HTTP answers with. */
export const apiErrors = {
  VALIDATION_ERROR: { status: 400, message: "The request is not valid.", retryable: false },
  UNSUPPORTED_COMMAND: {
    status: 400,
    message: "The ffmpeg arguments are not allowed.",
    retryable: false,
  },
  UNAUTHORIZED: { status: 401, message: "A valid API key is required.", retryable: false },
  FORBIDDEN: { status: 403, message: "The API key does not permit this.", retryable: false },
  NOT_FOUND: {
    status: 404,
    message: "The specified resource could not be found.",
    retryable: false,
  },
  VIDEO_NOT_FOUND: {
    status: 404,
    message: "The specified video could not be found.",
    retryable: false,
  },
  JOB_NOT_FOUND: {
    status: 404,
    message: "The specified job could not be found.",
    retryable: false,
  },
  JOB_ALREADY_PROCESSING: {
    status: 409,
    message: "The same work is already queued or running.",
    retryable: false,
  },
  JOB_NOT_COMPLETE: { status: 409, message: "The job is not complete yet.", retryable: true },
  JOB_NOT_CANCELLABLE: {
    status: 409,
    message: "The job can no longer be cancelled.",
    retryable: false,
  },
  JOB_NOT_RETRYABLE: { status: 409, message: "The job cannot be retried.", retryable: false },
  UPLOAD_INCOMPLETE: { status: 409, message: "The upload is not complete.", retryable: true },
  /** Bytes sent for another place than where the upload stands (tus 1.0, PATCH). */
  UPLOAD_OFFSET_MISMATCH: {
    status: 409,
    message: "The upload stands at another offset.",
    retryable: true,
  },
  /** tus 1.0 leaves it to the server; the public clients try again after 423. */
  UPLOAD_LOCKED: {
    status: 423,
    message: "Another request goes on with this upload.",
    retryable: true,
  },
  /** What `If-Match` or a lease's write-once asks for does not hold (RFC 9110 section 15.5.13). */
  PRECONDITION_FAILED: {
    status: 412,
    message: "A precondition of the request does not hold.",
    retryable: false,
  },
  FILE_TOO_LARGE: { status: 413, message: "The file is too large.", retryable: false },
  UNSUPPORTED_FORMAT: {
    status: 415,
    message: "The file's format is not supported.",
    retryable: false,
  },
  /** No byte of the range exists (RFC 9110 section 15.5.17); `Content-Range` tells the size. */
  RANGE_NOT_SATISFIABLE: {
    status: 416,
    message: "The range lies outside the content.",
    retryable: false,
  },
  IDEMPOTENCY_MISMATCH: {
    status: 422,
    message: "The idempotency key was used with another request.",
    retryable: false,
  },
  RATE_LIMITED: { status: 429, message: "Too many requests.", retryable: true },
  CONFIG_ERROR: { status: 500, message: "The server is misconfigured.", retryable: false },
  ENGINE_ERROR: { status: 500, message: "Processing failed.", retryable: true },
  ENGINE_INVOKE_FAILED: {
    status: 503,
    message: "The job could not be accepted.",
    retryable: true,
  },
} as const satisfies Record<string, ApiErrorEntry>;

export type ApiErrorCode = keyof typeof apiErrors;

/** Messages of the errors that only a job (or a delivery) carries. Whether a job's retry may help depends on the cause. */
const jobErrors = {
  JOB_TIMEOUT: { message: "The job timed out." },
  ENGINE_INVOCATION_ERROR: { message: "The processing engine stopped unexpectedly." },
  ENGINE_EMPTY_RESPONSE: { message: "The processing engine returned no output." },
  ENGINE_INVALID_RESPONSE: { message: "The processing engine returned an invalid output." },
  ENGINE_ERROR: { message: apiErrors.ENGINE_ERROR.message },
  TRANSCODE_ERROR: { message: "The video could not be transcoded." },
  UNSUPPORTED_FORMAT: { message: apiErrors.UNSUPPORTED_FORMAT.message },
  UNSUPPORTED_COMMAND: { message: apiErrors.UNSUPPORTED_COMMAND.message },
  SOURCE_UNAVAILABLE: { message: "The source could not be fetched." },
} as const satisfies Record<string, { readonly message: string }>;

export type JobErrorCode = keyof typeof jobErrors;

/** Stands in the delivery log only: never on a job, never an answer. */
export const WEBHOOK_DELIVERY_FAILED = "WEBHOOK_DELIVERY_FAILED";

const jobErrorCodes = Object.keys(jobErrors) as [JobErrorCode, ...JobErrorCode[]];

/** The codes an agent may report in `fail`. Timeouts are the edge's to declare. */
export const attemptErrorCodeSchema = z.enum(jobErrorCodes).exclude(["JOB_TIMEOUT"]);
export type AttemptErrorCode = z.infer<typeof attemptErrorCodeSchema>;

/** The `error` of a failed, rejected or timed-out job, and of an attempt in the ledger. */
export const jobErrorSchema = z.object({
  code: z.enum(jobErrorCodes),
  message: z.string(),
  detail: z.string(),
  stage: stageSchema.nullable(),
  retryable: z.boolean(),
});
export type JobError = z.infer<typeof jobErrorSchema>;

/** Completes a job error with its catalogue message. */
export function jobError(error: Omit<JobError, "message">): JobError {
  return { ...error, message: jobErrors[error.code].message };
}

/** The one shape of every error answer. */
export const errorAnswerSchema = z
  .object({
    success: z.literal(false),
    message: z.string().describe("For a person; the same for every error of the code."),
    error: z.object({
      code: z.enum(Object.keys(apiErrors) as [ApiErrorCode, ...ApiErrorCode[]]),
      message: z.string(),
      detail: z.string().describe("What exactly was wrong: names the thing and the rule."),
      retryable: z.boolean().describe("Whether the same request may succeed later."),
      requestId: z.string().describe("Also in the header x-request-id, and in the log."),
    }),
  })
  .meta({ id: "Error" });
export type ErrorAnswer = z.infer<typeof errorAnswerSchema>;
