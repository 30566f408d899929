/** Dividing, without ffmpeg: what must hold of the chunks of any list of frames. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chunkStep } from "../../../protocol/chunks/chunk-step.ts";
import { chunkPlanSchema } from "../../../protocol/chunks/contract.ts";
import { divideByCost } from "../../../protocol/chunks/cost.ts";
import { divide, mayDivide } from "../../../protocol/chunks/divide.ts";
import { type FrameIndex, findGrid, outputTicks, shownAt } from "../../../protocol/chunks/grid.ts";
import type { SourceInfo } from "../../../protocol/media.ts";
import { planned, ready, withVideo } from "../recipes/sources.ts";

/** Two minutes of video. */
const long = (changes: Parameters<typeof withVideo>[0] = {}): SourceInfo => ({
  ...withVideo({ durationSeconds: 120, ...changes }),
  durationSeconds: 120,
});
const source = long();

function divisionOf(recipe: Record<string, unknown>) {
  const { division } = planned(source, recipe);
  if (division === undefined) throw new Error("it does not divide");
  return division;
}

/** Gaps in ticks of 1/30000 s, and a key frame every `gop` frames. */
function indexOf(gaps: readonly number[], gop: number): FrameIndex {
  const times = [0];
  for (const gap of gaps) times.push((times.at(-1) ?? 0) + gap);
  return {
    timeBase: { num: 1, den: 30_000 },
    times,
    keys: times.filter((_, at) => at % gop === 0),
    end: (times.at(-1) ?? 0) + (gaps.at(-1) ?? 1001),
  };
}

const even = (frames: number) => Array.from({ length: frames - 1 }, () => 1001);
const histories = fc.record({
  gaps: fc.array(fc.constantFrom(1001, 1001, 1001, 500, 4004, 60_000), {
    minLength: 1_200,
    maxLength: 4_000,
  }),
  gop: fc.integer({ min: 1, max: 400 }),
  freeSlots: fc.integer({ min: 1, max: 20 }),
  name: fc.constantFrom("hls", "transcode"),
});

describe("chunks", () => {
  test("hold every frame once and in order, begin after their key frames, and fit the protocol", () => {
    const divisions = {
      hls: divisionOf({ name: "hls" }),
      transcode: divisionOf({ name: "transcode" }),
    };
    let divided = 0;
    fc.assert(
      fc.property(histories, ({ gaps, gop, freeSlots, name }) => {
        const index = indexOf(gaps, gop);
        const division = divisions[name as "hls" | "transcode"];
        const made = divide({
          ...{ division, sources: { in_1: source }, index, indexBytes: 0 },
          freeSlots,
        });
        if (made.status === "whole") return;
        divided += 1;
        const { chunks, grid } = chunkPlanSchema.parse(made.plan);
        expect(chunks[0]?.from).toBe(index.times[0]);
        expect(chunks.at(-1)?.to).toBe(index.end);
        for (const [at, { from, to, seek, overlap, frames, index: number }] of chunks.entries()) {
          expect(number).toBe(at);
          expect(from).toBe(at === 0 ? index.times[0] : chunks[at - 1]?.to);
          expect(frames).toBe(index.times.filter((time) => time >= from && time < to).length);
          expect(overlap?.lead ?? from).toBeLessThanOrEqual(from);
          if (overlap?.tail != null) expect(overlap.tail).toBeGreaterThanOrEqual(to);
          if (seek !== null) {
            expect(index.keys).toContain(seek);
            expect(seek).toBeLessThanOrEqual(overlap?.lead ?? from);
          }
          expect(shownAt(grid, to)).toBeGreaterThan(shownAt(grid, from));
        }
      }),
      { numRuns: 150 },
    );
    expect(divided).toBeGreaterThan(75);
  });

  test("of a ladder begin at the first frame at or after whole segments, the first after one", () => {
    const index = indexOf(even(3600), 60);
    const division = divisionOf({ name: "hls", segmentSeconds: 6 });
    const request = { division, sources: { in_1: source }, index, indexBytes: 0 };
    const made = divide({ ...request, freeSlots: 1 });
    if (made.status === "whole") throw new Error(made.reason);
    const { chunks, grid } = made.plan;
    const starts = chunks.map(({ from }) => shownAt(grid, from) / outputTicks(grid));
    expect(starts[1]).toBeCloseTo(6.006, 3);
    for (const start of starts) {
      const late = start - Math.floor(start / 6 + 1e-9) * 6;
      expect(late).toBeLessThan(1001 / 30_000);
    }
  });
});

const costs = { hasSound: true, overlapSeconds: 0, segmentSeconds: null, indexBytes: 0 };

describe("slots of one speed", () => {
  /** When each is done: they take the first chunk, the sound, and then chunk after chunk as they become free. */
  function ends(seconds: number, slots: number, cuts: readonly number[], hasSound: boolean) {
    const busy = Array.from({ length: slots }, () => 0);
    const edges = [0, ...cuts, seconds];
    const [first = 0, ...others] = edges.slice(1).map((edge, at) => edge - (edges[at] ?? 0));
    for (const length of [first, ...(hasSound ? [seconds * 0.03] : []), ...others]) {
      const next = busy.indexOf(Math.min(...busy));
      busy[next] = (busy[next] ?? 0) + length + 1.5;
    }
    return busy;
  }

  test.each([
    [180, 2, null, true],
    [180, 2, 6, true],
    [180, 3, 6, true],
    [600, 4, 6, false],
    [7_200, 8, null, true],
    [7_200, 5, 4, true],
  ] as const)(
    "end %i s by %i together, whatever comes before",
    (seconds, slots, segment, sound) => {
      const facts = { ...costs, seconds, slots, segmentSeconds: segment, hasSound: sound };
      const made = divideByCost(facts);
      if (made.status === "whole") throw new Error(made.reason);
      const done = ends(seconds, slots, made.cuts, sound);
      // A slot's share is whole segments: up to half of one more or less.
      const slack = segment === null ? 1e-6 : segment;
      expect(Math.max(...done) - Math.min(...done)).toBeLessThanOrEqual(slack);
    },
  );

  test("make a ladder's beginning in chunks that grow, so that who watches it has the next in time", () => {
    const made = divideByCost({ ...costs, seconds: 7_200, slots: 3, segmentSeconds: 6 });
    if (made.status === "whole") throw new Error(made.reason);
    const edges = [0, ...made.cuts];
    const lengths = edges.slice(1).map((edge, at) => edge - (edges[at] ?? 0));
    expect(lengths.slice(0, 3)).toEqual([6, 12, 24]);
    for (const length of lengths.slice(3)) expect(length).toBeGreaterThan(24);
  });

  test("do chunks of about a minute: one lost costs no more", () => {
    const made = divideByCost({ ...costs, seconds: 7_200, slots: 3 });
    if (made.status === "whole") throw new Error(made.reason);
    const edges = [0, ...made.cuts, 7_200];
    for (const [at, edge] of edges.slice(1).entries()) {
      expect(edge - (edges[at] ?? 0)).toBeLessThan(90);
    }
  });
});

describe("a chunk's run", () => {
  const division = divisionOf({ name: "hls" });
  const index = indexOf(even(3600), 60);
  const made = divide({
    ...{ division, sources: { in_1: source }, index, indexBytes: 0, freeSlots: 2 },
  });
  if (made.status === "whole") throw new Error(made.reason);
  const [chunk] = made.plan.chunks;
  if (chunk === undefined) throw new Error("no chunk");
  const rungs = division.renditions.length;
  const card = { name: "h264_nvenc", device: "cuda:0" };
  const on = (encoders: readonly { name: string; device: string }[]) => ({
    ...division,
    renditions: division.renditions.map((rendition, at) => ({
      ...rendition,
      encoder: { ...rendition.encoder, ...encoders[at] },
    })),
  });

  test("opens a session for each rendition, and says so: slots are sessions", () => {
    expect(rungs).toBeGreaterThan(2);
    const { encoder } = chunkStep(division, made.plan, chunk, false);
    expect(encoder).toMatchObject({ device: "cpu", sessions: rungs });
  });

  test("counts a device's sessions apart where the CPU takes part", () => {
    const whole = chunkStep(on(division.renditions.map(() => card)), made.plan, chunk, false);
    const both = { ...card, sessions: rungs };
    expect(whole.encoder).toEqual({ ...both, deviceSessions: rungs });
    const mixed = chunkStep(on([card]), made.plan, chunk, false);
    expect(mixed.encoder).toEqual({ ...both, deviceSessions: 1 });
  });
});

describe("the grid", () => {
  test.each([
    ["29.97 to the tick", 1001, 30_000, { num: 30_000, den: 1001 }],
    ["59.94 to the tick", 1001, 60_000, { num: 60_000, den: 1001 }],
    ["25 at 90 kHz", 3600, 90_000, { num: 25, den: 1 }],
  ])("of %s is even", (_, gap, den, rate) => {
    const times = Array.from({ length: 100 }, (_, at) => at * gap);
    const index = { timeBase: { num: 1, den }, times, keys: [0], end: 100 * gap };
    expect(findGrid(index, ready)).toMatchObject({ grid: { frameRate: rate } });
  });

  test("of 23.976 rounded to milliseconds is even, and its frames are whole frames apart", () => {
    const times = Array.from({ length: 500 }, (_, at) => 23 + Math.round((at * 1001) / 24));
    const index = { timeBase: { num: 1, den: 1000 }, times, keys: [23], end: 23 + 20_854 };
    const found = findGrid(index, ready);
    if (found.status === "none") throw new Error(found.reason);
    const { grid } = found;
    expect(grid.frameRate).toEqual({ num: 24_000, den: 1001 });
    const shown = times.map((time) => shownAt(grid, time));
    for (const [at, time] of shown.entries()) expect(time - (shown[0] ?? 0)).toBe(at * 1001);
  });

  test("of frames with a hole is uneven, and of two frames at one time there is none", () => {
    const base = { timeBase: { num: 1, den: 25 }, keys: [0], end: 11 };
    const holed = findGrid({ ...base, times: [0, 1, 2, 5, 6, 7] }, ready);
    expect(holed).toMatchObject({ grid: { frameRate: null } });
    expect(findGrid({ ...base, times: [0, 1, 1, 2] }, ready)).toMatchObject({ status: "none" });
  });
});

describe("work stays whole", () => {
  const job = planned(source, { name: "transcode" });
  test.each([
    ["without a free slot", job, 0],
    ["when a size is to be met", planned(source, { name: "compress", targetSizeMb: 20 }), 3],
    ["when it is a still", planned(source, { name: "thumbnail" }), 3],
  ] as const)("%s", (_, given, freeSlots) => {
    expect(mayDivide(given, { in_1: source }, freeSlots, 0)).not.toBeNull();
  });

  test.each([
    ["AVI of H.264", { ...source, format: "avi" }],
    ["VP8", long({ codec: "vp8" })],
  ])("where it is %s", (_, given) => {
    const asked = planned(given, { name: "transcode" });
    expect(mayDivide(asked, { in_1: given }, 3, 0)).not.toBeNull();
  });

  test("where its text subtitles go into a WebM: sound's delay would move them", () => {
    const subtitles = [{ index: 2, codec: "subrip", language: "eng" }];
    const asked = (format: "webm" | "mp4") =>
      planned({ ...source, subtitles }, { name: "transcode" }, format).division;
    expect(asked("webm")).toBeUndefined();
    expect(asked("mp4")).toBeDefined();
  });

  test("where reading it through to list its frames takes longer than parts save", () => {
    const facts = { ...costs, seconds: 120, slots: 2, overlapSeconds: 1 };
    expect(divideByCost({ ...facts, indexBytes: 0 }).status).toBe("divided");
    expect(divideByCost({ ...facts, indexBytes: 4e9 }).status).toBe("whole");
  });
});
