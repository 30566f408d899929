/**
 * A job's history: one line for each visible transition. Its sequence numbers are the job's revisions, so they have
 * no gap, and whoever knows the last one it saw can be told exactly what it missed.
 */
import { isTerminalState } from "../../protocol/stages.ts";
import type { Effect, EventEffect } from "./effects.ts";
import type { AttemptRecord, JobSnapshot } from "./model.ts";

export interface HistoryLine {
  readonly sequence: number;
  readonly name: EventEffect["name"];
  /** Milliseconds since the epoch. */
  readonly at: number;
  /** The job as it was then. Outputs are the job's own, and never change once there are any. */
  readonly snapshot: Omit<JobSnapshot, "outputs">;
  /** The attempts that the transition began, changed or ended. Their logs are in the ledger. */
  readonly attempts: readonly Omit<AttemptRecord, "log">[];
}

/** The line that a step's effects write, or null for a step that nobody can see. */
export function historyLineOf(effects: readonly Effect[]): HistoryLine | null {
  const event = effects.find((effect) => effect.type === "event");
  if (event === undefined) return null;
  const { outputs: _, ...snapshot } = event.snapshot;
  const attempts = effects.flatMap((effect) => {
    if (effect.type !== "ledger") return [];
    const { log: _, ...attempt } = effect.record;
    return [attempt];
  });
  return { sequence: event.sequence, name: event.name, at: event.at, snapshot, attempts };
}

/** What is left to tell of a job whose history is gone: how it ended. `now` stands in for an end without a time. */
export function lastLineOf(job: JobSnapshot, now: number): HistoryLine {
  const { outputs: _, ...snapshot } = job;
  const at = job.completedAt ?? now;
  return { sequence: job.revision, name: "state", at, snapshot, attempts: [] };
}

/** Whether nothing follows this line, unless the job is retried. */
export function isLastLine(line: { readonly snapshot: Pick<JobSnapshot, "state"> }): boolean {
  return isTerminalState(line.snapshot.state);
}

/**
 * After which line a reader goes on that says it has seen `lastSeen`. A number that the job has not reached yet
 * was never given out: the reader is taken to have seen all there is.
 */
export function resumeAfter(lastSeen: number, revision: number): number {
  return Math.min(Math.max(0, lastSeen), revision);
}
