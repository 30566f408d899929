/** What the reference shows of jobs. */
import type { Job, JobRequest } from "../../../protocol/http/jobs.ts";

export const JOB_ID = "job_01KAPZ5Y7M3T3V1H1ZK3N0Q9RA";
const VIDEO_ID = "vid_01KAPZ4C8Q2P6YB3S7D9E1F5GH";

export const jobRequestExample: JobRequest = {
  videoId: VIDEO_ID,
  recipe: { name: "webReady", crf: 23 },
  output: { format: "mp4" },
  webhookUrl: "https://example.com/hook",
  metadata: { order: "A-17" },
};

export const outputExample: Job["outputs"][number] = {
  name: "result.mp4",
  url: "https://video.example.com/v1/signed/eyJ.../result.mp4",
  contentType: "video/mp4",
  size: 1_048_576,
  format: "mp4",
  durationSeconds: 12.5,
  width: 1920,
  height: 1080,
  videoCodec: "h264",
  audioCodec: "aac",
  bitrateKbps: 671,
  sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
  quality: null,
};

export const jobExample: Job = {
  jobId: JOB_ID,
  videoId: VIDEO_ID,
  mode: "recipe",
  recipe: { name: "webReady", crf: 23, scaleDown: true },
  presetId: null,
  ffmpeg: null,
  inputs: { in_1: { videoId: VIDEO_ID } },
  state: "queued",
  status: "queued",
  stage: null,
  progress: 0,
  stages: [],
  run: 1,
  attempt: 0,
  maxAttempts: 3,
  timeoutSeconds: 3600,
  queueTimeoutSeconds: 86_400,
  priority: 0,
  pool: "default",
  fps: null,
  speed: null,
  error: null,
  playable: false,
  playableUrl: null,
  outputs: [],
  webhookUrl: "https://example.com/hook",
  traceId: null,
  metadata: { order: "A-17" },
  createdAt: "2026-11-22T17:01:02.345Z",
  startedAt: null,
  completedAt: null,
};
