/** Which ready task goes to which worker (body follows). */
import type { VideoCodec } from "../../protocol/media.ts";
import type { Rules } from "./rules.ts";

export interface ReadyTask {
  readonly taskId: string;
  readonly jobId: string;
  readonly accountId: string;
  readonly priority: number;
  readonly queuedAt: number;
  readonly readyAt: number;
  readonly lastWorkerId: string | null;
  /** Codecs one of which (each) the worker must have proved an encoder for. */
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

/** `active`: leases held now, by account and by job, for fairness. */
export declare function match(
  ready: readonly ReadyTask[],
  workers: readonly FreeWorker[],
  active: ReadonlyMap<string, number>,
  now: number,
  rules: Rules,
): readonly Assignment[];
