import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Heap } from "../../edge/domain/heap.ts";
import {
  type ActiveLeases,
  type Assignment,
  type MatchWorker,
  match,
  type ReadyTask,
} from "../../edge/domain/match.ts";
import type { EncoderCapability, VideoCodec } from "../../protocol/media.ts";
import { type EncoderNeed, MODEST, type TaskNeeds } from "../../protocol/needs.ts";
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
    needs: MODEST,
    place: null,
    ...facts,
  };
}

/** On the CPU, with both depths, unless said otherwise. */
function proved(codec: VideoCodec, facts: Partial<EncoderCapability> = {}): EncoderCapability {
  return { encoder: codec, codec, device: "cpu", bitDepths: [8, 10], maxSessions: null, ...facts };
}

function worker(workerId: string, free: number, facts: Partial<MatchWorker> = {}): MatchWorker {
  return {
    workerId,
    slots: Math.max(0, free),
    held: 0,
    free,
    encoders: [],
    takesParts: true,
    ...facts,
  };
}

function wants(codec: VideoCodec, facts: Partial<EncoderNeed> = {}): TaskNeeds {
  const need = { codec, encoder: null, bitDepth: 8, sessions: 1, ...facts } as const;
  return { encoders: [need], slots: need.sessions };
}

function wide(slots: number): TaskNeeds {
  return { encoders: [], slots };
}

function given(
  ready: readonly ReadyTask[],
  workers: readonly MatchWorker[],
): readonly Assignment[] {
  return match(ready, workers, idle, T0, rules).assignments;
}

function order(ready: readonly ReadyTask[], free: number, active = idle): readonly string[] {
  return match(ready, [worker("a", free)], active, T0, rules).assignments.map(
    ({ taskId }) => taskId,
  );
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
      task("av1", { needs: wants("av1") }),
      task("hevc", { needs: wants("hevc") }),
      task("any"),
    ];
    const workers = [worker("a", 5), worker("b", 1, { encoders: [proved("hevc")] })];
    expect(given(ready, workers)).toEqual([
      { taskId: "any", workerId: "a", slots: 1 },
      { taskId: "hevc", workerId: "b", slots: 1 },
    ]);
  });

  test("another than the one that had it last, but that one rather than none", () => {
    const ready = [task("t", { lastWorkerId: "a" })];
    expect(given(ready, [worker("a", 9), worker("b", 1)])).toMatchObject([{ workerId: "b" }]);
    expect(given(ready, [worker("a", 9)])).toMatchObject([{ workerId: "a" }]);
  });

  test("the one with the most free slots", () => {
    const tasks = [task("1"), task("2"), task("3")];
    const leases = given(tasks, [worker("a", 1), worker("b", 2)]);
    expect(leases.map(({ workerId }) => workerId)).toEqual(["b", "a", "b"]);
  });

  test("one that keeps the depth, though busy, rather than one that would lose it; that one where nobody does", () => {
    const ready = [task("hdr", { needs: wants("hevc", { bitDepth: 10 }) })];
    const eight = worker("a", 1, { encoders: [proved("hevc", { bitDepths: [8] })] });
    const both = worker("b", 0, { slots: 1, held: 1, encoders: [proved("hevc")] });
    expect(given(ready, [eight, both])).toEqual([]);
    expect(given(ready, [eight])).toMatchObject([{ workerId: "a" }]);
  });

  test("one whose device has the sessions for all rungs, then one whose device has not but whose CPU has", () => {
    const ready = [task("ladder", { needs: wants("h264", { sessions: 3 }) })];
    const nvenc = (maxSessions: number) => proved("h264", { device: "cuda:0", maxSessions });
    const few = worker("a", 9, { encoders: [nvenc(2), proved("h264")] });
    const many = worker("b", 3, { encoders: [nvenc(8), proved("h264")] });
    expect(given(ready, [few, many])).toMatchObject([{ workerId: "b" }]);
    expect(given(ready, [few])).toMatchObject([{ workerId: "a" }]);
    const deviceAlone = worker("c", 9, { encoders: [nvenc(2)] });
    expect(given(ready, [deviceAlone, few])).toMatchObject([{ workerId: "a" }]);
  });

  test("one that has the very encoder that a command names", () => {
    const ready = [task("cmd", { needs: wants("h264", { encoder: "h264_nvenc" }) })];
    const soft = worker("a", 9, { encoders: [proved("h264", { encoder: "libx264" })] });
    const hard = worker("b", 1, { encoders: [proved("h264", { encoder: "h264_nvenc" })] });
    expect(given(ready, [soft])).toEqual([]);
    expect(given(ready, [soft, hard])).toMatchObject([{ workerId: "b" }]);
  });
});

describe("slots are sessions", () => {
  test("a ladder takes a slot for each rung, and the rest stay free for others", () => {
    const ready = [task("1 ladder", { needs: wide(3) }), task("2"), task("3")];
    expect(given(ready, [worker("a", 4)])).toEqual([
      { taskId: "1 ladder", workerId: "a", slots: 3 },
      { taskId: "2", workerId: "a", slots: 1 },
    ]);
  });

  test("a ladder wider than every worker takes the whole of one that does nothing else", () => {
    const ready = [task("ladder", { needs: wide(8) })];
    expect(given(ready, [worker("a", 2)])).toMatchObject([{ slots: 2 }]);
    const busy = worker("a", 1, { slots: 2, held: 1 });
    expect(given(ready, [busy])).toEqual([]);
  });

  test("an idle worker that offers fewer than its slots takes a ladder with what it offers", () => {
    const ready = [task("ladder", { needs: wide(3) })];
    expect(given(ready, [worker("a", 1, { slots: 4 })])).toMatchObject([{ slots: 1 }]);
  });

  test("a ladder that waits keeps the nearest worker from younger tasks, and leaves them the others", () => {
    const ready = [task("1 ladder", { needs: wide(3) }), task("2"), task("3")];
    const nearest = worker("a", 2, { slots: 3, held: 1 });
    const other = worker("b", 1, { slots: 3, held: 2 });
    const matched = match(ready, [nearest, other], idle, T0, rules);
    expect(matched.assignments).toEqual([{ taskId: "2", workerId: "b", slots: 1 }]);
    expect([...matched.reserved]).toEqual(["a"]);
    const nextPage = match([task("4")], [nearest], idle, T0, rules, matched.reserved);
    expect(nextPage.assignments).toEqual([]);
  });

  test("a worker that rests is kept for nobody", () => {
    const ready = [task("1 ladder", { needs: wide(2) }), task("2")];
    const resting = worker("a", 0, { slots: 1 });
    const busy = worker("b", 1, { slots: 2, held: 1 });
    expect(given(ready, [resting, busy])).toEqual([]);
  });

  /** Narrow tasks come without end, and one of three leases ends each turn. @returns the turn in which the ladder begins. */
  function turnOfLadder(reserves: boolean, seed: number): number | null {
    const running: { taskId: string; slots: number }[] = [
      { taskId: "x", slots: 1 },
      { taskId: "y", slots: 1 },
      { taskId: "z", slots: 1 },
    ];
    let random = seed;
    for (let turn = 0; turn < 100; turn++) {
      random = (random * 1_103_515_245 + 12_345) % 2 ** 31;
      running.splice(random % Math.max(1, running.length), 1);
      const held = running.reduce((sum, { slots }) => sum + slots, 0);
      const narrow = [1, 2, 3].map((n) => task(`n${turn}-${n}`, { queuedAt: T0 + turn }));
      const ready = [task("ladder", { needs: wide(3), queuedAt: T0 - 1 }), ...narrow];
      const seat = worker("a", 3 - held, { slots: 3, held });
      const { assignments } = match(ready, [seat], idle, T0 + 100, rulesWith({ reserves }));
      running.push(...assignments);
      if (assignments.some(({ taskId }) => taskId === "ladder")) return turn;
    }
    return null;
  }

  test("narrow tasks without end do not starve a ladder; without the reservation they do", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        expect(turnOfLadder(true, seed)).toBeLessThanOrEqual(3);
        expect(turnOfLadder(false, seed)).toBeNull();
      }),
    );
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
  needs: fc.record({
    encoders: fc
      .subarray(["h264", "av1"] as const)
      .map((codecs) => codecs.flatMap((codec) => wants(codec).encoders)),
    slots: fc.integer({ min: 1, max: 4 }),
  }),
  place: fc.constantFrom(null, null, 0, 1, 2),
});
const someWorker = fc
  .record({
    workerId: fc.constantFrom("a", "b", "c", "d"),
    free: fc.integer({ min: 0, max: 3 }),
    held: fc.integer({ min: 0, max: 2 }),
    takesParts: fc.boolean(),
    encoders: fc
      .subarray(["h264", "av1"] as const)
      .map((codecs) => codecs.map((codec) => proved(codec))),
  })
  .map((facts): MatchWorker => ({ ...facts, slots: Math.max(1, facts.free + facts.held) }));
const pools = fc.record({
  ready: fc.uniqueArray(someTask, { selector: (t) => t.taskId, maxLength: 20 }),
  workers: fc.uniqueArray(someWorker, { selector: (w) => w.workerId }),
});

function has(encoders: readonly EncoderCapability[], codec: VideoCodec): boolean {
  return encoders.some((capability) => capability.codec === codec);
}

describe("for any queue and any workers", () => {
  test("no task is given twice, none early, none to a worker that cannot, no worker more than it has free", () => {
    fc.assert(
      fc.property(pools, ({ ready, workers }) => {
        const leases = given(ready, workers);
        expect(new Set(leases.map(({ taskId }) => taskId)).size).toBe(leases.length);
        for (const { workerId, free, encoders } of workers) {
          const mine = leases.filter((item) => item.workerId === workerId);
          expect(mine.reduce((sum, { slots }) => sum + slots, 0)).toBeLessThanOrEqual(free);
          for (const { taskId } of mine) {
            const chosen = ready.find((candidate) => candidate.taskId === taskId);
            expect(chosen?.readyAt).toBeLessThanOrEqual(T0);
            expect(chosen?.needs.encoders.every((need) => has(encoders, need.codec))).toBe(true);
          }
        }
      }),
    );
  });

  test("a lease takes what its task needs or its whole worker, but of an idle one what it offers", () => {
    fc.assert(
      fc.property(pools, ({ ready, workers }) => {
        const begun = new Set<string>();
        for (const { taskId, workerId, slots } of given(ready, workers)) {
          const need = ready.find((candidate) => candidate.taskId === taskId)?.needs.slots ?? 0;
          const own = workers.find((candidate) => candidate.workerId === workerId);
          const isIdle = own?.held === 0 && !begun.has(workerId);
          const most = isIdle ? own.free : (own?.slots ?? 0);
          expect(slots).toBe(Math.min(need, most));
          begun.add(workerId);
        }
      }),
    );
  });

  test("nothing is left that a worker with room could do and that no other waits for", () => {
    fc.assert(
      fc.property(pools, ({ ready, workers }) => {
        const { assignments, reserved } = match(ready, workers, idle, T0, rules);
        const left = ready.filter(
          (t) => t.readyAt <= T0 && !assignments.some(({ taskId }) => taskId === t.taskId),
        );
        for (const { workerId, slots, held, free, encoders, takesParts } of workers) {
          if (reserved.has(workerId)) continue;
          const mine = assignments.filter((item) => item.workerId === workerId);
          const room = free - mine.reduce((sum, item) => sum + item.slots, 0);
          const isIdle = held === 0 && mine.length === 0;
          const fits = left.filter(
            ({ needs, place }) =>
              (place === null || takesParts) &&
              needs.encoders.every((need) => has(encoders, need.codec)) &&
              (Math.min(needs.slots, slots) <= room || (isIdle && room > 0)),
          );
          expect(fits).toEqual([]);
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
