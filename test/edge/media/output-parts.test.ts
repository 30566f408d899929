import { describe, expect, test } from "vitest";
import {
  firstUrlCount,
  goesWhole,
  MAX_PARTS,
  partCountFor,
  partSizeFor,
} from "../../../edge/media/output-parts.ts";
import { MULTIPART_THRESHOLD_BYTES } from "../../../protocol/grants.ts";

const MIB = 1024 * 1024;

describe("the parts of an output", () => {
  test("an output of known size up to the threshold goes whole, any other in parts", () => {
    expect(goesWhole(1)).toBe(true);
    expect(goesWhole(MULTIPART_THRESHOLD_BYTES)).toBe(true);
    expect(goesWhole(MULTIPART_THRESHOLD_BYTES + 1)).toBe(false);
    expect(goesWhole(null)).toBe(false);
  });

  test("whatever the lease allows fits in the store's parts, up to what the platform can take", () => {
    for (const max of [1, 64 * MIB, 10e9, 200e9, 900e9]) {
      const size = partSizeFor(max);
      expect(size).toBeGreaterThanOrEqual(5 * MIB);
      expect(size).toBeLessThanOrEqual(95 * MIB);
      expect(size * MAX_PARTS).toBeGreaterThanOrEqual(max);
      expect(partCountFor(max, size)).toBeLessThanOrEqual(MAX_PARTS);
    }
  });

  test("the first URLs cover the size where it is known, and never go beyond the lease's limit", () => {
    expect(firstUrlCount(65 * MIB, 1e9)).toBe(5);
    expect(firstUrlCount(10e9, 10e9)).toBe(100);
    expect(firstUrlCount(null, 1e9)).toBe(16);
    expect(firstUrlCount(null, 20 * MIB)).toBe(2);
  });
});
