/** A job as it is now: asked for once, then kept up to date by its events. */
import { useEffect, useState } from "preact/hooks";
import { followJob, withEvent } from "../../client/job-events.ts";
import type { JobEvent } from "../../protocol/http/events.ts";
import type { Attempt, Job } from "../../protocol/http/jobs.ts";
import { api } from "../lib/api.ts";
import { noticeFailure } from "../lib/session.ts";
import { isOver } from "../lib/states.ts";

export interface LiveJob {
  readonly job: Job | undefined;
  readonly attempts: readonly Attempt[];
  /** Why the job could not be read. */
  readonly error: unknown;
  /** Whether events come at the moment; true for a job that has ended. */
  readonly isLive: boolean;
  /** Reads it anew and follows it: after a retry, or by hand. */
  readonly reload: () => void;
}

interface State {
  readonly job?: Job;
  readonly attempts: readonly Attempt[];
  readonly error?: unknown;
  readonly isLive: boolean;
}

export function useJob(jobId: string): LiveJob {
  const [state, setState] = useState<State>({ attempts: [], isLive: true });
  const [turn, setTurn] = useState(0);

  // A turn is a reason to begin again.
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const update = (change: (was: State) => State) => {
      if (!signal.aborted) setState(change);
    };
    const readAll = async () => {
      const [job, attempts] = await Promise.all([
        api.job(jobId, signal),
        api.attempts(jobId, signal),
      ]);
      update((was) => ({ job, attempts, isLive: was.isLive }));
      return job;
    };
    const live = async () => {
      const job = await readAll();
      if (isOver(job.state)) return;
      await followJob(api, jobId, {
        signal,
        onConnected: (isLive) => update((was) => ({ ...was, isLive })),
        onEvent: (event) => {
          update((was) => afterEvent(was, event));
          // Where it can be played is not in the event: the job tells.
          if (event.event === "playable") readAll().catch(noticeFailure);
        },
      });
      // The last word is the edge's: it has the times of the end and the logs, too.
      await readAll();
      update((was) => ({ ...was, isLive: true }));
    };
    live().catch((error: unknown) => {
      noticeFailure(error);
      update((was) => ({ ...was, error, isLive: false }));
    });
    return () => stop.abort();
  }, [jobId, turn]);

  return {
    job: state.job,
    attempts: state.attempts,
    error: state.error,
    isLive: state.isLive,
    reload: () => setTurn((was) => was + 1),
  };
}

/** The history comes from its beginning: what is older than the job as it was read changes nothing. */
function afterEvent(was: State, event: JobEvent): State {
  if (was.job === undefined || event.data.run < was.job.run) return was;
  if (event.event === "progress") return { ...was, job: withEvent(was.job, event) };
  const attempts = mergeAttempts(was.attempts, event.data.attempts);
  const isPast = isBehind(event.data.stages, was.job.stages);
  return { ...was, attempts, job: isPast ? was.job : withEvent(was.job, event) };
}

const reached = (stages: Job["stages"]) =>
  stages.length * 2 + stages.filter(({ state }) => state !== "running").length;

function isBehind(event: Job["stages"], known: Job["stages"]): boolean {
  return reached(event) < reached(known);
}

const nameOf = (attempt: Pick<Attempt, "taskId" | "epoch">) => `${attempt.taskId}/${attempt.epoch}`;

/** Attempts as an event tells of them, over what is known; an attempt that ended stays so. */
function mergeAttempts(
  known: readonly Attempt[],
  told: readonly Omit<Attempt, "log">[],
): readonly Attempt[] {
  const merged = new Map(known.map((attempt) => [nameOf(attempt), attempt]));
  for (const attempt of told) {
    const was = merged.get(nameOf(attempt));
    if (was !== undefined && was.endedAt !== null && attempt.endedAt === null) continue;
    merged.set(nameOf(attempt), { ...attempt, log: was?.log ?? [] });
  }
  return [...merged.values()];
}
