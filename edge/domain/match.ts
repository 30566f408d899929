/**
 * Which ready task goes to which worker. The higher priority first; within one, whichever account, then
 * whichever job, holds the fewest leases, so that one long video never starves short ones; then the older task.
 *
 * Slots are encoder sessions: a lease takes as many as its plan may open, bounded by what the worker has. A task that
 * finds no worker with room for it reserves the one that is nearest to having it: younger tasks do not fill what
 * becomes free there, so that wide tasks start in the end, however many narrow ones come.
 */

import type { EncoderCapability } from "../../protocol/media.ts";
import { type Fitness, fitnessOf, hasDeviceFor, type TaskNeeds } from "../../protocol/needs.ts";
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
  readonly needs: TaskNeeds;
  /** Among the tasks of its divided job, the lowest first; null for a task that is a whole job. */
  readonly place: number | null;
}

/** A worker that may be given leases, now or when it has room again. */
export interface MatchWorker {
  readonly workerId: string;
  readonly slots: number;
  /** Slots of the leases it holds. */
  readonly held: number;
  /** Slots it may still be given: no more than it pulled for, nor than its slots less those held. */
  readonly free: number;
  /** What it proved. */
  readonly encoders: readonly EncoderCapability[];
  /** Whether it takes parts of a divided job. */
  readonly takesParts: boolean;
}

export interface Assignment {
  readonly taskId: string;
  readonly workerId: string;
  /** What the lease takes of the worker. */
  readonly slots: number;
}

export interface Matching {
  readonly assignments: readonly Assignment[];
  /** Workers kept for tasks that wait for room there: nothing that comes later in the queue may use them. */
  readonly reserved: ReadonlySet<string>;
}

/** Leases held now, by account and by job; what is absent holds none. */
export interface ActiveLeases {
  readonly accounts: ReadonlyMap<string, number>;
  readonly jobs: ReadonlyMap<string, number>;
}

/**
 * Pairs ready tasks with workers, best first, until one side runs out. Pure, and the same for the same arguments in
 * any order. No worker gets more than it has free; no task is given twice.
 *
 * @param reserved workers that earlier parts of the same queue wait for.
 */
export function match(
  ready: readonly ReadyTask[],
  workers: readonly MatchWorker[],
  active: ActiveLeases,
  now: number,
  rules: Rules,
  reserved: ReadonlySet<string> = new Set(),
): Matching {
  const seats = workers
    .map((worker): Seat => ({ worker, free: worker.free, isIdle: worker.held === 0 }))
    .sort((a, b) => compareText(a.worker.workerId, b.worker.workerId));
  const kept = new Set(reserved);
  const fitness = fitnessMemo(seats);
  const partFitness = fitnessMemo(seats.filter(({ worker }) => worker.takesParts));
  const assignments: Assignment[] = [];
  const queue = fairQueue(
    ready.filter((task) => task.readyAt <= now),
    active,
  );
  const hasRoom = () => seats.some(({ free, worker }) => free > 0 && !kept.has(worker.workerId));
  for (let task = queue.next(); task !== undefined && hasRoom(); task = queue.next()) {
    const able = task.place === null ? fitness(task.needs) : partFitness(task.needs);
    const open = able.filter(({ worker }) => !kept.has(worker.workerId));
    const seat = bestSeat(open, task, rules);
    if (seat === undefined) {
      const nearest = nearestSeat(open, task.needs);
      if (nearest !== undefined && rules.guards.reserves) kept.add(nearest.worker.workerId);
      continue;
    }
    const slots = slotsOn(seat, task.needs, rules);
    assignments.push({ taskId: task.taskId, workerId: seat.worker.workerId, slots });
    queue.given(task);
    seat.free -= slots;
    seat.isIdle = false;
  }
  return { assignments, reserved: kept };
}

interface Seat {
  readonly worker: MatchWorker;
  free: number;
  isIdle: boolean;
}

/** A lease is never wider than its worker; one that does nothing else takes any task with whatever it offers. */
function slotsOn({ worker, free, isIdle }: Seat, needs: TaskNeeds, rules: Rules): number {
  if (!rules.guards.slotsByNeed) return 1;
  const most = isIdle && free > 0 ? Math.min(worker.slots, free) : worker.slots;
  return Math.max(1, Math.min(needs.slots, most));
}

/**
 * The seats whose workers serve the needs best of all that are here, busy or not: a task that would lose depth or
 * speed on one worker waits for another that is there, and takes the worse where there is none.
 */
function fitnessMemo(seats: readonly Seat[]): (needs: TaskNeeds) => readonly Seat[] {
  const known = new Map<string, readonly Seat[]>();
  return ({ encoders }) => {
    if (encoders.length === 0) return seats;
    const key = JSON.stringify(encoders);
    const found = known.get(key);
    if (found !== undefined) return found;
    const byFitness = Map.groupBy(
      seats,
      ({ worker }): Fitness => fitnessOf(worker.encoders, encoders),
    );
    const best = byFitness.get("fully") ?? byFitness.get("barely") ?? [];
    known.set(key, best);
    return best;
  };
}

/**
 * Of the workers that have room: not the one that had it last, if there is a choice; then one whose device does it
 * all; then the one with most free slots.
 */
function bestSeat(seats: readonly Seat[], task: ReadyTask, rules: Rules): Seat | undefined {
  let best: Seat | undefined;
  for (const seat of seats) {
    const hasRoom = seat.free >= slotsOn(seat, task.needs, rules) || !rules.guards.slots;
    if (!hasRoom) continue;
    if (best === undefined || isBetter(seat, best, task)) best = seat;
  }
  return best;
}

function isBetter(seat: Seat, best: Seat, task: ReadyTask): boolean {
  const seatHadIt = seat.worker.workerId === task.lastWorkerId;
  const bestHadIt = best.worker.workerId === task.lastWorkerId;
  if (seatHadIt !== bestHadIt) return bestHadIt;
  if (task.needs.encoders.length > 0) {
    const seatHasDevice = hasDeviceFor(seat.worker.encoders, task.needs);
    const bestHasDevice = hasDeviceFor(best.worker.encoders, task.needs);
    if (seatHasDevice !== bestHasDevice) return seatHasDevice;
  }
  return seat.free > best.free;
}

/** The seat that lacks the fewest slots for the task; the same again until it has them, unless another is nearer. */
function nearestSeat(seats: readonly Seat[], { slots }: TaskNeeds): Seat | undefined {
  let nearest: Seat | undefined;
  const lack = ({ worker, free }: Seat) => Math.min(slots, worker.slots) - Math.max(0, free);
  for (const seat of seats) {
    // One that holds nothing and asks for nothing is no hope: it rests.
    const isHope = seat.free > 0 || !seat.isIdle;
    if (isHope && (nearest === undefined || lack(seat) < lack(nearest))) nearest = seat;
  }
  return nearest;
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
  return (
    a.queuedAt - b.queuedAt || (a.place ?? 0) - (b.place ?? 0) || compareText(a.taskId, b.taskId)
  );
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
