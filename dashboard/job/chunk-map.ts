/** The tasks of a job as a map: which worker has which part, and how far it is. Pure. */
import type { Attempt } from "../../protocol/http/jobs.ts";

export interface MapCell {
  readonly taskId: string;
  readonly kind: Attempt["kind"];
  readonly workerId: string;
  readonly workerName: string;
  /** Of the task's latest attempt. */
  readonly state: "running" | "done" | "failed";
  readonly attempts: number;
  readonly epoch: number;
}

export interface MapWorker {
  readonly workerId: string;
  readonly name: string;
  /** 0 to 7: which of the palette's colours. */
  readonly color: number;
  readonly tasks: number;
}

export const PALETTE = 8;

/** The tasks of a run in the order in which they began, each as its latest attempt left it. */
export function mapOf(attempts: readonly Attempt[], run: number): readonly MapCell[] {
  const byTask = new Map<string, Attempt[]>();
  for (const attempt of attempts) {
    if (attempt.run !== run) continue;
    byTask.set(attempt.taskId, [...(byTask.get(attempt.taskId) ?? []), attempt]);
  }
  return [...byTask.values()]
    .flatMap((tries) => {
      const latest = tries.reduce((a, b) => (b.epoch > a.epoch ? b : a));
      const { taskId, kind, workerId, workerName, epoch } = latest;
      return [
        {
          taskId,
          kind,
          workerId,
          workerName,
          epoch,
          attempts: tries.length,
          state: cellState(latest),
        },
      ];
    })
    .sort(inOrder);
}

/** Ids of a job's tasks end in their number, which has no leading zeros. */
function inOrder(a: { readonly taskId: string }, b: { readonly taskId: string }): number {
  return a.taskId.localeCompare(b.taskId, "en", { numeric: true });
}

/** What people call each task: chunks are counted from 1 in their order. A job of one task has none to tell apart. */
export function taskNames(attempts: readonly Attempt[]): ReadonlyMap<string, string> {
  const kinds = new Map(attempts.map(({ taskId, kind }) => [taskId, kind]));
  if (kinds.size === 1) return new Map();
  const chunks = [...kinds]
    .flatMap(([taskId, kind]) => (kind === "chunk" ? [{ taskId }] : []))
    .sort(inOrder);
  const names = new Map<string, string>();
  for (const [taskId, kind] of kinds) {
    const number = chunks.findIndex((chunk) => chunk.taskId === taskId) + 1;
    names.set(taskId, kind === "chunk" ? `chunk ${number}` : kind === "whole" ? "planning" : kind);
  }
  return names;
}

/** Which try of its task in its run each attempt is, from 1. Epochs are no such count: those of a job are one row. */
export function triesOf(attempts: readonly Attempt[]): ReadonlyMap<Attempt, number> {
  const seen = new Map<string, number>();
  const tries = new Map<Attempt, number>();
  for (const attempt of attempts.toSorted((a, b) => a.epoch - b.epoch)) {
    const task = `${attempt.run} ${attempt.taskId}`;
    const count = (seen.get(task) ?? 0) + 1;
    seen.set(task, count);
    tries.set(attempt, count);
  }
  return tries;
}

function cellState(attempt: Attempt): MapCell["state"] {
  if (attempt.endedAt === null) return "running";
  return attempt.error === null && attempt.state !== "cancelled" ? "done" : "failed";
}

/** The workers of a map, by name, each with a colour of its own as long as there are enough. */
export function workersOf(cells: readonly MapCell[]): readonly MapWorker[] {
  const names = new Map(cells.map((cell) => [cell.workerId, cell.workerName]));
  return [...names]
    .sort(([, a], [, b]) => (a < b ? -1 : 1))
    .map(([workerId, name], index) => ({
      workerId,
      name,
      color: index % PALETTE,
      tasks: cells.filter((cell) => cell.workerId === workerId).length,
    }));
}
