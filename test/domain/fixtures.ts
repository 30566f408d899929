/** Plain records that tests of the domain begin with. Times are milliseconds; the clock begins at `T0`. */
import type { Task } from "../../edge/domain/model.ts";
import { allGuards, type Guards, type Rules } from "../../edge/domain/rules.ts";
import type { JobSubmission } from "../../edge/domain/submission.ts";
import type { ChunkPlan, RenditionIndex } from "../../protocol/chunks/contract.ts";
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

/** A plan of chunks with these numbers of frames, at 25 frames a second. */
export function planOf(frames: readonly number[], facts: Partial<ChunkPlan> = {}): ChunkPlan {
  let from = 0;
  const chunks = frames.map((count, index) => {
    const to = from + count;
    const chunk = { index, from, to, seek: index === 0 ? null : from, frames: count };
    from = to;
    return chunk;
  });
  return {
    version: 1,
    sources: {},
    grid: { timeBase: { num: 1, den: 25 }, origin: 0, first: 0, frameRate: { num: 25, den: 1 } },
    renditions: ["v720"],
    audio: false,
    presentation: null,
    chunks,
    ...facts,
  };
}

/** What a chunk reports of its only rendition. */
export function indexOf(change: { encoder?: string; config?: string } = {}): RenditionIndex {
  return {
    track: "video",
    rendition: "v720",
    encoder: change.encoder ?? "libx264",
    configSha256: (change.config ?? "c").repeat(64),
    head: {
      kind: "video",
      codec: "avc1.640028",
      timescale: 25,
      mediaStart: 0,
      width: 1280,
      height: 720,
      videoRange: "SDR",
      channels: 0,
      sampleRate: 0,
    },
    headSize: 1,
    start: 0,
    segments: [[1, 1]],
    keyPictures: [],
    samples: 1,
  };
}

export const engine = { device: "cpu", encoder: "libx264", exitCode: 0, log: [] };

/** The lease of a task that must have one. */
export function leaseOfTask(task: Task | undefined) {
  if (task?.state !== "leased" && task?.state !== "verifying") {
    throw new Error(`the task is ${task?.state}, not leased`);
  }
  return task.lease;
}
