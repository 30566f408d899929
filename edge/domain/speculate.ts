/**
 * Whether the last chunks of a job are worth a second copy: when slots are idle and one worker is so slow that
 * another would be done with the same chunk well before it.
 */
import type { JobRecord, LiveJob, Task, TaskIn } from "./model.ts";
import { currentTasks, hasLiveCopy } from "./parts.ts";

/** Fewer finished chunks say nothing of how long one takes. */
const LEAST_FINISHED = 2;
/** Milliseconds from a lease to its first frame: probing, seeking, opening encoders. Chunks of a moment are never copied. */
const START_MS = 2_000;
/** A copy must be expected to take at most 1 / this of what the slow one still needs: its start costs, too. */
const SLOWER_BY = 1.5;
/** Before this part of what a chunk usually takes, a fraction says little. */
const SETTLED_AFTER = 0.5;

/**
 * The chunk to lease once more, or null: the one that is expected to need longest, of those that need more than
 * `SLOWER_BY` times what a new attempt would. Only once every part of the job has a worker: before that, idle slots
 * have better to do. Pure.
 */
export function speculate(
  live: { readonly job: Pick<JobRecord, "run">; readonly tasks: LiveJob["tasks"] },
  now: number,
): TaskIn<"leased"> | null {
  const tasks = currentTasks(live.job, live.tasks);
  if (tasks.some(({ state }) => state === "ready")) return null;
  const pace = medianPace(tasks);
  if (pace === null) return null;
  let slowest: { readonly task: TaskIn<"leased">; readonly leftMs: number } | null = null;
  for (const task of tasks) {
    if (task.state !== "leased" || task.chunk === null) continue;
    const freshMs = START_MS + pace * task.chunk.frames;
    const leftMs = expectedLeft(task, freshMs, now);
    if (leftMs <= SLOWER_BY * freshMs || leftMs <= (slowest?.leftMs ?? 0)) continue;
    if (hasLiveCopy(without(tasks, task), task)) continue;
    slowest = { task, leftMs };
  }
  return slowest?.task ?? null;
}

/** Milliseconds a frame over the finished chunks: their median. Null while too few are finished. */
function medianPace(tasks: readonly Task[]): number | null {
  const paces = tasks
    .flatMap((task) =>
      task.state === "done" && task.chunk !== null ? [task.tookMs / task.chunk.frames] : [],
    )
    .sort((a, b) => a - b);
  return paces.length < LEAST_FINISHED ? null : (paces[Math.floor(paces.length / 2)] ?? null);
}

/** How long the attempt will still take if it goes on as it has, in milliseconds; 0 while that is too soon to say. */
function expectedLeft({ lease }: TaskIn<"leased">, freshMs: number, now: number): number {
  const ageMs = now - lease.grantedAt;
  if (ageMs < SETTLED_AFTER * freshMs) return 0;
  const fraction = lease.stage === "transcoding" ? lease.fraction : 0;
  // Of one that has not begun yet nothing is known but that it should be done by now.
  if (fraction === 0) return ageMs < SLOWER_BY * freshMs ? 0 : Number.POSITIVE_INFINITY;
  return (ageMs * (1 - fraction)) / fraction;
}

function without(tasks: readonly Task[], task: Task): readonly Task[] {
  return tasks.filter((other) => other !== task);
}
