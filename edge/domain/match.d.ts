/**
 * Which ready task goes to which worker. The higher priority first; within one, whichever account, then
 * whichever job, holds the fewest leases, so that one long video never starves short ones; then the older task.
 *
 * Slots are encoder sessions: a lease takes as many as its plan may open, bounded by what the worker has. A task that
 * finds no worker with room for it reserves the one that is nearest to having it: younger tasks do not fill what
 * becomes free there, so that wide tasks start in the end, however many narrow ones come.
 */
import type { EncoderCapability } from "../../protocol/media.ts";
import { type TaskNeeds } from "../../protocol/needs.ts";
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
export declare function match(ready: readonly ReadyTask[], workers: readonly MatchWorker[], active: ActiveLeases, now: number, rules: Rules, reserved?: ReadonlySet<string>): Matching;
