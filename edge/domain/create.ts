/** How a job begins, and how one that has ended is brought back from what was kept of it. */
import { taskIdOf } from "../../protocol/ids.ts";
import { isTerminalState } from "../../protocol/stages.ts";
import type { JobRecord, JobSnapshot, LiveJob, Task, TaskFields, Tombstone } from "./model.ts";
import type { JobSubmission } from "./submission.ts";

/** The records of a job that was just accepted, queued at `now`. The same submission makes the same tasks. */
export function newJob(submission: JobSubmission, now: number): LiveJob {
  const job: JobRecord = {
    submission,
    run: 1,
    revision: 1,
    state: "queued",
    stage: null,
    progress: 0,
    stages: [],
    attempt: 0,
    timeoutSeconds: submission.timeoutSeconds,
    ranMs: 0,
    runningSince: null,
    idleSince: now,
    pins: null,
    pinnedAt: null,
    playable: false,
    announced: false,
    startedAt: null,
    completedAt: null,
    error: null,
    outputs: [],
  };
  const queueDeadline = now + submission.queueTimeoutSeconds * 1000;
  const fields = firstFields(submission, now);
  return { job, tasks: [{ ...fields, state: "ready", readyAt: now, queueDeadline }] };
}

/** The task that is the whole job. */
function firstFields(submission: JobSubmission, now: number): TaskFields {
  return {
    taskId: taskIdOf(submission.jobId, 0),
    jobId: submission.jobId,
    kind: "whole",
    chunk: null,
    run: 1,
    epoch: 0,
    attempts: 0,
    maxAttempts: submission.maxAttempts,
    queueTimeoutSeconds: submission.queueTimeoutSeconds,
    releases: 0,
    queuedAt: now,
    lastWorkerId: null,
    verdicts: [],
  };
}

/** What is kept of a finished job; null while it lives. */
export function tombstoneOf({ job, tasks }: LiveJob, snapshot: JobSnapshot): Tombstone | null {
  if (!isTerminalState(job.state)) return null;
  const kept = tasks.map(({ taskId, epoch, verdicts }) => ({ taskId, epoch, verdicts }));
  return { snapshot, tasks: kept };
}

/** The finished job as it was, for reads, answers and retries. */
export function fromTombstone(submission: JobSubmission, tombstone: Tombstone): LiveJob {
  const { snapshot } = tombstone;
  const first = { ...firstFields(submission, submission.createdAt), run: snapshot.run };
  // The whole comes first; what it was divided into only keeps its epochs and answers.
  const tasks = tombstone.tasks.map((kept, at): Task => {
    const fields = { ...first, ...kept, run: at === 0 ? snapshot.run : 0 };
    return endedTask({ ...fields, attempts: snapshot.attempt }, snapshot);
  });
  return { job: jobFrom(submission, snapshot), tasks };
}

/**
 * The same from D1's last snapshot alone, when the tombstone is gone. Every grant is a revision, so no epoch was
 * greater than the snapshot's revision, and a retry's go on above it.
 */
export function fromSnapshot(submission: JobSubmission, snapshot: JobSnapshot): LiveJob {
  const { run, revision, attempt } = snapshot;
  const first = firstFields(submission, submission.createdAt);
  const task = endedTask({ ...first, run, epoch: revision, attempts: attempt }, snapshot);
  return { job: jobFrom(submission, snapshot), tasks: [task] };
}

/**
 * A job that had not ended when its pool's storage was lost, queued once more at `now`. Revisions and epochs go on
 * above the snapshot's, so that D1 believes it and no attempt writes where an earlier one did.
 */
export function requeuedFrom(
  submission: JobSubmission,
  snapshot: JobSnapshot,
  now: number,
): LiveJob {
  const { run, revision, timeoutSeconds } = snapshot;
  const { job, tasks } = newJob(submission, now);
  return {
    job: { ...job, run, timeoutSeconds, revision: revision + 1 },
    tasks: tasks.map((task) => ({ ...task, run, epoch: revision })),
  };
}

function jobFrom(submission: JobSubmission, snapshot: JobSnapshot): JobRecord {
  const { run, revision, state, stage, progress, stages, attempt, timeoutSeconds } = snapshot;
  const { startedAt, completedAt, error, outputs, playable } = snapshot;
  return {
    submission,
    run,
    revision,
    state,
    stage,
    progress,
    stages,
    attempt,
    timeoutSeconds,
    ranMs: 0,
    runningSince: null,
    idleSince: null,
    pins: null,
    pinnedAt: null,
    playable,
    announced: true,
    startedAt,
    completedAt,
    error,
    outputs,
  };
}

function endedTask(fields: TaskFields, snapshot: JobSnapshot): Task {
  if (snapshot.state === "completed") {
    return { ...fields, state: "done", outputs: snapshot.outputs, winner: fields.epoch, tookMs: 0 };
  }
  if (snapshot.error !== null) return { ...fields, state: "failed", error: snapshot.error };
  return { ...fields, state: "cancelled" };
}
