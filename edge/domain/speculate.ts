/**
 * Whether the last chunks of a job are worth a second copy: when slots are idle and one worker is so slow that
 * another would be done with the same chunk well before it.
 */
import type { JobRecord, LiveJob, Task, TaskIn } from "./model.ts";
import { currentTasks, wasCopied } from "./parts.ts";

/** Fewer finished chunks say nothing of how long one takes. */
const LEAST_FINISHED = 2;
/** Milliseconds from a lease to its first frame: probing, seeking, opening encoders. Chunks of a moment are never copied. */
const START_MS = 2_000;
/** A copy must be expected to take at most 1 / this of what the slow one still needs: its start costs, too. */
const SLOWER_BY = 1.5;
/** Before this part of what a chunk usually takes, a fraction says little. */
const SETTLED_AFTER = 0.5;

type LiveTasks = { readonly job: Pick<JobRecord, "run">; readonly tasks: LiveJob["tasks"] };

/**
 * The chunk to lease once more, or null: the one that is expected to need longest, of those that need more than
 * `SLOWER_BY` times what a new attempt would. Only once every part of the job has a worker: before that, idle slots
 * have better to do. Pure.
 */
export function speculate(live: LiveTasks, now: number): TaskIn<"leased"> | null {
  let slowest: { readonly task: TaskIn<"leased">; readonly leftMs: number } | null = null;
  for (const { task, freshMs } of candidates(live)) {
    const leftMs = expectedLeft(task, freshMs, now);
    if (leftMs <= SLOWER_BY * freshMs || leftMs <= (slowest?.leftMs ?? 0)) continue;
    slowest = { task, leftMs };
  }
  return slowest?.task ?? null;
}

/**
 * When a chunk of the job will be slow enough for a second copy, if nothing more is heard of it: the first such instant
 * after `now`, in milliseconds since the epoch, or null. The alarm rings for it, or an agent that says nothing would
 * keep idle slots waiting until its lease expires.
 */
export function speculateAt(live: LiveTasks, now: number): number | null {
  const instants = candidates(live).flatMap(({ task, freshMs }) => {
    const at = slowAt(task, freshMs);
    return at > now && at < Number.POSITIVE_INFINITY ? [at] : [];
  });
  return instants.length === 0 ? null : Math.min(...instants);
}

/** The chunks that run and may be copied, and how many milliseconds a new attempt of each would take. */
function candidates(
  live: LiveTasks,
): readonly { readonly task: TaskIn<"leased">; readonly freshMs: number }[] {
  const tasks = currentTasks(live.job, live.tasks);
  if (tasks.some(({ state }) => state === "ready")) return [];
  const pace = medianPace(tasks);
  if (pace === null) return [];
  return tasks.flatMap((task) =>
    task.state === "leased" && task.chunk !== null && !wasCopied(tasks, task)
      ? [{ task, freshMs: START_MS + pace * task.chunk.frames }]
      : [],
  );
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

/** The first instant at which `expectedLeft` is more than a copy may need, if the attempt is not heard again. */
function slowAt({ lease }: TaskIn<"leased">, freshMs: number): number {
  const fraction = lease.stage === "transcoding" ? lease.fraction : 0;
  const share = fraction === 0 ? 1 : Math.max(SETTLED_AFTER / SLOWER_BY, fraction / (1 - fraction));
  return lease.grantedAt + Math.floor(SLOWER_BY * freshMs * share) + 1;
}
