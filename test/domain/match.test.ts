import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Heap } from "../../edge/domain/heap.ts";
import {
  type ActiveLeases,
  codecsFor,
  type FreeWorker,
  match,
  type ReadyTask,
} from "../../edge/domain/match.ts";
import { rulesWith, T0 } from "./fixtures.ts";

const rules = rulesWith();
const idle: ActiveLeases = { accounts: new Map(), jobs: new Map() };

function task(taskId: string, facts: Partial<ReadyTask> = {}): ReadyTask {
  return {
    taskId,
    jobId: `job ${taskId}`,
    accountId: "default",
    priority: 0,
    queuedAt: T0,
    readyAt: T0,
    lastWorkerId: null,
    codecs: [],
    ...facts,
  };
}

function worker(workerId: string, free: number, codecs: FreeWorker["codecs"] = new Set()) {
  return { workerId, free, codecs };
}

function order(ready: readonly ReadyTask[], free: number, active = idle): readonly string[] {
  return match(ready, [worker("a", free)], active, T0, rules).map(({ taskId }) => taskId);
}

describe("which task comes first", () => {
  test("the higher priority, then the older", () => {
    const ready = [
      task("late", { queuedAt: T0 + 2 }),
      task("low", { priority: -1, queuedAt: T0 - 9 }),
      task("early"),
      task("high", { priority: 1, queuedAt: T0 + 9 }),
    ];
    expect(order(ready, 9)).toEqual(["high", "early", "late", "low"]);
  });

  test("one job with many tasks takes turns with the others, however old it is", () => {
    const long = [1, 2, 3, 4].map((n) => task(`long ${n}`, { jobId: "long", queuedAt: T0 - 100 }));
    expect(order([...long, task("short", { queuedAt: T0 + 5 })], 3)).toEqual([
      "long 1",
      "short",
      "long 2",
    ]);
  });

  test("an account that holds leases gives way to one that holds none", () => {
    const ready = [
      task("rich", { accountId: "rich" }),
      task("poor", { accountId: "poor", queuedAt: T0 + 5 }),
    ];
    const active = { accounts: new Map([["rich", 3]]), jobs: new Map() };
    expect(order(ready, 1, active)).toEqual(["poor"]);
  });

  test("a task in its backoff is not offered", () => {
    expect(order([task("later", { readyAt: T0 + 1 }), task("now")], 9)).toEqual(["now"]);
  });
});

describe("which worker gets it", () => {
  test("one that has proved every encoder it needs, and a task that nobody can do holds up no other", () => {
    const ready = [
      task("av1", { codecs: ["av1"] }),
      task("hevc", { codecs: ["hevc"] }),
      task("any"),
    ];
    const workers = [worker("a", 5), worker("b", 1, new Set(["hevc"] as const))];
    expect(match(ready, workers, idle, T0, rules)).toEqual([
      { taskId: "any", workerId: "a" },
      { taskId: "hevc", workerId: "b" },
    ]);
  });

  test("another than the one that had it last, but that one rather than none", () => {
    const ready = [task("t", { lastWorkerId: "a" })];
    expect(match(ready, [worker("a", 9), worker("b", 1)], idle, T0, rules)).toMatchObject([
      { workerId: "b" },
    ]);
    expect(match(ready, [worker("a", 9)], idle, T0, rules)).toMatchObject([{ workerId: "a" }]);
  });

  test("the one with the most free slots", () => {
    const tasks = [task("1"), task("2"), task("3")];
    const given = match(tasks, [worker("a", 1), worker("b", 2)], idle, T0, rules);
    expect(given.map(({ workerId }) => workerId)).toEqual(["b", "a", "b"]);
  });
});

const someTask = fc.record({
  taskId: fc.nat({ max: 999 }).map(String),
  jobId: fc.constantFrom("j1", "j2", "j3"),
  accountId: fc.constantFrom("x", "y"),
  priority: fc.integer({ min: -1, max: 1 }),
  queuedAt: fc.integer({ min: T0 - 5, max: T0 }),
  readyAt: fc.constantFrom(T0, T0 + 1),
  lastWorkerId: fc.constantFrom(null, "a", "b"),
  codecs: fc.subarray(["h264", "av1"] as const),
});
const someWorker = fc.record({
  workerId: fc.constantFrom("a", "b", "c", "d"),
  free: fc.integer({ min: -1, max: 3 }),
  codecs: fc.subarray(["h264", "av1"] as const).map((codecs) => new Set(codecs)),
});
const pools = fc.record({
  ready: fc.uniqueArray(someTask, { selector: (t) => t.taskId, maxLength: 20 }),
  workers: fc.uniqueArray(someWorker, { selector: (w) => w.workerId }),
});

describe("for any queue and any workers", () => {
  test("no task is given twice, none early, none to a worker that cannot, no worker more than it has free", () => {
    fc.assert(
      fc.property(pools, ({ ready, workers }) => {
        const given = match(ready, workers, idle, T0, rules);
        expect(new Set(given.map(({ taskId }) => taskId)).size).toBe(given.length);
        for (const { workerId, free, codecs } of workers) {
          const mine = given.filter((item) => item.workerId === workerId);
          expect(mine.length).toBeLessThanOrEqual(Math.max(0, free));
          for (const { taskId } of mine) {
            const chosen = ready.find((candidate) => candidate.taskId === taskId);
            expect(chosen?.readyAt).toBeLessThanOrEqual(T0);
            expect(chosen?.codecs.every((codec) => codecs.has(codec))).toBe(true);
          }
        }
      }),
    );
  });

  test("nothing is left that a free worker could do", () => {
    fc.assert(
      fc.property(pools, ({ ready, workers }) => {
        const given = match(ready, workers, idle, T0, rules);
        const left = ready.filter(
          (t) => t.readyAt <= T0 && !given.some(({ taskId }) => taskId === t.taskId),
        );
        for (const { workerId, free, codecs } of workers) {
          const used = given.filter((item) => item.workerId === workerId).length;
          const wanted = left.filter((t) => t.codecs.every((codec) => codecs.has(codec)));
          expect(used >= free || wanted.length === 0).toBe(true);
        }
      }),
    );
  });

  test("the order of the arguments does not matter", () => {
    fc.assert(
      fc.property(pools, ({ ready, workers }) => {
        const there = match(ready, workers, idle, T0, rules);
        const back = match(ready.toReversed(), workers.toReversed(), idle, T0, rules);
        expect(back).toEqual(there);
      }),
    );
  });

  test("a heap gives back what it was given, least first", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), (numbers) => {
        const heap = new Heap<number>((a, b) => a < b);
        for (const number of numbers) heap.push(number);
        const sorted = numbers.map(() => heap.pop());
        expect(sorted).toEqual(numbers.toSorted((a, b) => a - b));
        expect(heap.pop()).toBeUndefined();
      }),
    );
  });
});

test("a recipe's codec is what its worker must have proved; other work needs nothing special", () => {
  expect(codecsFor({ mode: "recipe", recipe: { name: "transcode", codec: "hevc" } })).toEqual([
    "hevc",
  ]);
  expect(codecsFor({ mode: "recipe", recipe: { name: "webReady" } })).toEqual([]);
  expect(codecsFor({ mode: "recipe", recipe: { name: "x", codec: "copy" } })).toEqual([]);
  expect(codecsFor({ mode: "ffmpeg", args: ["-i"] })).toEqual([]);
});
