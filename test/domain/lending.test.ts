import { describe, expect, test } from "vitest";
import { kindOf, lend, modestly, type Want, wantsOf } from "../../edge/domain/lending.ts";
import type { MatchWorker, ReadyTask } from "../../edge/domain/match.ts";
import type { EncoderCapability } from "../../protocol/media.ts";
import { MODEST, type TaskNeeds } from "../../protocol/needs.ts";
import { T0 } from "./fixtures.ts";

const eightBit: EncoderCapability = {
  encoder: "av1_nvenc",
  codec: "av1",
  device: "cuda:0",
  bitDepths: [8],
  maxSessions: null,
};
const bothDepths: EncoderCapability = { ...eightBit, bitDepths: [8, 10] };
const deepAv1: TaskNeeds = {
  encoders: [{ codec: "av1", encoder: null, bitDepth: 10, sessions: 1 }],
  slots: 1,
};

function task(needs: TaskNeeds, place: number | null = null): ReadyTask {
  return {
    taskId: "tsk",
    jobId: "job",
    accountId: "default",
    priority: 0,
    queuedAt: T0,
    readyAt: T0,
    lastWorkerId: null,
    needs,
    place,
  };
}

function worker(
  workerId: string,
  encoders: readonly EncoderCapability[] = [],
  takesParts = true,
): MatchWorker {
  return { workerId, slots: 1, held: 0, free: 1, encoders, takesParts };
}

function want(facts: Partial<Want> = {}): Want {
  return { encoders: [], isPart: false, count: 1, fitness: "fully", ...facts };
}

describe("what a shard wants", () => {
  test("is each kind of task that waits, with how many there are", () => {
    const wide = { ...MODEST, slots: 4 };
    const wants = wantsOf([task(MODEST), task(deepAv1), task(wide), task(MODEST, 3)]);
    expect(wants).toEqual([
      want({ count: 2 }),
      want({ encoders: deepAv1.encoders }),
      want({ isPart: true }),
    ]);
    expect(new Set(wants.map(kindOf)).size).toBe(3);
    expect(kindOf(want({ count: 9, fitness: "barely" }))).toBe(kindOf(want()));
  });

  test("is less where none of its own serves it fully", () => {
    const wants = [want({ encoders: deepAv1.encoders })];
    const [own] = modestly(wants, [worker("a", [bothDepths])]);
    const [none] = modestly(wants, [worker("a", [eightBit])]);
    expect([own?.fitness, none?.fitness]).toEqual(["fully", "barely"]);
  });
});

describe("a shard lends", () => {
  const idle = [worker("c"), worker("b", [], false), worker("a", [eightBit])];

  test("one worker for each task, and says what is left", () => {
    expect(lend([want({ count: 2 })], idle)).toEqual({ workerIds: ["a", "b"], unmet: [] });
    const { workerIds, unmet } = lend([want({ count: 5 })], idle);
    expect(workerIds).toHaveLength(3);
    expect(unmet).toEqual([want({ count: 2 })]);
  });

  test("a worker that takes parts where parts wait", () => {
    expect(lend([want({ isPart: true, count: 3 })], idle)).toEqual({
      workerIds: ["a", "c"],
      unmet: [want({ isPart: true, count: 1 })],
    });
  });

  test("a worker that serves a task badly only when that was asked for, and never one that cannot do it", () => {
    const deep = want({ encoders: deepAv1.encoders });
    expect(lend([deep], idle)).toEqual({ workerIds: [], unmet: [deep] });
    expect(lend([{ ...deep, fitness: "barely" }], idle)).toEqual({ workerIds: ["a"], unmet: [] });
    expect(lend([{ ...deep, fitness: "barely" }], [worker("c")]).workerIds).toEqual([]);
  });
});
