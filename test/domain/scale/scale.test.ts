import { describe, expect, test } from "vitest";
import { simulate } from "./simulate.ts";

describe("the scheduler over a large fleet", () => {
  test("leases every task, and lets short jobs in beside the chunks of long videos", () => {
    const workers = 400;
    const outcome = simulate({ workers, tasks: 8_000, shards: 2 });
    expect(outcome.leased).toBe(8_000);
    expect(outcome.largestShard).toBeLessThan(0.6 * workers);
    expect(outcome.shortJobsFirst).toBeGreaterThan(workers / 2);
  });
});
