/** What the tests of leases and outputs share: a job in the record, stored outputs, and a pool that answers as told. */
import { insertJob } from "../../../edge/catalogue/job-claims.ts";
import type { AcceptedOutput, JobSnapshot } from "../../../edge/domain/model.ts";
import type { JobSubmission } from "../../../edge/domain/submission.ts";
import { type Env, parseSettings, type Settings } from "../../../edge/env.ts";
import { newId } from "../../../edge/ids.ts";
import type { PoolRpc } from "../../../edge/pool/rpc.ts";
import { bytesOf } from "../media/store-conformance.ts";
import { testEnv } from "./harness.ts";

/** The settings the app itself runs with. */
export function appSettings(): Settings {
  const parsed = parseSettings(testEnv);
  if (parsed.status === "invalid") throw new Error(parsed.detail);
  return parsed.settings;
}

/** The environment with a pool that answers these calls, and notes the object it was asked under. */
export function withPool(pool: Partial<PoolRpc>): { readonly env: Env; readonly asked: string[] } {
  const asked: string[] = [];
  const namespace = {
    getByName: (name: string) => {
      asked.push(name);
      return pool;
    },
  };
  return { env: { ...testEnv, POOL: namespace as unknown as Env["POOL"] }, asked };
}

/** A job accepted into the record, queued. */
export async function acceptJob(accountId = "default"): Promise<JobSubmission> {
  const jobId = newId("job", Date.now());
  const submission: JobSubmission = {
    jobId,
    accountId,
    pool: "default",
    shard: 0,
    createdAt: Date.now(),
    work: { mode: "recipe", recipe: { name: "transcode" } },
    inputs: { in_1: { kind: "url", url: "https://example.com/a.mp4" } },
    outputs: { out_1: { filename: "result.mp4", format: "mp4" } },
    webhookUrl: null,
    presetId: null,
    priority: 0,
    timeoutSeconds: 3600,
    queueTimeoutSeconds: 3600,
    maxAttempts: 3,
    metadata: null,
    specHash: jobId,
    origin: "https://telecine.test",
  };
  const accepted = await insertJob(testEnv.DB, submission);
  if (accepted.status !== "accepted") throw new Error(accepted.status);
  return submission;
}

/** Stores `length` bytes as an output of the job's first attempt. */
export async function storeOutput(
  jobId: string,
  name: string,
  length: number,
  contentType = "video/mp4",
): Promise<AcceptedOutput> {
  const key = `jobs/${jobId}/1/tsk_x/1/${name}`;
  const { etag } = await testEnv.MEDIA.put(key, bytesOf(length), { httpMetadata: { contentType } });
  return {
    name,
    key,
    etag,
    contentType,
    format: "mp4",
    sizeBytes: length,
    sha256: "0".repeat(64),
    media: {
      format: "mp4",
      durationSeconds: 1,
      width: 2,
      height: 2,
      frameRate: 25,
      videoCodec: "h264",
      audioCodec: null,
      bitrateKbps: 1,
    },
  };
}

export function snapshotOf(jobId: string, changes: Partial<JobSnapshot> = {}): JobSnapshot {
  return {
    jobId,
    revision: 5,
    run: 1,
    state: "completed",
    stage: null,
    progress: 100,
    stages: [],
    attempt: 1,
    maxAttempts: 3,
    timeoutSeconds: 3600,
    error: null,
    playable: false,
    outputs: [],
    fps: null,
    speed: null,
    startedAt: 1,
    completedAt: 2,
    ...changes,
  };
}
