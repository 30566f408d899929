/** Plans and indexes as agents say them. */
import type { ChunkPlan, MediaIndex } from "../../protocol/chunks/contract.ts";
/** A plan of chunks with these numbers of frames, at 25 frames a second. */
export declare function planOf(frames: readonly number[], facts?: Partial<ChunkPlan>): ChunkPlan;
/** What a chunk reports of its only rendition. */
export declare function indexOf(change?: { encoder?: string; config?: string }): MediaIndex & {
  readonly track: "video";
};
