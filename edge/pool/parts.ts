/** Specs of the parts of a divided job, and what its merge may read. */
import type { Part, PartList, TaskPart } from "../../protocol/chunks/contract.ts";
import type { LiveJob, Task } from "../domain/model.ts";
import type { PoolContext } from "./context.ts";
import { jobIdOfTask } from "./job-id.ts";
import { leasedTask } from "./leased-task.ts";
import type { KeptPart } from "./part-store.ts";
import type { PartsResult } from "./rpc.ts";

/** What the task is to do of its divided job; null for a whole one, or where the plan is gone. */
export function taskPartOf(pool: PoolContext, live: LiveJob, task: Task): TaskPart | null {
  if (task.kind === "whole") return null;
  const plan = pool.parts.plan(task.jobId);
  if (plan === null) return null;
  const { chunks, ...facts } = plan;
  switch (task.kind) {
    case "chunk": {
      const chunk = chunks[task.chunk?.index ?? -1];
      if (chunk === undefined) return null;
      const pins = live.job.pins === null ? null : { ...live.job.pins };
      return { kind: "chunk", plan: facts, chunk, count: chunks.length, pins };
    }
    case "audio":
      return { kind: task.kind, plan: facts, count: chunks.length };
    case "merge":
      return { kind: "merge", plan: facts, chunks };
  }
}

/** Every accepted file of the job that this attempt merges. */
export function partsForMerge(
  pool: PoolContext,
  lease: { readonly taskId: string; readonly epoch: number },
): PartsResult {
  const jobId = jobIdOfTask(lease.taskId);
  const live = pool.jobs.load(jobId);
  const task = live === null ? null : leasedTask(live, lease);
  if (live === null || task?.kind !== "merge") return { status: "stale_epoch" };
  const [key] = Object.keys(live.job.submission.outputs);
  if (key === undefined) return { status: "stale_epoch" };
  const list: PartList = { parts: pool.parts.list(jobId).flatMap((part) => toParts(part, key)) };
  return { status: "ok", list };
}

function toParts({ taskId, epoch, kind, chunk, files }: KeptPart, key: string): readonly Part[] {
  return files.flatMap(({ name, etag, sizeBytes, sha256, index }) =>
    index === undefined
      ? []
      : [{ taskId, epoch, kind, chunk, key, filename: name, etag, sizeBytes, sha256, index }],
  );
}
