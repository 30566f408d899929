/** When to look again, and what is due (bodies follow). */
import type { TaskEvent } from "./events.ts";
import type { Lease, LiveJob } from "./model.ts";
import type { Rules } from "./rules.ts";

/** The instant the one alarm is set to, or null for none. Never in the past. */
export declare function nextAlarm(deadlines: Iterable<number>, now: number): number | null;
/** Every instant at which something of the job falls due. */
export declare function deadlinesOf(live: LiveJob, now: number): readonly number[];
export type Due =
  | { readonly kind: "task"; readonly taskId: string; readonly event: TaskEvent }
  | { readonly kind: "run_limit" };
/**
 * What an alarm (or a wake) at `now` must feed, in order: `task` to `stepTask`, `run_limit` to `limitRun`. Idempotent.
 * `isHeld` says whether a socket of the lease's session or a renewal in memory is there.
 */
export declare function due(
  live: LiveJob,
  now: number,
  isHeld: (lease: Lease) => boolean,
  rules: Rules,
): readonly Due[];
