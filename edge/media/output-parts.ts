/** How an attempt's outputs go up: whole, or in parts of a size that follows from what the lease allows. Pure. */
import { MULTIPART_THRESHOLD_BYTES } from "../../protocol/grants.ts";

const MIB = 1024 * 1024;
/** Small enough for an agent to hold a part of each rendition in memory while the encoder writes. */
const SMALLEST_PART_BYTES = 16 * MIB;
/** The platform takes request bodies of up to 100 MB on the smaller plans (2026-10). */
const LARGEST_PART_BYTES = 95 * MIB;
/** S3's and R2's limit. */
export const MAX_PARTS = 10_000;

/** Part URLs handed out at once when the size is not known yet. */
const FIRST_BATCH = 16;
/** As many as `morePartUrls` gives for one request; presigned ones are some 500 characters each. */
const MOST_AT_ONCE = 100;

/** Whether an output of this size is written by one PUT. Null: the encoder is still at it. */
export function goesWhole(sizeBytes: number | null): boolean {
  return sizeBytes !== null && sizeBytes <= MULTIPART_THRESHOLD_BYTES;
}

/**
 * The size of every part but the last. It follows from the lease's limit alone, so that each part can be
 * checked without remembering what was begun.
 */
export function partSizeFor(maxOutputBytes: number): number {
  const needed = Math.ceil(maxOutputBytes / MAX_PARTS / MIB) * MIB;
  return Math.min(Math.max(needed, SMALLEST_PART_BYTES), LARGEST_PART_BYTES);
}

/** Parts that an output of `sizeBytes` has. */
export function partCountFor(sizeBytes: number, partSizeBytes: number): number {
  return Math.min(Math.ceil(sizeBytes / partSizeBytes), MAX_PARTS);
}

/** How many part URLs the answer to `begin` holds. */
export function firstUrlCount(sizeBytes: number | null, maxOutputBytes: number): number {
  const partSize = partSizeFor(maxOutputBytes);
  const most = partCountFor(maxOutputBytes, partSize);
  if (sizeBytes === null) return Math.min(FIRST_BATCH, most);
  return Math.min(partCountFor(sizeBytes, partSize), MOST_AT_ONCE);
}
