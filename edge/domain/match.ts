/**
 * Which ready task goes to which worker. The higher priority first; within one, whichever account, then
 * whichever job, holds the fewest leases, so that one long video never starves short ones; then the older task.
 */
import { codecSchema, type VideoCodec } from "../../protocol/media.ts";
import type { Work } from "../../protocol/task.ts";
import { Heap } from "./heap.ts";
import type { Rules } from "./rules.ts";

export interface ReadyTask {
  readonly taskId: string;
  readonly jobId: string;
  readonly accountId: string;
  readonly priority: number;
  readonly queuedAt: number;
  readonly readyAt: number;
  /** Who ran it last; another worker is preferred. */
  readonly lastWorkerId: string | null;
  /** Codecs for each of which the worker must have proved an encoder. */
  readonly codecs: readonly VideoCodec[];
}

export interface FreeWorker {
  readonly workerId: string;
  /** Leases it may still be given: no more than it pulled for, nor than its slots less its leases. */
  readonly free: number;
  readonly codecs: ReadonlySet<VideoCodec>;
}

export interface Assignment {
  readonly taskId: string;
  readonly workerId: string;
}

/** Leases held now, by account and by job; what is absent holds none. */
export interface ActiveLeases {
  readonly accounts: ReadonlyMap<string, number>;
  readonly jobs: ReadonlyMap<string, number>;
}

/** What a worker must be able to encode for this work; empty where any worker will do. */
export function codecsFor(work: Work): readonly VideoCodec[] {
  if (work.mode !== "recipe") return [];
  const { codec, codecs } = work.recipe;
  return [codec, ...(Array.isArray(codecs) ? codecs : [])].flatMap((one) => {
    const known = codecSchema.safeParse(one);
    return known.success ? [known.data] : [];
  });
}

/** Whether the worker has proved every encoder that the task needs. */
export function isCapable(worker: FreeWorker, task: ReadyTask): boolean {
  return task.codecs.every((codec) => worker.codecs.has(codec));
}

/**
 * Pairs ready tasks with free workers, best first, until one side runs out. Pure, and the same for the same
 * arguments in any order. No worker gets more than it has free; no task is given twice.
 */
export function match(
  ready: readonly ReadyTask[],
  workers: readonly FreeWorker[],
  active: ActiveLeases,
  now: number,
  rules: Rules,
): readonly Assignment[] {
  const seats = workers
    .filter((worker) => worker.free > 0)
    .map((worker) => ({ worker, free: worker.free }))
    .sort((a, b) => compareText(a.worker.workerId, b.worker.workerId));
  const assignments: Assignment[] = [];
  const queue = fairQueue(
    ready.filter((task) => task.readyAt <= now),
    active,
  );
  for (let task = queue.next(); task !== undefined && seats.length > 0; task = queue.next()) {
    const seat = bestSeat(seats, task);
    if (seat === undefined) continue;
    assignments.push({ taskId: task.taskId, workerId: seat.worker.workerId });
    queue.given(task);
    seat.free -= 1;
    if (seat.free === 0 && rules.guards.slots) seats.splice(seats.indexOf(seat), 1);
  }
  return assignments;
}

interface Seat {
  readonly worker: FreeWorker;
  free: number;
}

/** Of the workers that can do it: not the one that had it last, if there is a choice; then the one with most free slots. */
function bestSeat(seats: readonly Seat[], task: ReadyTask): Seat | undefined {
  let best: Seat | undefined;
  for (const seat of seats) {
    if (!isCapable(seat.worker, task)) continue;
    if (best === undefined || isBetter(seat, best, task)) best = seat;
  }
  return best;
}

function isBetter(seat: Seat, best: Seat, task: ReadyTask): boolean {
  const seatHadIt = seat.worker.workerId === task.lastWorkerId;
  const bestHadIt = best.worker.workerId === task.lastWorkerId;
  return seatHadIt === bestHadIt ? seat.free > best.free : bestHadIt;
}

/** The tasks of one job at one priority, oldest first. */
interface Line {
  readonly tasks: readonly ReadyTask[];
  at: number;
}

interface Entry {
  readonly task: ReadyTask;
  readonly line: Line;
  /** Leases of account and job when the entry was made; it is put back when they have grown. */
  readonly accountActive: number;
  readonly jobActive: number;
}

/** The ready tasks in the order of the rule above, which every task that is given changes. */
function fairQueue(ready: readonly ReadyTask[], active: ActiveLeases) {
  const accounts = new Map(active.accounts);
  const jobs = new Map(active.jobs);
  const heap = new Heap<Entry>(comesBefore);
  const enter = (line: Line): void => {
    const task = line.tasks[line.at];
    if (task === undefined) return;
    const accountActive = accounts.get(task.accountId) ?? 0;
    heap.push({ task, line, accountActive, jobActive: jobs.get(task.jobId) ?? 0 });
  };
  for (const tasks of linesOf(ready)) enter({ tasks, at: 0 });
  let offered: Line | null = null;
  return {
    /** The next task to try; each is offered once. */
    next(): ReadyTask | undefined {
      // The line of the last one goes back only now, when it is known whether that one was given.
      if (offered !== null) enter(offered);
      offered = null;
      for (let entry = heap.pop(); entry !== undefined; entry = heap.pop()) {
        const { task, line } = entry;
        const isCurrent =
          entry.accountActive === (accounts.get(task.accountId) ?? 0) &&
          entry.jobActive === (jobs.get(task.jobId) ?? 0);
        if (isCurrent) {
          offered = line;
          line.at += 1;
          return task;
        }
        enter(line);
      }
      return undefined;
    },
    given(task: ReadyTask): void {
      accounts.set(task.accountId, (accounts.get(task.accountId) ?? 0) + 1);
      jobs.set(task.jobId, (jobs.get(task.jobId) ?? 0) + 1);
    },
  };
}

function linesOf(ready: readonly ReadyTask[]): readonly (readonly ReadyTask[])[] {
  const jobs = new Map<string, ReadyTask[]>();
  for (const task of ready) {
    const tasks = jobs.get(task.jobId);
    if (tasks === undefined) jobs.set(task.jobId, [task]);
    else tasks.push(task);
  }
  return [...jobs.values()].flatMap((tasks) =>
    tasks.length === 1 ? [tasks] : Object.values(Object.groupBy(tasks, toPriority)).map(toLine),
  );
}

function toPriority({ priority }: ReadyTask): number {
  return priority;
}

function toLine(tasks: readonly ReadyTask[] = []): readonly ReadyTask[] {
  return [...tasks].sort(compareAge);
}

function comesBefore(a: Entry, b: Entry): boolean {
  if (a.task.priority !== b.task.priority) return a.task.priority > b.task.priority;
  if (a.accountActive !== b.accountActive) return a.accountActive < b.accountActive;
  if (a.jobActive !== b.jobActive) return a.jobActive < b.jobActive;
  return compareAge(a.task, b.task) < 0;
}

function compareAge(a: ReadyTask, b: ReadyTask): number {
  return a.queuedAt - b.queuedAt || compareText(a.taskId, b.taskId);
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
