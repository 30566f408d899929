/** A job as clients see it (`protocol/http/jobs.ts`), from what was asked and what the pool last said. */

import type { Attempt, Job, Output } from "../../protocol/http/jobs.ts";
import { statusOf } from "../../protocol/stages.ts";
import type { AttemptRecord, JobSnapshot } from "../domain/model.ts";
import { masterOf } from "../domain/outcome.ts";
import type { JobSubmission } from "../domain/submission.ts";
import type { Settings } from "../env.ts";
import { viewOutputs } from "../media/output-view.ts";
import { signOutputUrl } from "../media/signed-urls.ts";
import { isoTime, isoTimeOrNull } from "./time.ts";

export interface ViewContext {
  readonly settings: Settings;
  /** That output URLs begin with, e.g. `https://video.example.com`. */
  readonly origin: string;
  /** Milliseconds since the epoch: what the URLs' end counts from. */
  readonly now: number;
}

/** What a job is before its pool has said anything. */
function unprojected(submission: JobSubmission): JobSnapshot {
  return {
    jobId: submission.jobId,
    revision: 0,
    run: 1,
    state: "queued",
    stage: null,
    progress: 0,
    stages: [],
    attempt: 0,
    maxAttempts: submission.maxAttempts,
    timeoutSeconds: submission.timeoutSeconds,
    error: null,
    playable: false,
    outputs: [],
    fps: null,
    speed: null,
    startedAt: null,
    completedAt: null,
  };
}

/** The outputs with signed URLs; none before the job has completed. */
export function outputViews(
  context: ViewContext,
  accountId: string,
  snapshot: JobSnapshot,
): Promise<Output[]> {
  if (snapshot.state !== "completed") return Promise.resolve([]);
  const { settings, origin, now } = context;
  const { jobId, run, outputs } = snapshot;
  return viewOutputs(settings, { origin, accountId, jobId, run }, outputs, now);
}

function inputViews(submission: JobSubmission): Job["inputs"] {
  return Object.fromEntries(
    Object.entries(submission.inputs).map(([key, input]) => [
      key,
      input.kind === "video" ? { videoId: input.videoId } : { url: input.url },
    ]),
  );
}

function stageViews(snapshot: JobSnapshot): Job["stages"] {
  return snapshot.stages.map((stage) => ({
    name: stage.name,
    state: stage.state,
    progress: stage.progress,
    startedAt: isoTime(stage.startedAt),
    completedAt: isoTimeOrNull(stage.completedAt),
  }));
}

/** Whether the job can be played by now, in part or whole, and where. */
async function playableView(
  { settings, origin, now }: ViewContext,
  submission: JobSubmission,
  { jobId, run, state, playable }: JobSnapshot,
): Promise<Pick<Job, "playable" | "playableUrl">> {
  const name = masterOf(submission);
  if (name === null || !(playable || state === "completed")) {
    return { playable: false, playableUrl: null };
  }
  const { accountId } = submission;
  const of = { origin, accountId, jobId, run, isWhole: state === "completed", name, now };
  return { playable: true, playableUrl: await signOutputUrl(settings, of) };
}

/** Renders a job. `snapshot` is null before the first projection. */
export async function jobView(
  context: ViewContext,
  submission: JobSubmission,
  latest: JobSnapshot | null,
): Promise<Job> {
  const snapshot = latest ?? unprojected(submission);
  const { work } = submission;
  const [firstInput] = Object.values(submission.inputs);
  return {
    jobId: submission.jobId,
    videoId: firstInput?.kind === "video" ? firstInput.videoId : null,
    mode: work.mode,
    recipe: work.mode === "recipe" ? work.recipe : null,
    presetId: submission.presetId,
    ffmpeg: work.mode === "ffmpeg" ? { args: work.args } : null,
    inputs: inputViews(submission),
    state: snapshot.state,
    status: statusOf(snapshot.state),
    stage: snapshot.stage,
    progress: snapshot.progress,
    stages: stageViews(snapshot),
    run: snapshot.run,
    attempt: snapshot.attempt,
    maxAttempts: snapshot.maxAttempts,
    timeoutSeconds: snapshot.timeoutSeconds,
    queueTimeoutSeconds: submission.queueTimeoutSeconds,
    priority: submission.priority,
    pool: submission.pool,
    fps: snapshot.fps,
    speed: snapshot.speed,
    error: snapshot.error,
    ...(await playableView(context, submission, snapshot)),
    outputs: await outputViews(context, submission.accountId, snapshot),
    webhookUrl: submission.webhookUrl,
    traceId: submission.traceId ?? null,
    metadata: submission.metadata === null ? null : { ...submission.metadata },
    createdAt: isoTime(submission.createdAt),
    startedAt: isoTimeOrNull(snapshot.startedAt),
    completedAt: isoTimeOrNull(snapshot.completedAt),
  };
}

/** Renders a row of the ledger. */
export function attemptView(attempt: AttemptRecord): Attempt {
  return {
    ...attempt,
    startedAt: isoTime(attempt.startedAt),
    endedAt: isoTimeOrNull(attempt.endedAt),
    log: [...attempt.log],
  };
}
