/** How a job ends, what that means for its tasks, and what it leaves behind. */
import type { JobError } from "../../protocol/errors.ts";
import type { CollectRunEffect, Effect } from "./effects.ts";
import type { TaskEvent } from "./events.ts";
import type { JobRecord, LiveJob, Task } from "./model.ts";
import {
  acceptedChunks,
  arePartsDone,
  currentTasks,
  hasLiveCopy,
  isDivided,
  isSatisfied,
} from "./parts.ts";
import { isRejection } from "./retry.ts";
import type { Rules } from "./rules.ts";
import type { JobSubmission } from "./submission.ts";

export interface Outcome {
  readonly state: "completed" | "failed" | "rejected" | "cancelled";
  readonly error: JobError | null;
  readonly outputs: JobRecord["outputs"];
}

/** How the job ends, or null while it goes on: it fails with its first failed task, and completes with its last. */
export function outcomeOf(tasks: readonly Task[]): Outcome | null {
  for (const task of tasks) {
    if (task.state !== "failed") continue;
    // A copy may still make good what another lost; but time that is over is over for all of them.
    const isOver = task.error.code === "JOB_TIMEOUT" && !task.error.retryable;
    if (!isOver && hasLiveCopy(tasks, task)) continue;
    const state = isRejection(task.error) ? "rejected" : "failed";
    return { state, error: task.error, outputs: [] };
  }
  if (!tasks.every(isEnded)) return null;
  if (tasks.some((task) => task.state === "cancelled")) {
    return { state: "cancelled", error: null, outputs: [] };
  }
  const outputs = tasks.flatMap((task) => {
    const publishes = task.kind === "whole" || task.kind === "merge";
    return publishes && task.state === "done" ? task.outputs : [];
  });
  return { state: "completed", error: null, outputs };
}

/** Whether the task is in a terminal state. */
export function isEnded(task: Task): boolean {
  switch (task.state) {
    case "waiting":
    case "ready":
    case "leased":
    case "verifying":
      return false;
    case "divided":
    case "done":
    case "failed":
    case "cancelled":
    case "superseded":
      return true;
  }
}

/** What a change means for the job's other tasks: an outcome ends them, a done chunk its copies, the last part starts the merge. */
export function followUp(
  tasks: readonly Task[],
  outcome: Outcome | null,
  now: number,
  rules: Rules,
): (task: Task) => TaskEvent | null {
  if (outcome !== null) return (task) => (isEnded(task) ? null : { type: "cancel", now });
  if (!isDivided(tasks)) return () => null;
  const accepted = acceptedChunks(tasks);
  const isMergeDue = arePartsDone(tasks, rules);
  return (task) => {
    if (isEnded(task)) return null;
    if (isSatisfied(task, accepted, rules)) return { type: "supersede", now };
    return task.state === "waiting" && isMergeDue ? { type: "parts_done", now } : null;
  };
}

/**
 * What a divided run that has ended leaves behind. A presentation keeps the chunks that it lists, and so does one that
 * ended before its time and can be played as far as it went; they go with the job, or with its next run.
 */
export function leftovers({ job, tasks }: LiveJob, now: number): readonly Effect[] {
  const current = currentTasks(job, tasks);
  if (!isDivided(current)) return [];
  const isListed = isPresentation(job) && (job.state === "completed" || job.playable);
  if (isListed) return [];
  const merge = current.find((task) => task.kind === "merge" && task.state === "done");
  const keep = merge?.state === "done" ? { taskId: merge.taskId, epoch: merge.winner } : null;
  return [collectRun(job, keep, now)];
}

export function collectRun(
  { submission, run }: JobRecord,
  keep: CollectRunEffect["keep"],
  endedAt: number,
): CollectRunEffect {
  return { type: "collect_run", jobId: submission.jobId, run, keep, endedAt };
}

/** Whether the job makes playlists over files, instead of one file. */
export function isPresentation({ submission }: Pick<JobRecord, "submission">): boolean {
  return masterOf(submission) !== null;
}

/** The name of the playlist that a presentation begins with; null where one file was asked for. */
export function masterOf({ outputs }: Pick<JobSubmission, "outputs">): string | null {
  return Object.values(outputs).find(({ format }) => format === "hls")?.filename ?? null;
}
