/** What the oracle remembers of tasks, their leases and their jobs. */
import type { LedgerEffect } from "../../../edge/domain/effects.ts";
import type { JobSnapshot, Task } from "../../../edge/domain/model.ts";

export interface KnownLease {
  readonly epoch: number;
  readonly workerId: string;
  /** Of its worker: as granted, or as its agent said since. */
  slots: number;
  sessionId: string;
  verifying: boolean;
  /** When it last had a reason to live on; null where the oracle cannot know. */
  base: number | null;
  /** When it has to expire, given what was heard. */
  until: number | null;
  movement: number | null;
  /** Null where it cannot be known whether a progress was a movement: the pool had forgotten the last one. */
  resumedSinceMovement: boolean | null;
  closeSeen: boolean;
}

export interface KnownTask {
  readonly jobId: string;
  maxAttempts: number;
  /** Sessions that it may open. */
  width: number;
  kind: Task["kind"];
  chunk: number | null;
  run: number;
  highestEpoch: number;
  live: KnownLease | null;
  /** Ledger rows by run: how many leases, and how many used up an attempt. */
  readonly runs: Map<number, Map<number, LedgerEffect["record"]["state"]>>;
}

/** A chunk by its index, sound by its kind, or as the prelude that a chunk brought along. */
export type PartKey = number | Task["kind"] | "prelude";

export const keyOf = ({ kind, chunk }: Pick<KnownTask, "kind" | "chunk">): PartKey => chunk ?? kind;

export interface KnownJob {
  sequence: number;
  run: number;
  terminalRuns: Map<number, string>;
  last: JobSnapshot | null;
  shown: { run: number; attempt: number; progress: number } | null;
  /** By run: the configuration of each accepted part. */
  readonly accepted: Map<number, Map<PartKey, string>>;
  readonly playable: Set<number>;
}
