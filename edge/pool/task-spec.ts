/** What a worker is told of a task, and what its grant lets it read. Derived from the submission alone. */
import { type Capabilities, CHUNKS_FEATURE } from "../../protocol/media.ts";
import type { TaskInput, TaskSpec } from "../../protocol/task.ts";
import type { Task } from "../domain/model.ts";
import type { JobInput, JobSubmission } from "../domain/submission.ts";
import type { GrantClaims } from "../media/grants.ts";

/** No output may be larger than 20 times its sources, but every job may write at least 10 GB. */
const OUTPUT_TO_SOURCE_RATIO = 20;
const LEAST_MAX_OUTPUT_BYTES = 10_000_000_000;

function maxOutputBytesOf(submission: JobSubmission): number {
  const sourceBytes = Object.values(submission.inputs).reduce(
    (sum, input) => sum + (input.kind === "video" ? input.sizeBytes : 0),
    0,
  );
  return Math.max(LEAST_MAX_OUTPUT_BYTES, OUTPUT_TO_SOURCE_RATIO * sourceBytes);
}

/** What a spec says beside what was asked for: of a whole, who else is free; of a part, what it is. */
export type SpecExtras = Pick<TaskSpec, "fleet" | "part">;

export function taskSpecOf(
  submission: JobSubmission,
  task: Task,
  extras: SpecExtras = {},
): TaskSpec {
  return {
    jobId: submission.jobId,
    taskId: task.taskId,
    run: task.run,
    kind: task.kind,
    work: submission.work,
    inputs: mapValues(submission.inputs, taskInputOf),
    outputs: { ...submission.outputs },
    maxOutputBytes: maxOutputBytesOf(submission),
    ...(submission.quality ? { quality: true } : {}),
    ...(submission.traceId === undefined ? {} : { traceId: submission.traceId }),
    ...extras,
  };
}

/** The claims of the attempt's grant: its stored inputs, pinned, and its own prefix. */
export function grantClaimsOf(submission: JobSubmission, task: Task, epoch: number): GrantClaims {
  const inputs: Record<string, GrantClaims["inputs"][string]> = {};
  for (const [name, input] of Object.entries(submission.inputs)) {
    if (input.kind !== "video") continue;
    const { key, etag, sizeBytes, contentType } = input;
    inputs[name] = { key, etag, sizeBytes, contentType };
  }
  return {
    accountId: submission.accountId,
    pool: submission.pool,
    shard: submission.shard,
    jobId: submission.jobId,
    run: task.run,
    taskId: task.taskId,
    epoch,
    inputs,
    maxOutputBytes: maxOutputBytesOf(submission),
    readsParts: task.kind === "merge",
  };
}

/** Whether the worker said that it can divide a job and do parts of one. */
export function takesParts(capabilities: Capabilities): boolean {
  return capabilities.features?.includes(CHUNKS_FEATURE) ?? false;
}

function taskInputOf(input: JobInput): TaskInput {
  if (input.kind === "url") return { kind: "url", url: input.url };
  const { videoId, filename, contentType, sizeBytes } = input;
  return { kind: "video", videoId, filename, contentType, sizeBytes };
}

function mapValues<T, R>(record: Readonly<Record<string, T>>, map: (value: T) => R) {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}
