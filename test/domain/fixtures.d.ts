/** Plain records that tests of the domain begin with. Times are milliseconds; the clock begins at `T0`. */
import type { Task } from "../../edge/domain/model.ts";
import { type Guards, type Rules } from "../../edge/domain/rules.ts";
import type { JobSubmission } from "../../edge/domain/submission.ts";
import type { ChunkPlan, RenditionIndex } from "../../protocol/chunks/contract.ts";
import type { OutputReport } from "../../protocol/task.ts";
export declare const T0 = 1800000000000;
export declare const TTL_MS = 30000;
export declare const GRACE_MS = 10000;
export declare function rulesWith(guards?: Partial<Guards>): Rules;
/** Work that may open as many encoder sessions: a ladder of so many rungs. */
export declare function workOfWidth(sessions: number): JobSubmission["work"];
/** A ULID whose last digits count. */
export declare function jobIdOf(index: number): string;
export declare function submissionOf(index: number, facts?: Partial<JobSubmission>): JobSubmission;
export declare const noMedia: {
  format: string;
  durationSeconds: number;
  width: number;
  height: number;
  frameRate: number;
  videoCodec: string;
  audioCodec: null;
  bitrateKbps: number;
};
export declare const report: OutputReport;
/** A plan of chunks with these numbers of frames, at 25 frames a second. */
export declare function planOf(frames: readonly number[], facts?: Partial<ChunkPlan>): ChunkPlan;
/** What a chunk reports of its only rendition. */
export declare function indexOf(change?: { encoder?: string; config?: string }): RenditionIndex;
export declare const engine: {
  device: string;
  encoder: string;
  exitCode: number;
  log: never[];
};
/** The lease of a task that must have one. */
export declare function leaseOfTask(
  task: Task | undefined,
): import("../../edge/domain/model.ts").Lease;
