/** How far a job is: its stage, the records of its stages, and one number from 0 to 100. */
import type { Stage } from "../../protocol/stages.ts";
import { leaseOf } from "./attempt.ts";
import { stageRank } from "./lease.ts";
import type { Lease, StageRecord, Task } from "./model.ts";
import { isDivided } from "./parts.ts";

/** Where each stage begins on the way to 100; the next one's beginning, or `CHECKING`, is its end. */
const begins: Record<Stage, number> = {
  probing: 0,
  planning: 1,
  segmenting: 2,
  transcoding: 5,
  merging: 95,
};
const ends: Record<Stage, number> = {
  probing: 1,
  planning: 2,
  segmenting: 5,
  transcoding: 95,
  merging: 99,
};
/** Everything is delivered and being checked; 100 is said by `completed` alone. */
const CHECKING = 99;

/**
 * 0 to 100, in tenths. Of a divided job, how much of its frames is done, and then how far the merge is; else the mean
 * over the tasks, of which a finished one is whole.
 */
export function progressOf(tasks: readonly Task[]): number {
  if (isDivided(tasks)) return Math.floor(dividedPercent(tasks) * 10) / 10;
  const counted = tasks.filter((task) => task.state !== "superseded");
  if (counted.length === 0) return 0;
  const sum = counted.reduce((total, task) => total + percentOf(task), 0);
  return Math.floor((sum / counted.length) * 10) / 10;
}

function dividedPercent(tasks: readonly Task[]): number {
  const { transcoding: from } = begins;
  const merge = tasks.find(({ kind }) => kind === "merge");
  if (merge !== undefined && leaseOf(merge) !== null) {
    return Math.max(ends.transcoding, percentOf(merge));
  }
  return from + (ends.transcoding - from) * transcodedOf(tasks);
}

/** 0 to 1: how much of the frames of all chunks is made; of several copies the farthest counts. */
function transcodedOf(tasks: readonly Task[]): number {
  const chunks = new Map<number, { readonly frames: number; readonly made: number }>();
  let total = 0;
  let made = 0;
  for (const task of tasks) {
    if (task.chunk === null) continue;
    const { index, frames } = task.chunk;
    const before = chunks.get(index);
    const farthest = Math.max(before?.made ?? 0, transcodedPart(task));
    if (before === undefined) total += frames;
    made += frames * (farthest - (before?.made ?? 0));
    chunks.set(index, { frames, made: farthest });
  }
  return total === 0 ? 0 : made / total;
}

function transcodedPart(task: Task): number {
  if (task.state === "done" || task.state === "verifying") return 1;
  if (task.state !== "leased" || task.lease.stage !== "transcoding") return 0;
  return task.lease.fraction;
}

function percentOf(task: Task): number {
  switch (task.state) {
    case "waiting":
    case "divided":
    case "ready":
    case "failed":
    case "cancelled":
    case "superseded":
      return 0;
    case "leased":
      return leasePercent(task.lease);
    case "verifying":
      return CHECKING;
    case "done":
      return 100;
  }
}

function leasePercent({ stage, fraction }: Lease): number {
  if (stage === null) return 0;
  return begins[stage] + (ends[stage] - begins[stage]) * fraction;
}

/**
 * The stage a job is in: the farthest of its live attempts. It does not fall back while a part of the job is
 * done, nor to an attempt that has not said its stage yet; once divided a job is at least `segmenting`.
 */
export function stageOf(tasks: readonly Task[], before: Stage | null): Stage | null {
  const done = tasks.some((task) => task.state === "done") ? before : null;
  const holds = isDivided(tasks) ? later(before, "segmenting") : done;
  return tasks.reduce<Stage | null>((farthest, task) => {
    const stage = leaseOf(task)?.stage ?? null;
    return stageRank(stage) > stageRank(farthest) ? stage : farthest;
  }, holds);
}

function later(a: Stage | null, b: Stage): Stage {
  return a !== null && stageRank(a) > stageRank(b) ? a : b;
}

/** 0 to 100: how far the attempts in this stage are, on average; of chunks, over all their frames. */
export function stageProgressOf(tasks: readonly Task[], stage: Stage): number {
  if (stage === "transcoding" && isDivided(tasks)) {
    return Math.floor(transcodedOf(tasks) * 1000) / 10;
  }
  const fractions = tasks.flatMap((task) => {
    if (task.state === "verifying") return [1];
    return task.state === "leased" && task.lease.stage === stage ? [task.lease.fraction] : [];
  });
  if (fractions.length === 0) return 0;
  return Math.floor((fractions.reduce((a, b) => a + b, 0) / fractions.length) * 1000) / 10;
}

/** The records with `stage` entered at `now`: what ran before it is completed. Stages never entered are never there. */
export function enterStage(
  records: readonly StageRecord[],
  stage: Stage,
  now: number,
): readonly StageRecord[] {
  if (records.some((record) => record.name === stage)) return records;
  return [
    ...closeStages(records, "completed", now),
    { name: stage, state: "running", progress: 0, startedAt: now, completedAt: null },
  ];
}

/** The records with whatever ran ended at `now`. */
export function closeStages(
  records: readonly StageRecord[],
  state: "completed" | "failed" | "cancelled",
  now: number,
): readonly StageRecord[] {
  return records.map((record) => {
    if (record.state !== "running") return record;
    const progress = state === "completed" ? 100 : record.progress;
    return { ...record, state, progress, completedAt: now };
  });
}

/** The records with the running one brought up to `progress`; it never falls. */
export function moveStage(
  records: readonly StageRecord[],
  stage: Stage,
  progress: number,
): readonly StageRecord[] {
  return records.map((record) =>
    record.name === stage && record.state === "running"
      ? { ...record, progress: Math.max(record.progress, progress) }
      : record,
  );
}
