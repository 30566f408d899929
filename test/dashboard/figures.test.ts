import { describe, expect, test } from "vitest";
import { mapOf, taskNames, triesOf, workersOf } from "../../dashboard/job/chunk-map.ts";
import { ago, bytes, duration, fieldLabel, timeLeft } from "../../dashboard/lib/format.ts";
import { speedOf, withSample } from "../../dashboard/upload/speed.ts";
import type { Attempt } from "../../protocol/http/jobs.ts";

describe("figures", () => {
  test.each([
    [0, "0 B"],
    [999, "999 B"],
    [999.6, "1.0 kB"],
    [14_071_638, "14.1 MB"],
    [999_600_000, "1.0 GB"],
    [123_456_789_012_345, "123 TB"],
  ])("%d bytes are %s", (count, shown) => expect(bytes(count)).toBe(shown));

  test.each([
    [4.24, "4.2 s"],
    [59.4, "59 s"],
    [59.9, "1:00"],
    [187, "3:07"],
    [3723, "1:02:03"],
  ])("%d seconds are %s", (seconds, shown) => expect(duration(seconds)).toBe(shown));

  test("guesses are rounded", () => {
    expect([2, 33, 130, 9000].map(timeLeft)).toEqual([
      "a few seconds left",
      "about 35 s left",
      "about 2 min left",
      "about 2.5 h left",
    ]);
  });

  test("ages are told in words, of the past and of the future", () => {
    const now = Date.parse("2026-11-22T12:00:00Z");
    expect(ago("2026-11-22T11:59:58Z", now)).toBe("just now");
    expect(ago("2026-11-22T11:18:00Z", now)).toBe("42 minutes ago");
    expect(ago("2026-11-23T12:00:00Z", now)).toBe("tomorrow");
  });

  test("names of parameters become words with their units", () => {
    expect(["segmentSeconds", "bitrateKbps", "crf", "targetSizeMb"].map(fieldLabel)).toEqual([
      "Segment (seconds)",
      "Bitrate (kbit/s)",
      "Quality (CRF)",
      "Target size (MB)",
    ]);
  });
});

describe("an upload's speed", () => {
  const speedAfter = (samples: readonly (readonly [number, number])[]) =>
    speedOf(
      samples.reduce<ReturnType<typeof withSample>>(
        (all, [at, sent]) => withSample(all, { at, bytes: sent }),
        [],
      ),
    );

  test("is that of the last seconds, and nothing before it can be told", () => {
    expect(speedAfter([[0, 0]])).toBeNull();
    expect(
      speedAfter([
        [0, 0],
        [100, 500],
      ]),
    ).toBeNull();
    expect(
      speedAfter([
        [0, 0],
        [1000, 500],
      ]),
    ).toBe(500);
    expect(
      speedAfter([
        [0, 0],
        [60_000, 1000],
        [61_000, 3000],
      ]),
    ).toBe(2000);
  });
});

describe("the map of a job's parts", () => {
  const attempt = (taskId: string, epoch: number, change: Partial<Attempt> = {}): Attempt => ({
    taskId,
    kind: "chunk",
    run: 1,
    epoch,
    workerId: "wkr_1",
    workerName: "gpu-1",
    device: null,
    encoder: null,
    state: "completed",
    stage: null,
    startedAt: "2026-11-22T12:00:00Z",
    endedAt: "2026-11-22T12:01:00Z",
    exitCode: 0,
    error: null,
    log: [],
    ...change,
  });

  test("shows each task once, as its latest attempt has it, of this run alone", () => {
    const other = { workerId: "wkr_2", workerName: "gpu-2" };
    const cells = mapOf(
      [
        attempt("tsk_b", 2, { ...other, endedAt: null, state: "running" }),
        attempt("tsk_b", 1),
        attempt("tsk_a", 1),
        attempt("tsk_c", 1, { run: 2 }),
      ],
      1,
    );
    expect(
      cells.map(({ taskId, state, workerName, attempts }) => [taskId, state, workerName, attempts]),
    ).toEqual([
      ["tsk_a", "done", "gpu-1", 1],
      ["tsk_b", "running", "gpu-2", 2],
    ]);
    expect([
      ...taskNames([
        attempt("tsk_10", 1),
        attempt("tsk_2", 1),
        attempt("tsk_0", 1, { kind: "whole" }),
      ]),
    ]).toEqual([
      ["tsk_10", "chunk 2"],
      ["tsk_2", "chunk 1"],
      ["tsk_0", "planning"],
    ]);
    expect(workersOf(cells)).toEqual([
      { workerId: "wkr_1", name: "gpu-1", color: 0, tasks: 1 },
      { workerId: "wkr_2", name: "gpu-2", color: 1, tasks: 1 },
    ]);
  });

  test("counts the tries of a task in its run, whatever their epochs", () => {
    const tries = [
      attempt("tsk_0", 1, { kind: "whole" }),
      attempt("tsk_1", 2),
      attempt("tsk_2", 2),
      attempt("tsk_1", 3),
      attempt("tsk_1", 4, { run: 2 }),
    ];
    const counted = triesOf(tries);
    expect(tries.map((each) => counted.get(each))).toEqual([1, 1, 1, 2, 1]);
  });
});
