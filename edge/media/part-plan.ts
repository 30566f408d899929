/** How a file is cut into parts: equal ones but for the last, as R2 demands (its error 10048). */

const MIB = 1024 * 1024;

/** The store refuses smaller parts, the last one excepted (R2's error 10011, S3's EntityTooSmall). */
export const MIN_PART_BYTES = 5 * MIB;
/** The platform refuses request bodies over 100 MB on its smaller plans: this stays below. */
export const MAX_PART_BYTES = 95 * MIB;
/** S3 and R2 number parts from 1 to 10,000. */
export const MAX_PARTS = 10_000;

/** Small enough to be sent again without regret, large enough that each part's fixed cost is small. */
const PREFERRED_PART_BYTES = 8 * MIB;
/** Larger files get larger parts, until those reach their own limit. */
const PREFERRED_PARTS = 100;

export interface PartPlan {
  /** Size of the whole file in bytes. */
  readonly size: number;
  /** Bytes of every part but the last. */
  readonly partSize: number;
}

/** Plans the parts of a file of `size` bytes (at least 1, at most `MAX_PART_BYTES * MAX_PARTS`). */
export function planParts(size: number): PartPlan {
  const whole = Math.ceil(size / PREFERRED_PARTS / MIB) * MIB;
  return {
    size,
    partSize: Math.min(MAX_PART_BYTES, Math.max(PREFERRED_PART_BYTES, whole)),
  };
}

/**
 * The same for a file that is appended to: one part is held in memory then (an isolate has 128 MB, 2026-11), so parts
 * grow only when there would be too many of them, from 80 GB on.
 */
export function planAppends(size: number): PartPlan {
  const least = Math.ceil(size / MAX_PARTS / MIB) * MIB;
  return { size, partSize: Math.max(PREFERRED_PART_BYTES, least) };
}

/** How many parts the plan has: at least one. */
export function partCountOf(plan: PartPlan): number {
  return Math.max(1, Math.ceil(plan.size / plan.partSize));
}

/** Exact size in bytes that part `partNumber` (1 to the count) must have. */
export function sizeOfPart(plan: PartPlan, partNumber: number): number {
  const count = partCountOf(plan);
  return partNumber < count ? plan.partSize : plan.size - plan.partSize * (count - 1);
}
