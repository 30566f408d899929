/** A job's events as clients see them (`protocol/http/events.ts`). */
import type { NumberedEvent, ProgressEvent } from "../protocol/http/events.ts";
import type { Output } from "../protocol/http/jobs.ts";
import { statusOf } from "../protocol/stages.ts";
import type { HistoryLine } from "./domain/history.ts";
import type { JobSnapshot } from "./domain/model.ts";

const isoTime = (milliseconds: number) => new Date(milliseconds).toISOString();
const isoTimeOrNull = (milliseconds: number | null) =>
  milliseconds === null ? null : isoTime(milliseconds);

/** A line of the history; `outputs` are those of the job if it has completed. */
export function viewHistoryLine(line: HistoryLine, outputs: readonly Output[]): NumberedEvent {
  const { snapshot } = line;
  const { jobId, run, state, stage, progress, attempt, maxAttempts, error } = snapshot;
  return {
    id: line.sequence,
    event: line.name,
    data: {
      jobId,
      sequence: line.sequence,
      at: isoTime(line.at),
      run,
      state,
      status: statusOf(state),
      stage,
      progress,
      stages: snapshot.stages.map(({ startedAt, completedAt, ...record }) => ({
        ...record,
        startedAt: isoTime(startedAt),
        completedAt: isoTimeOrNull(completedAt),
      })),
      attempt,
      maxAttempts,
      error,
      playable: snapshot.playable,
      outputs: [...outputs],
      attempts: line.attempts.map(({ startedAt, endedAt, ...record }) => ({
        ...record,
        startedAt: isoTime(startedAt),
        endedAt: isoTimeOrNull(endedAt),
      })),
    },
  };
}

/** How far the job is at this moment. */
export function viewProgress(snapshot: JobSnapshot): ProgressEvent {
  const { jobId, run, state, stage, stages, progress, attempt, fps, speed } = snapshot;
  const stageProgress = stages.find(({ name }) => name === stage)?.progress ?? 0;
  return {
    event: "progress",
    data: {
      jobId,
      run,
      state,
      status: statusOf(state),
      stage,
      progress,
      stageProgress,
      attempt,
      fps,
      speed,
    },
  };
}
