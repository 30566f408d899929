/** What the routes of jobs take and answer; the handlers are in `jobs.ts`. */
import { createRoute, z } from "@hono/zod-openapi";
import {
  attemptsSchema,
  cancelledSchema,
  jobListQuerySchema,
  jobListSchema,
  jobRequestSchema,
  jobSchema,
  outputListSchema,
  resultSchema,
  retriedSchema,
  retryRequestSchema,
} from "../../../protocol/http/jobs.ts";
import { requireScope } from "../auth.ts";
import {
  answers,
  byteAnswers,
  commonErrors,
  idParameter,
  jsonRequest,
  noFields,
  OUTPUT_TYPES,
} from "../openapi.ts";
import { JOB_ID, jobExample, jobRequestExample, outputExample } from "./job-examples.ts";

const params = idParameter("jobId", JOB_ID);
const read = requireScope("read");
const write = requireScope("write");
const tags = ["Jobs"];

export const createJobRoute = createRoute({
  method: "post",
  path: "/jobs",
  operationId: "createJob",
  tags,
  summary: "Submit a job",
  description:
    "Accepted work is never lost. Takes `Idempotency-Key`. The same work that is queued or running " +
    "already is refused with the id of its job.",
  middleware: write,
  request: { body: jsonRequest(jobRequestSchema, jobRequestExample) },
  responses: answers({ 202: { schema: jobSchema, example: jobExample } }, [
    "VALIDATION_ERROR",
    "UNSUPPORTED_COMMAND",
    "NOT_FOUND",
    "VIDEO_NOT_FOUND",
    "JOB_ALREADY_PROCESSING",
    "UPLOAD_INCOMPLETE",
    "IDEMPOTENCY_MISMATCH",
    "ENGINE_INVOKE_FAILED",
    ...commonErrors,
  ]),
});

export const listJobsRoute = createRoute({
  method: "get",
  path: "/jobs",
  operationId: "listJobs",
  tags,
  summary: "Jobs, newest first",
  description: "From the record, which may be a moment behind the pools.",
  middleware: read,
  request: { query: jobListQuerySchema },
  responses: answers(
    { 200: { schema: jobListSchema, example: { jobs: [jobExample], nextCursor: null } } },
    ["VALIDATION_ERROR", ...commonErrors],
  ),
});

export const getJobRoute = createRoute({
  method: "get",
  path: "/jobs/{jobId}",
  operationId: "getJob",
  tags,
  summary: "One job, live from its pool",
  middleware: read,
  request: { params },
  responses: answers({ 200: { schema: jobSchema, example: jobExample } }, [
    "JOB_NOT_FOUND",
    ...commonErrors,
  ]),
});

export const getResultRoute = createRoute({
  method: "get",
  path: "/jobs/{jobId}/result",
  operationId: "getJobResult",
  tags,
  summary: "The outputs of a completed job",
  middleware: read,
  request: { params },
  responses: answers(
    { 200: { schema: resultSchema, example: { jobId: JOB_ID, outputs: [outputExample] } } },
    ["JOB_NOT_FOUND", "JOB_NOT_COMPLETE", ...commonErrors],
  ),
});

export const listOutputsRoute = createRoute({
  method: "get",
  path: "/jobs/{jobId}/outputs",
  operationId: "listJobOutputs",
  tags,
  summary: "The outputs there are; none before the job has completed",
  middleware: read,
  request: { params },
  responses: answers(
    { 200: { schema: outputListSchema, example: { outputs: [outputExample], nextCursor: null } } },
    ["JOB_NOT_FOUND", ...commonErrors],
  ),
});

export const getOutputRoute = createRoute({
  method: "get",
  path: "/jobs/{jobId}/outputs/{name}",
  operationId: "getJobOutput",
  tags,
  summary: "The bytes of an output; ranges and HEAD are honoured",
  middleware: read,
  request: { params: params.extend({ name: z.string().meta({ example: "result.mp4" }) }) },
  responses: {
    ...answers({}, [
      "JOB_NOT_FOUND",
      "NOT_FOUND",
      "JOB_NOT_COMPLETE",
      "RANGE_NOT_SATISFIABLE",
      "PRECONDITION_FAILED",
      ...commonErrors,
    ]),
    ...byteAnswers(OUTPUT_TYPES),
  },
});

export const retryJobRoute = createRoute({
  method: "post",
  path: "/jobs/{jobId}/retry",
  operationId: "retryJob",
  tags,
  summary: "Queue a failed job again, under its id",
  middleware: write,
  request: {
    params,
    body: { ...jsonRequest(retryRequestSchema, { timeoutSeconds: 3600 }), required: false },
  },
  responses: answers(
    { 200: { schema: retriedSchema, example: { retried: true, jobId: JOB_ID } } },
    [
      "VALIDATION_ERROR",
      "JOB_NOT_FOUND",
      "VIDEO_NOT_FOUND",
      "JOB_NOT_RETRYABLE",
      "JOB_ALREADY_PROCESSING",
      "IDEMPOTENCY_MISMATCH",
      ...commonErrors,
    ],
  ),
});

export const cancelJobRoute = createRoute({
  method: "post",
  path: "/jobs/{jobId}/cancel",
  operationId: "cancelJob",
  tags,
  summary: "Cancel a job that has not ended",
  middleware: write,
  request: { params, body: noFields },
  responses: answers(
    { 200: { schema: cancelledSchema, example: { cancelled: true, jobId: JOB_ID } } },
    ["JOB_NOT_FOUND", "JOB_NOT_CANCELLABLE", "IDEMPOTENCY_MISMATCH", ...commonErrors],
  ),
});

export const listAttemptsRoute = createRoute({
  method: "get",
  path: "/jobs/{jobId}/attempts",
  operationId: "listJobAttempts",
  tags,
  summary: "Every attempt of every task, and why it ended",
  middleware: read,
  request: { params },
  responses: answers({ 200: { schema: attemptsSchema, example: { attempts: [] } } }, [
    "JOB_NOT_FOUND",
    ...commonErrors,
  ]),
});
