import { describe, expect, test } from "vitest";
import { retryAfterMs, retryDelayMs } from "../../../edge/webhooks/schedule.ts";

describe("the retry schedule", () => {
  test("grows fourfold from 5 s and is jittered over its upper half", () => {
    expect([1, 2, 3].map((tried) => retryDelayMs(tried, 0, null))).toEqual([2500, 10_000, 40_000]);
    expect([1, 2, 3].map((tried) => Math.round(retryDelayMs(tried, 0.999999, null)))).toEqual([
      5000, 20_000, 80_000,
    ]);
  });

  test("never waits longer than an hour, whatever Retry-After says", () => {
    expect(retryDelayMs(19, 0.9, null)).toBeLessThanOrEqual(3_600_000);
    expect(retryDelayMs(1, 0, 86_400_000)).toBe(3_600_000);
  });

  test("Retry-After makes a delay longer and never shorter", () => {
    expect(retryDelayMs(1, 0, 60_000)).toBe(60_000);
    expect(retryDelayMs(3, 0, 1000)).toBe(40_000);
  });

  test("Retry-After is read as seconds or as a date, and nonsense as nothing", () => {
    const now = Date.parse("2026-11-22T17:00:00Z");
    expect(retryAfterMs("120", now)).toBe(120_000);
    expect(retryAfterMs("Sun, 22 Nov 2026 17:01:00 GMT", now)).toBe(60_000);
    expect(retryAfterMs("Sun, 22 Nov 2020 17:01:00 GMT", now)).toBe(0);
    expect(retryAfterMs("soon", now)).toBeNull();
    expect(retryAfterMs(null, now)).toBeNull();
  });
});
