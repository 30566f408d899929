/** What the parts of an attempt hand to each other. */
import type { ChunkPlan } from "../protocol/chunks/contract.ts";
import type { PlannedOutput } from "../protocol/recipes/define.ts";
import type { TaskSpec } from "../protocol/task.ts";
import type { Assignment, AttemptDeps } from "./attempt.ts";
import type { Inputs } from "./attempt-inputs.ts";
import type { Tracker } from "./attempt-tracker.ts";
import type { EngineFailure } from "./ffmpeg/index.ts";
import type { GrantHolder } from "./grants.ts";
import type { Log } from "./log.ts";
import type { AttemptOutcome, EngineReport } from "./session-model.ts";

export { NO_ENGINE } from "./session-model.ts";

export interface Work extends AttemptDeps {
  readonly assignment: Assignment;
  readonly grant: GrantHolder;
  readonly inputs: Inputs;
  readonly tracker: Tracker;
  /** ffmpeg's directory. */
  readonly workDir: string;
  readonly signal: AbortSignal;
  readonly log: Log;
  /** Resolves when the division was refused, or the attempt is to stop, as an accepted one does. */
  readonly propose: (plan: ChunkPlan) => Promise<void>;
}

/** What one part hands to the next, or how the attempt ends. */
export type Part<T> =
  | { readonly status: "ok"; readonly value: T }
  | { readonly status: "ended"; readonly outcome: AttemptOutcome };

export const ended = (outcome: AttemptOutcome): Part<never> => ({ status: "ended", outcome });
export const ABANDONED = ended({ status: "abandoned" });

/** The outputs of a task as plans name them. */
export function askedOutputs(task: TaskSpec): readonly PlannedOutput[] {
  return Object.entries(task.outputs).map(([key, { filename, format }]) => ({
    key,
    file: filename,
    format,
  }));
}

/** How a failed attempt ends; a failure that follows from an unreadable source is told as that. */
export function failure(work: Work, failed: EngineFailure, engine: EngineReport): AttemptOutcome {
  if (work.signal.aborted) return { status: "abandoned" };
  const stage = work.tracker.stage();
  const source = work.inputs.failure();
  const { code, detail, retryable } =
    source === null ? failed : ({ ...source, code: "SOURCE_UNAVAILABLE" } as const);
  return { status: "failed", stage, code, detail, retryable, engine };
}

/** As `failure`, for whoever would have handed something on. */
export function fail(work: Work, failed: EngineFailure, engine: EngineReport): Part<never> {
  return ended(failure(work, failed, engine));
}
