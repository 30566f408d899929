/** Messages and outcomes in the shapes of the protocol, for tests. */
import type { EdgeMessageOf, Grant } from "../../../protocol/messages.ts";
import type { LeaseRef, TaskInput, TaskSpec } from "../../../protocol/task.ts";
import type { AttemptOutcome, AttemptReport } from "../../../worker-node/session-model.ts";

const ULID = "01HZZZZZZZZZZZZZZZZZZZZZZZ";

export function leaseRef(index = 0, epoch = 1): LeaseRef {
  return { taskId: `tsk_${ULID}_${index}`, epoch };
}

export function grantOf(base = "/v1/leases/grant-1", keys: readonly string[] = ["in_1"]): Grant {
  return {
    base,
    expiresInMs: 60_000,
    inputs: Object.fromEntries(keys.map((key) => [key, { url: `${base}/inputs/${key}` }])),
  };
}

export function taskSpec(index = 0, input?: TaskInput, recipe = "transcode"): TaskSpec {
  return {
    jobId: `job_${ULID}`,
    taskId: `tsk_${ULID}_${index}`,
    run: 1,
    kind: "whole",
    work: { mode: "recipe", recipe: { name: recipe } },
    inputs: {
      in_1: input ?? {
        kind: "video",
        videoId: `vid_${ULID}`,
        filename: "clip.mp4",
        contentType: "video/mp4",
        sizeBytes: 1_000,
      },
    },
    outputs: { out_1: { filename: "result.mp4", format: "mp4" } },
    maxOutputBytes: 1_000_000_000,
  };
}

export function leaseMessage(
  lease: LeaseRef,
  overrides: Partial<EdgeMessageOf<"lease">> = {},
): EdgeMessageOf<"lease"> {
  const index = Number(lease.taskId.split("_").at(-1));
  return {
    type: "lease",
    lease,
    task: taskSpec(index),
    grant: grantOf(),
    slots: 1,
    ttlMs: 30_000,
    runLimitMs: 3_600_000,
    ...overrides,
  };
}

export function welcome(
  leases: EdgeMessageOf<"welcome">["leases"] = [],
  overrides: Partial<EdgeMessageOf<"welcome">> = {},
): EdgeMessageOf<"welcome"> {
  return {
    type: "welcome",
    version: 1,
    workerId: `wkr_${ULID}`,
    pool: "default",
    progressIntervalMs: 1_000,
    pingIntervalMs: 10_000,
    leaseTtlMs: 30_000,
    leases,
    ...overrides,
  };
}

export function kept(lease: LeaseRef): EdgeMessageOf<"welcome">["leases"][number] {
  return { status: "kept", lease, grant: grantOf(), runLimitMs: 3_600_000 };
}

export function lost(lease: LeaseRef): EdgeMessageOf<"welcome">["leases"][number] {
  return { status: "lost", lease, reason: "expired" };
}

export function ackOf(
  of: EdgeMessageOf<"ack">["of"],
  lease: LeaseRef,
  status: "accepted" | "refused" = "accepted",
): EdgeMessageOf<"ack"> {
  return { type: "ack", of, lease, status };
}

export function reportOf(change: Partial<AttemptReport> = {}): AttemptReport {
  return {
    stage: "transcoding",
    fraction: 0.5,
    movement: 100,
    frame: 10,
    fps: 25,
    speed: 1,
    source: null,
    slots: null,
    engine: null,
    ...change,
  };
}

export const noEngine = { device: null, encoder: null, exitCode: null, log: [] };

export const completed: AttemptOutcome = { status: "completed", outputs: [], engine: noEngine };

export const failed: AttemptOutcome = {
  status: "failed",
  stage: "transcoding",
  code: "TRANSCODE_ERROR",
  detail: "FFmpeg exited with code 1",
  retryable: false,
  engine: noEngine,
};
