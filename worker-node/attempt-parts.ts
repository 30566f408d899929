/** What the parts of an attempt hand to each other. */
import type { Assignment, AttemptDeps } from "./attempt.ts";
import type { Inputs } from "./attempt-inputs.ts";
import type { Tracker } from "./attempt-tracker.ts";
import type { EngineFailure } from "./ffmpeg/index.ts";
import type { GrantHolder } from "./grants.ts";
import type { Log } from "./log.ts";
import type { AttemptOutcome, EngineReport } from "./session-model.ts";

export interface Work extends AttemptDeps {
  readonly assignment: Assignment;
  readonly grant: GrantHolder;
  readonly inputs: Inputs;
  readonly tracker: Tracker;
  /** ffmpeg's directory. */
  readonly workDir: string;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** What one part hands to the next, or how the attempt ends. */
export type Part<T> =
  | { readonly status: "ok"; readonly value: T }
  | { readonly status: "ended"; readonly outcome: AttemptOutcome };

export const ended = (outcome: AttemptOutcome): Part<never> => ({ status: "ended", outcome });
export const ABANDONED = ended({ status: "abandoned" });
export const NO_ENGINE: EngineReport = { device: null, encoder: null, exitCode: null, log: [] };

/** A failure of the attempt; one that follows from an unreadable source is told as that. */
export function fail(work: Work, failure: EngineFailure, engine: EngineReport): Part<never> {
  if (work.signal.aborted) return ABANDONED;
  const stage = work.tracker.stage();
  const source = work.inputs.failure();
  const { code, detail, retryable } =
    source === null ? failure : ({ ...source, code: "SOURCE_UNAVAILABLE" } as const);
  return ended({ status: "failed", stage, code, detail, retryable, engine });
}
