/** What a pool has counted since it was made, for metrics. Counters only grow; a step's effects say by what. Pure. */
import { isTerminalState } from "../../protocol/stages.ts";
import type { Effect } from "./effects.ts";
import type { AcceptedOutput, AttemptRecord, LiveJob } from "./model.ts";

/** Attempts that ended in one way. */
export interface AttemptCount {
  readonly state: AttemptRecord["state"];
  readonly kind: AttemptRecord["kind"];
  /** ffmpeg's name of it; null where none was chosen, or nothing was encoded. */
  readonly encoder: string | null;
  readonly count: number;
  /** From lease to end, summed. */
  readonly seconds: number;
  /** Of what completed ones made, summed: over `seconds` it is the speed of the encoder. */
  readonly mediaSeconds: number;
}

export interface Counters {
  /** By state, kind and encoder. */
  readonly attempts: readonly AttemptCount[];
  /** Runs of jobs that ended, by state. */
  readonly jobs: Readonly<Record<string, number>>;
}

export const noCounters: Counters = { attempts: [], jobs: {} };

/** The counters after a step; the very same where it ended nothing, so that nothing need be written. */
export function countStep(before: Counters, live: LiveJob, effects: readonly Effect[]): Counters {
  let counters = before;
  for (const effect of effects) {
    if (effect.type === "ledger" && effect.record.endedAt !== null) {
      const made = madeSeconds(live, effects, effect.record);
      counters = { ...counters, attempts: countAttempt(counters.attempts, effect.record, made) };
    }
    if (effect.type === "event" && effect.name === "state") {
      const { state } = effect.snapshot;
      if (!isTerminalState(state)) continue;
      const jobs = { ...counters.jobs, [state]: (counters.jobs[state] ?? 0) + 1 };
      counters = { ...counters, jobs };
    }
  }
  return counters;
}

function countAttempt(
  counts: readonly AttemptCount[],
  record: AttemptRecord,
  made: number,
): readonly AttemptCount[] {
  const { state, kind, encoder, startedAt, endedAt } = record;
  const isSame = (one: AttemptCount) =>
    one.state === state && one.kind === kind && one.encoder === encoder;
  const known = counts.find(isSame) ?? {
    ...{ state, kind, encoder },
    ...{ count: 0, seconds: 0, mediaSeconds: 0 },
  };
  const counted: AttemptCount = {
    ...known,
    count: known.count + 1,
    // A clock that was set back takes nothing away: counters only grow.
    seconds: known.seconds + Math.max(0, (endedAt ?? startedAt) - startedAt) / 1000,
    mediaSeconds: known.mediaSeconds + (state === "completed" ? made : 0),
  };
  return [...counts.filter((one) => !isSame(one)), counted];
}

/**
 * The length of what the attempt made; its outputs are renditions of one thing, so the longest counts. What a part of a
 * divided job made is not among the outputs of its task: its files are told of in the same step, with their indexes.
 */
function madeSeconds(
  live: LiveJob,
  effects: readonly Effect[],
  { taskId, epoch }: AttemptRecord,
): number {
  const parts = effects.find(
    (effect) => effect.type === "parts" && effect.taskId === taskId && effect.epoch === epoch,
  );
  if (parts?.type === "parts") return longest(parts.files.map(({ index }) => indexSeconds(index)));
  const task = live.tasks.find((candidate) => candidate.taskId === taskId);
  if (task?.state !== "done") return 0;
  return longest(task.outputs.map(({ media }) => media.durationSeconds ?? 0));
}

const longest = (seconds: readonly number[]) => seconds.reduce((a, b) => Math.max(a, b), 0);

/** Cues have no length of their own. */
function indexSeconds(index: AcceptedOutput["index"]): number {
  if (index === undefined || !("segments" in index)) return 0;
  const ticks = index.segments.reduce((sum, [, duration]) => sum + duration, 0);
  return ticks / index.head.timescale;
}
