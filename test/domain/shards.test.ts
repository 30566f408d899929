import { describe, expect, test } from "vitest";
import { type ShardState, shardForJob, shardOfWorker } from "../../edge/domain/shards.ts";

const ids = Array.from({ length: 4000 }, (_, at) => `wkr_01HZZZZZZZZZZZZZZZZZ${at}`);

function sizes(count: number, shardOf: (id: string) => number): readonly number[] {
  const found = new Array<number>(count).fill(0);
  for (const id of ids) found[shardOf(id)] = (found[shardOf(id)] ?? 0) + 1;
  return found;
}

describe("a worker's shard", () => {
  test("is one of those there are, the same each time, and shards are of about one size", () => {
    for (const count of [1, 2, 7]) {
      for (const size of sizes(count, (id) => shardOfWorker(id, count))) {
        expect(size).toBeGreaterThan((0.8 * ids.length) / count);
        expect(size).toBeLessThan((1.2 * ids.length) / count);
      }
    }
  });

  test("changes for the share of one more shard alone, and only to that shard", () => {
    const moved = ids.filter((id) => shardOfWorker(id, 4) !== shardOfWorker(id, 5));
    expect(moved.every((id) => shardOfWorker(id, 5) === 4)).toBe(true);
    expect(moved.length).toBeLessThan((1.2 * ids.length) / 5);
  });
});

describe("a job's shard", () => {
  const states: readonly ShardState[] = [
    { shard: 0, band: "full" },
    { shard: 1, band: "free" },
    { shard: 2, band: "free" },
  ];

  test("is one with free slots, spread over those; else one with workers; else any", () => {
    const free = sizes(4, (id) => shardForJob(id, states, 4));
    expect(free[0]).toBe(0);
    expect(free[3]).toBe(0);
    for (const size of free.slice(1, 3)) expect(size).toBeGreaterThan(0.4 * ids.length);
    expect(sizes(2, (id) => shardForJob(id, states.slice(0, 1), 2))).toEqual([ids.length, 0]);
    for (const size of sizes(3, (id) => shardForJob(id, [], 3))) expect(size).toBeGreaterThan(0);
  });

  test("is never one beyond the count, whatever was said by those that are drained", () => {
    expect(sizes(1, (id) => shardForJob(id, states, 1))).toEqual([ids.length]);
  });
});
