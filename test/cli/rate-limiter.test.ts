import { describe, expect, test } from "vitest";
import { createRateLimiter } from "../../cli/runtime/rate-limiter.ts";

const MINUTE_MS = 60_000;

describe("the embedded rate limiter", () => {
  test("lets a key make so many requests in a period, and refuses what is beyond; other keys go on", async () => {
    const limiter = createRateLimiter({ limit: 2, period: 60 }, () => 5 * MINUTE_MS);
    const answers = [];
    for (const key of ["busy", "busy", "busy", "calm", "busy"]) {
      answers.push((await limiter.limit({ key })).success);
    }
    expect(answers).toEqual([true, true, false, true, false]);
  });

  test("counts anew when the clock's next period begins", async () => {
    let now = 6 * MINUTE_MS - 1;
    const limiter = createRateLimiter({ limit: 1, period: 60 }, () => now);
    expect(await limiter.limit({ key: "a" })).toEqual({ success: true });
    expect(await limiter.limit({ key: "a" })).toEqual({ success: false });
    now += 1;
    expect(await limiter.limit({ key: "a" })).toEqual({ success: true });
  });
});
