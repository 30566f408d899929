/** How far a job is: its stage, the records of its stages, and one number from 0 to 100. */
import type { Stage } from "../../protocol/stages.ts";
import { leaseOf } from "./attempt.ts";
import { stageRank } from "./lease.ts";
import type { Lease, StageRecord, Task } from "./model.ts";

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

/** 0 to 100, in tenths: the mean over the tasks, of which a finished one is whole. */
export function progressOf(tasks: readonly Task[]): number {
  const counted = tasks.filter((task) => task.state !== "superseded");
  if (counted.length === 0) return 0;
  const sum = counted.reduce((total, task) => total + percentOf(task), 0);
  return Math.floor((sum / counted.length) * 10) / 10;
}

function percentOf(task: Task): number {
  switch (task.state) {
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
 * done, nor to an attempt that has not said its stage yet.
 */
export function stageOf(tasks: readonly Task[], before: Stage | null): Stage | null {
  const holds = tasks.some((task) => task.state === "done") ? before : null;
  return tasks.reduce<Stage | null>((farthest, task) => {
    const stage = leaseOf(task)?.stage ?? null;
    return stageRank(stage) > stageRank(farthest) ? stage : farthest;
  }, holds);
}

/** 0 to 100: how far the attempts in this stage are, on average. */
export function stageProgressOf(tasks: readonly Task[], stage: Stage): number {
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
