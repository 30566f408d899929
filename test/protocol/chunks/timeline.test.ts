/** Frames of another rate, and frames without their fields: what chunks read of a source to make them, without ffmpeg. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chunkStep } from "../../../protocol/chunks/chunk-step.ts";
import { type ChunkPlan, chunkPlanSchema } from "../../../protocol/chunks/contract.ts";
import { divide } from "../../../protocol/chunks/divide.ts";
import type { FrameIndex } from "../../../protocol/chunks/grid.ts";
import type { SourceInfo } from "../../../protocol/media.ts";
import { planned, withVideo } from "../recipes/sources.ts";

const TICKS = 30_000;

const long = (changes: Parameters<typeof withVideo>[0] = {}): SourceInfo => ({
  ...withVideo({ durationSeconds: 120, ...changes }),
  durationSeconds: 120,
});

/** Gaps in ticks, from `start` on, and a key frame every `gop` frames. */
function indexOf(gaps: readonly number[], gop: number, start: number): FrameIndex {
  const times = [start];
  for (const gap of gaps) times.push((times.at(-1) ?? 0) + gap);
  return {
    timeBase: { num: 1, den: TICKS },
    times,
    keys: times.filter((_, at) => at % gop === 0),
    end: (times.at(-1) ?? 0) + (gaps.at(-1) ?? 1001),
  };
}

function divisionOf(source: SourceInfo, recipe: Record<string, unknown>) {
  const { division } = planned(source, recipe);
  if (division === undefined) throw new Error("it does not divide");
  return division;
}

/** What ffmpeg's filter `fps` shows as the n-th frame of those that it is given: the last that begins by then. */
function chosen(times: readonly number[], fps: number, n: number): number {
  const begins = (time: number) => Math.round((time * fps) / TICKS);
  return times.findLast((time) => begins(time) <= n) ?? times[0] ?? 0;
}

const histories = fc.record({
  gaps: fc.array(fc.constantFrom(1001, 1001, 1001, 500, 4004, 60_000), {
    minLength: 1_200,
    maxLength: 2_000,
  }),
  gop: fc.integer({ min: 1, max: 400 }),
  start: fc.constantFrom(0, 512, 45_000),
  freeSlots: fc.integer({ min: 1, max: 20 }),
  fps: fc.constantFrom(1, 12.5, 24, 25, 60),
  interlaced: fc.boolean(),
});

describe("chunks of another rate", () => {
  test("choose from what they read as the whole does, hold every frame once, and fit the protocol", () => {
    const made = (interlaced: boolean, fps: number) => {
      const source = long({ interlaced, codec: "mpeg2video" });
      return { source, division: divisionOf(source, { name: "transcode", fps }) };
    };
    let divided = 0;
    fc.assert(
      fc.property(histories, ({ gaps, gop, start, freeSlots, fps, interlaced }) => {
        const index = indexOf(gaps, gop, start);
        const { source, division } = made(interlaced, fps);
        const request = { division, sources: { in_1: source }, index, indexBytes: 0, freeSlots };
        const result = divide(request);
        if (result.status === "whole") return;
        divided += 1;
        const { chunks } = chunkPlanSchema.parse(result.plan);
        expect(chunks[0]?.from).toBe(0);
        expect(chunks.at(-1)?.to).toBe(Math.round((index.end * fps) / TICKS));
        for (const [at, { from, to, seek, overlap, frames }] of chunks.entries()) {
          expect(from).toBe(at === 0 ? 0 : chunks[at - 1]?.to);
          expect(frames).toBe(to - from);
          if (seek === null) continue;
          expect(index.keys).toContain(seek);
          const lead = overlap?.lead ?? from;
          const read = index.times.filter((time) => time >= seek);
          for (const n of [lead, lead + 1, from, to - 1]) {
            expect(chosen(read, fps, n)).toBe(chosen(index.times, fps, n));
          }
          // The first picture that is deinterlaced knows none before it.
          if (interlaced) expect(chosen(read, fps, lead)).toBeGreaterThan(read[0] ?? Infinity);
        }
      }),
      { numRuns: 150 },
    );
    expect(divided).toBeGreaterThan(75);
  });
});

/** The graph of a chunk in the middle, and of the last. */
function graphs(source: SourceInfo, recipe: Record<string, unknown>, index: FrameIndex) {
  const division = divisionOf(source, recipe);
  const request = { division, sources: { in_1: source }, index, indexBytes: 0, freeSlots: 3 };
  const result = divide(request);
  if (result.status === "whole") throw new Error(result.reason);
  const plan: ChunkPlan = result.plan;
  return [1, plan.chunks.length - 1].map((at) => {
    const chunk = plan.chunks[at];
    if (chunk === undefined) throw new Error("no chunk");
    return chunkStep(division, plan, chunk, at > 1).filterComplex ?? "";
  });
}

const even = indexOf(
  Array.from({ length: 3595 }, () => 1001),
  60,
  0,
);

describe("a chunk is cut out", () => {
  test("after another rate was chosen for, and its last frame ends with the plan", () => {
    const [middle, last] = graphs(long(), { name: "transcode", fps: 25 }, even);
    expect(middle).toMatch(/^\[0:0\]setpts=PTS-\(0\),fps=fps=25\/1,trim=start_pts=\d+:end_pts=/);
    expect(last).toMatch(/,fps=fps=25\/1,tpad=stop=1:stop_mode=clone,trim=.*:end_pts=3000,/);
    for (const graph of [middle, last]) expect(graph?.match(/fps=fps/g)).toHaveLength(1);
  });

  test.each(["hls", "transcode"])("after fields became pictures, in %s once for all", (name) => {
    const [middle] = graphs(long({ interlaced: true }), { name }, even);
    expect(middle).toMatch(
      /^\[0:0\]scale=w=1280:h=720,bwdif=[^,]*,settb=expr=1\/30000,trim=start_pts=/,
    );
    expect(middle?.match(/bwdif/g)).toHaveLength(1);
  });

  test("never of a graph that begins with something else", () => {
    const division = divisionOf(long(), { name: "transcode", fps: 25 });
    const request = { sources: { in_1: long() }, index: even, indexBytes: 0, freeSlots: 3 };
    const result = divide({ ...request, division });
    if (result.status === "whole") throw new Error(result.reason);
    const [chunk] = result.plan.chunks;
    if (chunk === undefined) throw new Error("no chunk");
    const other = { ...division, graph: "[0:0]scale=w=2:h=2,fps=fps=25/1:start_time=0[v0]" };
    expect(() => chunkStep(other, result.plan, chunk, false)).toThrow(RangeError);
  });
});

describe("at another rate a last picture", () => {
  const lasting = (ticks: number) => ({ ...even, end: (even.times.at(-1) ?? 0) + ticks });

  test("that stays for a moment has its frames, whether ffmpeg knows of it or not", () => {
    const [, last] = graphs(long(), { name: "transcode", fps: 25 }, lasting(TICKS / 2));
    expect(last).toContain("tpad=stop=12:");
  });

  test("that stays for long is not made up: the work stays whole", () => {
    const asked = () => graphs(long(), { name: "transcode", fps: 25 }, lasting(20 * TICKS));
    expect(asked).toThrow("its last picture stays for long");
    expect(graphs(long(), { name: "transcode" }, lasting(20 * TICKS))).toHaveLength(2);
  });
});

test("interlaced H.264 of uneven times stays whole: some of its packets may be fields", () => {
  const source = long({ interlaced: true });
  const division = divisionOf(source, { name: "transcode" });
  const index = indexOf(
    Array.from({ length: 3000 }, (_, at) => (at > 2000 ? 500 : 1001)),
    60,
    0,
  );
  const request = { division, sources: { in_1: source }, index, indexBytes: 0, freeSlots: 3 };
  const reason = expect.stringContaining("fields");
  expect(divide(request)).toEqual({ status: "whole", reason });
});

describe("ffmpeg is told to seek", () => {
  const seeksOf = (format: string, gop: number) => {
    const source = { ...long(), format };
    const index = indexOf(
      Array.from({ length: 3595 }, () => 1001),
      gop,
      0,
    );
    const request = { sources: { in_1: source }, index, indexBytes: 0, freeSlots: 3 };
    const result = divide({ ...request, division: divisionOf(source, { name: "transcode" }) });
    if (result.status === "whole") throw new Error(result.reason);
    const seeks = result.plan.chunks.flatMap(({ seek }) => seek ?? []);
    expect(seeks.length).toBeGreaterThan(1);
    return { seeks, keys: index.keys };
  };

  test("in Matroska 3/23 s later than a key frame, which it then takes off, and not past the next", () => {
    const { seeks, keys } = seeksOf("matroska,webm", 60);
    for (const seek of seeks) {
      const key = keys.findLast((time) => time <= seek - (TICKS * 3) / 23);
      expect(key).toBe(keys.findLast((time) => time <= seek));
      expect(seek - (key ?? 0)).toBeLessThan(TICKS * 0.1306);
    }
  });

  test.each([
    ["in MP4", "mov,mp4,m4a,3gp,3g2,mj2", 60],
    ["where another key frame is so near", "matroska,webm", 3],
  ])("%s to the key frame itself", (_, format, gop) => {
    const { seeks, keys } = seeksOf(format, gop);
    for (const seek of seeks) expect(keys).toContain(seek);
  });
});
