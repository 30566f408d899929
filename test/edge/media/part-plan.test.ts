import { describe, expect, test } from "vitest";
import {
  MAX_PART_BYTES,
  MAX_PARTS,
  MIN_PART_BYTES,
  partCountOf,
  planParts,
  sizeOfPart,
} from "../../../edge/media/part-plan.ts";

const MIB = 1024 * 1024;
const sizes = [
  1,
  MIN_PART_BYTES,
  8 * MIB,
  8 * MIB + 1,
  16 * MIB,
  1_000_000_000,
  12_345_678_901,
  900_000_000_000,
];

describe("a part plan", () => {
  test.each(sizes)("of %d bytes keeps within the store's and the platform's limits", (size) => {
    const plan = planParts(size);
    expect(plan.partSize).toBeGreaterThanOrEqual(MIN_PART_BYTES);
    expect(plan.partSize).toBeLessThanOrEqual(MAX_PART_BYTES);
    expect(partCountOf(plan)).toBeLessThanOrEqual(MAX_PARTS);
  });

  test.each(sizes)("of %d bytes covers every byte once, with equal parts but the last", (size) => {
    const plan = planParts(size);
    const count = partCountOf(plan);
    expect((count - 1) * plan.partSize + sizeOfPart(plan, count)).toBe(size);
    expect(sizeOfPart(plan, count)).toBeGreaterThan(0);
    expect(sizeOfPart(plan, count)).toBeLessThanOrEqual(plan.partSize);
    if (count > 1) expect(sizeOfPart(plan, 1)).toBe(plan.partSize);
  });
});
