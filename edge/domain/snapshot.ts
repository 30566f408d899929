/** A job as everyone outside its pool sees it. */
import { isTerminalState } from "../../protocol/stages.ts";
import type { JobRecord, JobSnapshot, Lease, Task } from "./model.ts";
import { currentTasks } from "./parts.ts";
import { moveStage, progressOf, stageProgressOf } from "./progress.ts";
import type { Rules } from "./rules.ts";

/**
 * The job as it is now, with what its live attempts have said since the last transition. Nothing falls that has
 * been shown in this attempt.
 */
export function snapshotOf(job: JobRecord, all: readonly Task[], rules?: Rules): JobSnapshot {
  const tasks = currentTasks(job, all);
  const leases = tasks.flatMap((task) => (task.state === "leased" ? [task.lease] : []));
  return {
    jobId: job.submission.jobId,
    revision: job.revision,
    run: job.run,
    state: job.state,
    stage: job.stage,
    progress: shownProgress(job, tasks, rules),
    stages:
      job.stage === null
        ? job.stages
        : moveStage(job.stages, job.stage, stageProgressOf(tasks, job.stage)),
    attempt: job.attempt,
    maxAttempts: job.submission.maxAttempts,
    timeoutSeconds: job.timeoutSeconds,
    error: job.error,
    playable: job.playable,
    outputs: job.state === "completed" ? job.outputs : [],
    fps: sumOf(leases, "fps"),
    speed: sumOf(leases, "speed"),
    startedAt: job.startedAt,
    completedAt: job.completedAt,
  };
}

/** 0 to 100; the greatest of what was shown and what is, until the job ends. `tasks` are the current run's. */
export function shownProgress(job: JobRecord, tasks: readonly Task[], rules?: Rules): number {
  if (job.state === "completed") return 100;
  const now = Math.min(progressOf(tasks), 99.9);
  if (isTerminalState(job.state)) return job.progress;
  return rules?.guards.progressHolds === false ? now : Math.max(job.progress, now);
}

function sumOf(leases: readonly Lease[], field: "fps" | "speed"): number | null {
  const said = leases.flatMap((lease) => lease[field] ?? []);
  return said.length === 0 ? null : said.reduce((a, b) => a + b, 0);
}
