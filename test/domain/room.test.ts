import { describe, expect, test } from "vitest";
import type { MatchWorker } from "../../edge/domain/match.ts";
import { fleetFor, seatForCopy } from "../../edge/domain/room.ts";
import { MODEST } from "../../protocol/needs.ts";

function worker(workerId: string, facts: Partial<MatchWorker> = {}): MatchWorker {
  return { workerId, slots: 4, held: 1, free: 3, encoders: [], takesParts: true, ...facts };
}

const nobody: ReadonlySet<string> = new Set();
const two = { encoders: [], slots: 2 };

describe("the fleet that a planner is told of", () => {
  test("is how many parts have room, and how many of them beside the planner itself", () => {
    const workers = [worker("a"), worker("b", { free: 1 }), worker("c", { takesParts: false })];
    expect(fleetFor(MODEST, workers, "a")).toEqual({ freeSlots: 4, ownSlots: 3 });
    expect(fleetFor(two, workers, "b")).toEqual({ freeSlots: 1, ownSlots: 0 });
  });

  test("counts a worker that does nothing, however narrow", () => {
    const narrow = worker("a", { slots: 1, held: 0, free: 1 });
    expect(fleetFor(two, [narrow], "b")).toEqual({ freeSlots: 1, ownSlots: 0 });
  });
});

describe("a second copy", () => {
  test("goes to the worker with the most room, whatever the order, and never to the slow one", () => {
    const workers = [worker("c"), worker("b"), worker("a", { free: 1 })];
    expect(seatForCopy(MODEST, workers, "a", nobody)?.worker.workerId).toBe("b");
    expect(seatForCopy(MODEST, workers.toReversed(), "b", nobody)?.worker.workerId).toBe("c");
    expect(seatForCopy(MODEST, [worker("a")], "a", nobody)).toBeNull();
  });

  test("takes no room that is kept for a task of the queue", () => {
    const workers = [worker("a"), worker("b", { free: 1 })];
    expect(seatForCopy(MODEST, workers, "slow", new Set(["a"]))?.worker.workerId).toBe("b");
    expect(seatForCopy(MODEST, workers, "slow", new Set(["a", "b"]))).toBeNull();
  });

  test("goes nowhere that it has no room", () => {
    expect(seatForCopy(two, [worker("a", { free: 1 })], "slow", nobody)).toBeNull();
  });
});
