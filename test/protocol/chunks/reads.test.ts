/** Which bytes chunks are made of, without ffmpeg: held against what has to be decoded for them. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { chunkPlanSchema } from "../../../protocol/chunks/contract.ts";
import { divide } from "../../../protocol/chunks/divide.ts";
import type { FrameIndex, PacketPlaces } from "../../../protocol/chunks/grid.ts";
import { readsOf } from "../../../protocol/chunks/reads.ts";
import type { SourceInfo } from "../../../protocol/media.ts";
import { planned, withVideo } from "../recipes/sources.ts";

const GAP = 1001;
const HEAD = 5_000;
/** Packets of these sizes one behind the other, the first after a head. */
function placed(times: readonly number[], sizes: readonly number[]): PacketPlaces {
  const begins: number[] = [];
  let at = HEAD;
  for (const size of sizes) {
    begins.push(at);
    at += size;
  }
  return { times, begins, ends: begins.map((begin, n) => begin + (sizes[n] ?? 0)) };
}

/** In the order of decoding: groups of three pictures are decoded last first, as B-frames are. */
function reordered(frames: number): number[] {
  const times: number[] = [];
  for (let group = 0; group * 3 < frames; group++) {
    const first = group * 3;
    for (const n of [first + 2, first, first + 1]) if (n < frames) times.push(n * GAP);
  }
  return times;
}

describe("the bytes of a chunk", () => {
  test("begin at its key frame, and end some packets after the last that is shown in it", () => {
    const times = Array.from({ length: 100 }, (_, n) => n * GAP);
    const packets = placed(times, Array(100).fill(10));
    expect(
      readsOf(packets, [
        { seek: null, until: 30 * GAP },
        { seek: 20 * GAP, until: 60 * GAP },
        { seek: 50 * GAP, until: null },
      ]),
    ).toEqual([
      { from: 0, to: HEAD + 460 },
      { from: HEAD + 200, to: HEAD + 760 },
      { from: HEAD + 500, to: HEAD + 1000 },
    ]);
  });

  test("hold a picture that is shown early and decoded late", () => {
    const times = [0, ...Array.from({ length: 60 }, (_, n) => (n + 2) * GAP), GAP];
    const packets = placed(times, Array(62).fill(10));
    const [span] = readsOf(packets, [{ seek: null, until: 2 * GAP }]);
    expect(span?.to).toBe(HEAD + 620);
  });

  test("hold all that lies before others in the file though it is decoded after them", () => {
    const packets = {
      times: [0, 1, 2, 3],
      begins: [900, 100, 500, 300],
      ends: [950, 150, 550, 350],
    };
    expect(readsOf(packets, [{ seek: 0, until: 3 }])).toEqual([{ from: 100, to: 950 }]);
  });

  test("of a key frame that is not listed begin with the file, and of no packets are none", () => {
    const packets = placed([0, GAP], [10, 10]);
    expect(readsOf(packets, [{ seek: 7, until: null }])).toEqual([{ from: 0, to: HEAD + 20 }]);
    const none = { times: [], begins: [], ends: [] };
    expect(readsOf(none, [{ seek: 7, until: 9 }])).toEqual([{ from: 0, to: 0 }]);
  });
});

const source: SourceInfo = { ...withVideo({ durationSeconds: 120 }), durationSeconds: 120 };
const divisions = {
  hls: planned(source, { name: "hls" }).division,
  transcode: planned(source, { name: "transcode" }).division,
  slow: planned(source, { name: "transcode", fps: 1 }).division,
  fast: planned(source, { name: "transcode", fps: 60 }).division,
};

describe("a plan", () => {
  const histories = fc.record({
    sizes: fc.array(fc.integer({ min: 1, max: 90_000 }), { minLength: 1_200, maxLength: 4_000 }),
    gop: fc.integer({ min: 1, max: 400 }),
    freeSlots: fc.integer({ min: 1, max: 20 }),
    name: fc.constantFrom(...(Object.keys(divisions) as (keyof typeof divisions)[])),
  });

  test("says of each chunk bytes that hold all packets from its key frame to its last picture", () => {
    let divided = 0;
    fc.assert(
      fc.property(histories, ({ sizes, gop, freeSlots, name }) => {
        const decoded = reordered(sizes.length);
        const times = decoded.toSorted((a, b) => a - b);
        const index: FrameIndex = {
          timeBase: { num: 1, den: 30_000 },
          times,
          keys: decoded.filter((_, at) => at % (gop * 3) === 0).toSorted((a, b) => a - b),
          end: times.length * GAP,
          packets: placed(decoded, sizes),
        };
        const division = divisions[name];
        if (division === undefined) throw new Error("it does not divide");
        const request = { division, sources: { in_1: source }, index, indexBytes: 0, freeSlots };
        const made = divide(request);
        if (made.status === "whole") return;
        divided += 1;
        const { chunks, grid } = chunkPlanSchema.parse(made.plan);
        const { begins, ends } = placed(decoded, sizes);
        const sourceTick = (tick: number) =>
          grid.source === undefined ? tick : (tick * 30_000) / (grid.frameRate?.num ?? 1);
        for (const { seek, overlap, reads } of chunks) {
          const first = seek === null ? 0 : decoded.indexOf(seek);
          const tail = overlap?.tail == null ? index.end : sourceTick(overlap.tail);
          const last = decoded.findLastIndex((time) => time < tail);
          expect(reads?.from).toBe(seek === null ? 0 : begins[first]);
          expect(reads?.to).toBeGreaterThanOrEqual(ends[last] ?? 0);
          // At one frame a second what follows may be a second away.
          const slack = name === "slow" ? 62 + 20 : 24;
          expect(reads?.to).toBeLessThanOrEqual(ends[Math.min(last + slack, ends.length - 1)] ?? 0);
        }
      }),
      { numRuns: 60 },
    );
    expect(divided).toBeGreaterThan(30);
  });

  test("says nothing where the container does not say where packets lie", () => {
    const times = Array.from({ length: 3_600 }, (_, n) => n * GAP);
    const index = { timeBase: { num: 1, den: 30_000 }, times, keys: [0], end: 3_600 * GAP };
    const division = divisions.transcode;
    if (division === undefined) throw new Error("it does not divide");
    const sources = { in_1: source };
    const made = divide({ division, sources, index, indexBytes: 0, freeSlots: 2 });
    if (made.status === "whole") throw new Error(made.reason);
    for (const chunk of made.plan.chunks) expect(chunk).not.toHaveProperty("reads");
  });
});
