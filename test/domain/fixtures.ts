/** Plain records that tests of the domain begin with. Times are milliseconds; the clock begins at `T0`. */
import type { Task } from "../../edge/domain/model.ts";
import { allGuards, type Guards, type Rules } from "../../edge/domain/rules.ts";
import type { JobSubmission } from "../../edge/domain/submission.ts";
import type { OutputReport } from "../../protocol/task.ts";

export const T0 = 1_800_000_000_000;
export const TTL_MS = 30_000;
export const GRACE_MS = 10_000;

export function rulesWith(guards: Partial<Guards> = {}): Rules {
  return {
    leaseTtlMs: TTL_MS,
    reconnectGraceMs: GRACE_MS,
    verifyTimeoutMs: 120_000,
    guards: { ...allGuards, ...guards },
  };
}

/** Work that may open as many encoder sessions: a ladder of so many rungs. */
export function workOfWidth(sessions: number): JobSubmission["work"] {
  const maxHeight = [240, 360, 480][sessions - 1];
  return maxHeight === undefined || sessions === 1
    ? { mode: "recipe", recipe: { name: "webReady" } }
    : { mode: "recipe", recipe: { name: "hls", maxHeight } };
}

/** A ULID whose last digits count. */
export function jobIdOf(index: number): string {
  return `job_01HZZZZZZZZZZZZZZZZZZZ${String(index).padStart(4, "0")}`;
}

export function submissionOf(index: number, facts: Partial<JobSubmission> = {}): JobSubmission {
  return {
    jobId: jobIdOf(index),
    accountId: "default",
    pool: "default",
    shard: 0,
    createdAt: T0,
    work: { mode: "recipe", recipe: { name: "webReady" } },
    inputs: { in_1: { kind: "url", url: "https://example.com/a.mp4" } },
    outputs: { out_1: { filename: "result.mp4", format: "mp4" } },
    webhookUrl: null,
    presetId: null,
    priority: 0,
    timeoutSeconds: 3600,
    queueTimeoutSeconds: 86_400,
    maxAttempts: 3,
    metadata: null,
    specHash: "0".repeat(64),
    origin: "https://video.example.com",
    ...facts,
  };
}

export const noMedia = {
  format: "mp4",
  durationSeconds: 1,
  width: 2,
  height: 2,
  frameRate: 25,
  videoCodec: "h264",
  audioCodec: null,
  bitrateKbps: 1,
};

export const report: OutputReport = {
  key: "out_1",
  filename: "result.mp4",
  format: "mp4",
  contentType: "video/mp4",
  sizeBytes: 1,
  sha256: "0".repeat(64),
  stored: { kind: "single", etag: "e" },
  media: noMedia,
};

export const engine = { device: "cpu", encoder: "libx264", exitCode: 0, log: [] };

/** The lease of a task that must have one. */
export function leaseOfTask(task: Task | undefined) {
  if (task?.state !== "leased" && task?.state !== "verifying") {
    throw new Error(`the task is ${task?.state}, not leased`);
  }
  return task.lease;
}
