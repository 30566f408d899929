/** The calls about one job. Each carries the submission, so whichever comes first creates the job. */
import { isTerminalState } from "../../protocol/stages.ts";
import { attemptNow, type LiveTask, leaseOf } from "../domain/attempt.ts";
import { cancelJob, retryJob, snapshotOf } from "../domain/job.ts";
import type { AttemptRecord, JobSnapshot, LiveJob, Task } from "../domain/model.ts";
import type { JobSubmission } from "../domain/submission.ts";
import type { PoolContext } from "./context.ts";
import { logInfo } from "./log.ts";
import type { CancelResult, RetryResult } from "./rpc.ts";
import { commit, loadOrCreate } from "./shell.ts";

/** Creates the job unless it is known. Again and again, it changes nothing. */
export function submitJob(
  pool: PoolContext,
  submission: JobSubmission,
  prior: JobSnapshot | null,
): JobSnapshot {
  const { live, effects } = loadOrCreate(pool, submission, prior);
  if (effects.length > 0) {
    logInfo("submitted", idsOf(submission));
    pool.background("submit", pool.run(effects));
  }
  return snapshotNow(pool, submission.jobId) ?? snapshotOf(live.job, live.tasks);
}

export function cancelThisJob(
  pool: PoolContext,
  submission: JobSubmission,
  prior: JobSnapshot | null,
): CancelResult {
  const { live, effects } = loadOrCreate(pool, submission, prior);
  if (isTerminalState(live.job.state)) return { status: "terminal", job: view(live) };
  const cancelled = cancelJob(live, pool.now(), pool.rules);
  if (cancelled.status !== "ok") return { status: "terminal", job: view(live) };
  commit(pool, live, cancelled);
  logInfo("cancelled", idsOf(live.job.submission));
  pool.background("cancel", pool.run([...effects, ...cancelled.effects]));
  return { status: "ok", job: view(cancelled.live) };
}

export function retryThisJob(
  pool: PoolContext,
  submission: JobSubmission,
  options: { readonly timeoutSeconds?: number },
  prior: JobSnapshot | null,
): RetryResult {
  const { live, effects, isStored } = loadOrCreate(pool, submission, prior);
  if (effects.length > 0) pool.background("submit", pool.run(effects));
  const retried = retryJob(live, options, pool.now(), pool.rules);
  if (retried.status === "not_retryable") {
    return { status: "not_retryable", job: view(live), reason: retried.reason };
  }
  commit(pool, isStored ? live : null, retried);
  logInfo("retried", { ...idsOf(live.job.submission), run: retried.live.job.run });
  pool.background("retry", pool.run(retried.effects));
  return { status: "ok", job: view(retried.live) };
}

export function attemptsOfJob(
  pool: PoolContext,
  submission: JobSubmission,
  prior: JobSnapshot | null,
): readonly AttemptRecord[] {
  submitJob(pool, submission, prior);
  const { jobId } = submission;
  const tasks = pool.jobs.load(jobId)?.tasks ?? [];
  const live = tasks.flatMap((task) => (isLive(task) ? [attemptNow(task)] : []));
  return [...pool.jobs.attempts(jobId), ...live].sort(
    (a, b) => a.startedAt - b.startedAt || a.epoch - b.epoch,
  );
}

function isLive(task: Task): task is LiveTask {
  return leaseOf(task) !== null;
}

function snapshotNow(pool: PoolContext, jobId: string): JobSnapshot | null {
  const live = pool.jobs.load(jobId);
  return live === null ? null : view(live);
}

function view(live: LiveJob): JobSnapshot {
  return snapshotOf(live.job, live.tasks);
}

const idsOf = ({ jobId, traceId }: JobSubmission) => ({ jobId, traceId });
