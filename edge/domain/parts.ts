/**
 * A divided job: the tasks that a plan makes, which of them are still needed, and when the merge's turn has come.
 *
 * Task numbers are used again by a later run, epochs are not: a task that takes the place of an earlier run's goes on
 * counting where that one stopped, and none begins below the whole's own epoch. Tasks of earlier runs stay as they
 * ended, for the answers that they remember.
 */
import { MAX_CHUNKS } from "../../protocol/chunks/contract.ts";
import { taskIdOf } from "../../protocol/ids.ts";
import type { PlanEvent } from "./events.ts";
import type {
  AcceptedOutput,
  ChunkOf,
  JobRecord,
  Pins,
  Task,
  TaskFields,
  TaskIn,
} from "./model.ts";
import type { Rules } from "./rules.ts";

/** The tasks of the current run. */
export function currentTasks(job: Pick<JobRecord, "run">, tasks: readonly Task[]): readonly Task[] {
  return tasks.every((task) => task.run === job.run)
    ? tasks
    : tasks.filter((task) => task.run === job.run);
}

/** Whether the task is one of those that a plan made and the merge waits for. */
export function isPart(task: Pick<Task, "kind">): boolean {
  return task.kind === "chunk" || task.kind === "audio";
}

/** Whether the work goes on in parts. */
export function isDivided(tasks: readonly Task[]): boolean {
  return tasks.some((task) => task.state === "divided");
}

/** `tasks` with those that the plan makes of `whole`: the chunks in order, the sound, and the merge that waits. */
export function withParts(
  tasks: readonly Task[],
  whole: Task,
  { plan, now }: Pick<PlanEvent, "plan" | "now">,
): readonly Task[] {
  const chunks = plan.chunks.map(
    ({ index, frames }): Task => readyPart(whole, "chunk", { index, frames }, now),
  );
  const audio = plan.audio ? [readyPart(whole, "audio", null, now)] : [];
  const merge: Task = { ...partFields(whole, "merge", null), state: "waiting" };
  const known = new Map(tasks.map((task) => [task.taskId, task]));
  [...chunks, ...audio, merge].forEach((task, at) => {
    const taskId = taskIdOf(whole.jobId, at + 1);
    known.set(taskId, after(known.get(taskId), { ...task, taskId }));
  });
  return [...known.values()];
}

/** A second copy of a chunk that runs: ready at once, for another worker than the one that has it. */
export function copyOf(tasks: readonly Task[], chunk: TaskIn<"leased">, now: number): Task {
  return {
    ...readyPart(chunk, "chunk", chunk.chunk, now),
    taskId: taskIdOf(chunk.jobId, tasks.length),
    lastWorkerId: chunk.lease.workerId,
  };
}

function readyPart(whole: Task, kind: "chunk" | "audio", chunk: ChunkOf | null, now: number): Task {
  const queueDeadline = now + whole.queueTimeoutSeconds * 1000;
  return { ...partFields(whole, kind, chunk), state: "ready", readyAt: now, queueDeadline };
}

function partFields(
  of: Task,
  kind: "chunk" | "audio" | "merge",
  chunk: ChunkOf | null,
): TaskFields {
  const { taskId, jobId, run, epoch, maxAttempts, queueTimeoutSeconds } = of;
  return {
    taskId,
    jobId,
    kind,
    chunk,
    run,
    epoch,
    attempts: 0,
    maxAttempts,
    queueTimeoutSeconds,
    releases: 0,
    // Of the job's age: what comes after it in the queue does not get ahead of it for its being divided.
    queuedAt: of.queuedAt,
    lastWorkerId: null,
    verdicts: [],
  };
}

/** `task` in the place of an earlier run's of the same number. */
function after(earlier: Task | undefined, task: Task): Task {
  if (earlier === undefined) return task;
  const epoch = Math.max(earlier.epoch, task.epoch);
  return { ...task, epoch, verdicts: earlier.verdicts };
}

/** Right after the first chunk, which brings the first piece of sound: the rest is needed when that is over. */
const AUDIO_PLACE = 1;
const MERGE_PLACE = MAX_CHUNKS + AUDIO_PLACE;

/** That of the sound stands between the first chunk's and the others'. */
const chunkPlace = (index: number) => (index === 0 ? 0 : index + AUDIO_PLACE);

/** Whether a place (`placeOf`) is a chunk's. */
export function isChunkPlace(place: number | null): boolean {
  return place === 0 || (place !== null && place > AUDIO_PLACE && place < MERGE_PLACE);
}

/**
 * The place of a ready task among those of its divided job: what can be played first goes first. Null for a whole,
 * which stands for itself.
 */
export function placeOf({ kind, chunk }: Pick<Task, "kind" | "chunk">): number | null {
  switch (kind) {
    case "whole":
      return null;
    case "chunk":
      return chunkPlace(chunk?.index ?? 0);
    case "audio":
      return AUDIO_PLACE;
    case "merge":
      return MERGE_PLACE;
  }
}

/** The chunks of which a copy was accepted, by index. */
export function acceptedChunks(tasks: readonly Task[]): ReadonlySet<number> {
  return new Set(
    tasks.flatMap((task) =>
      task.state === "done" && task.chunk !== null ? [task.chunk.index] : [],
    ),
  );
}

/** Whether everything that the merge waits for is there. */
export function arePartsDone(tasks: readonly Task[], rules: Rules): boolean {
  const parts = tasks.filter(isPart);
  if (!rules.guards.partsFirst) return parts.some(({ state }) => state === "done");
  const accepted = acceptedChunks(parts);
  return parts.every((task) =>
    task.chunk === null ? task.state === "done" : accepted.has(task.chunk.index),
  );
}

/** Whether the first piece can be played: the first chunk is there, and the sound of it if there is to be sound. */
export function isPlayable(tasks: readonly Task[]): boolean {
  return acceptedChunks(tasks).has(0) && (isHeard(tasks) || tasks.every(isSilent));
}

const isSilent = ({ kind }: Task) => kind !== "audio";

/** Whether sound was accepted, from its beginning on: all of it, or the prelude that came with the first chunk. */
function isHeard(tasks: readonly Task[]): boolean {
  return tasks.some((task) => task.state === "done" && (!isSilent(task) || task.hasPrelude));
}

/** Whether the task need not run any longer: another copy of its chunk is done. */
export function isSatisfied(task: Task, accepted: ReadonlySet<number>, rules: Rules): boolean {
  if (!rules.guards.oneWinner || task.state === "done") return false;
  return task.chunk !== null && accepted.has(task.chunk.index);
}

/** Whether another task may still make the chunk that this one was to make, or has. */
export function hasLiveCopy(tasks: readonly Task[], { chunk }: Task): boolean {
  if (chunk === null) return false;
  return tasks.some(
    (task) =>
      task.chunk?.index === chunk.index &&
      task.state !== "failed" &&
      task.state !== "cancelled" &&
      task.state !== "superseded",
  );
}

/** Whether the chunk has another copy, in whatever state: one that failed is not made again and again. */
export function wasCopied(tasks: readonly Task[], { taskId, chunk }: Task): boolean {
  return (
    chunk !== null &&
    tasks.some((task) => task.taskId !== taskId && task.chunk?.index === chunk.index)
  );
}

/** What the first accepted chunk holds all others to. */
export function pinsOf(files: readonly AcceptedOutput[]): Pins {
  return Object.fromEntries(
    files.flatMap(({ index }) =>
      index?.track === "video"
        ? [[index.rendition, { encoder: index.encoder, configSha256: index.configSha256 }]]
        : [],
    ),
  );
}

/** A sentence about the first file that differs from its pin; null when none does. */
export function pinConflict(pins: Pins, files: readonly AcceptedOutput[]): string | null {
  for (const [rendition, made] of Object.entries(pinsOf(files))) {
    const pin = pins[rendition];
    if (pin === undefined) return `Rendition '${rendition}' is none of the first chunk's.`;
    if (pin.encoder !== made.encoder) {
      return `Rendition '${rendition}' was made with ${made.encoder}, the first chunk with ${pin.encoder}.`;
    }
    if (pin.configSha256 !== made.configSha256) {
      return `Rendition '${rendition}' has another codec configuration than the first chunk.`;
    }
  }
  return null;
}
