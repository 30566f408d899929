/** Where samples lie, from tables as files have them and as nobody should; and of a real file as ffprobe says it. */
import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { probeSource, readFrameIndex, resolveTools } from "../../../worker-node/ffmpeg/index.ts";
import { type PlaceTables, placesOf } from "../../../worker-node/ffmpeg/mp4-places.ts";
import { type SourceServer, startSourceServer } from "../../../worker-node/source/server.ts";
import { counted, openParts, type Parts } from "../chunks/support.ts";

/** A full box's content: version and flags, then 32-bit numbers. */
function box(...numbers: readonly number[]): DataView {
  const data = new DataView(new ArrayBuffer(4 + numbers.length * 4));
  for (const [at, number] of numbers.entries()) data.setUint32(4 + at * 4, number);
  return data;
}

const sized = (...sizes: readonly number[]) => box(0, sizes.length, ...sizes);
const chunks = (...offsets: readonly number[]) => box(offsets.length, ...offsets);
const runs = (...entries: readonly (readonly [chunk: number, samples: number])[]) =>
  box(entries.length, ...entries.flatMap(([chunk, samples]) => [chunk, samples, 1]));
const tables = (change: Partial<PlaceTables> = {}): PlaceTables => ({
  ...{ sizes: sized(1, 2, 3, 4, 5, 6, 7), runs: runs([1, 2], [3, 1]) },
  ...{ chunks: chunks(100, 50, 1_000, 2_000, 3_000), wide: false },
  ...change,
});
const placed = (given: PlaceTables, count = 7) => {
  const places = placesOf(given, count);
  return places && Array.from(places.begins, (begin, at) => [begin, places.ends[at]]);
};

describe("samples", () => {
  test("lie one behind the other in their chunk, which has as many as its run says", () => {
    expect(placed(tables())).toEqual([
      ...[
        [100, 101],
        [101, 103],
        [50, 53],
        [53, 57],
      ],
      ...[
        [1_000, 1_005],
        [2_000, 2_006],
        [3_000, 3_007],
      ],
    ]);
  });

  test("of one size need no list of sizes", () => {
    const even = tables({ sizes: box(10, 7) });
    expect(placed(even)?.slice(0, 3)).toEqual([
      [100, 110],
      [110, 120],
      [50, 60],
    ]);
  });

  test("lie beyond 4 GiB where offsets are wide", () => {
    const wide = box(2, 1, 5, 2, 6);
    const given = { sizes: sized(1, 2), runs: runs([1, 1]), chunks: wide, wide: true };
    expect(placed(given, 2)).toEqual([
      [2 ** 32 + 5, 2 ** 32 + 6],
      [2 ** 33 + 6, 2 ** 33 + 8],
    ]);
  });

  test.each<[string, Partial<PlaceTables>]>([
    ["sizes are of another number of samples", { sizes: sized(1, 2, 3) }],
    ["sizes are cut off", { sizes: box(0, 7, 1, 2, 3) }],
    ["sizes are not there", { sizes: box() }],
    ["chunks are fewer than their samples need", { chunks: chunks(100, 50) }],
    ["chunks are said to be more than there are", { chunks: box(4_000_000_000, 100) }],
    ["chunks have no samples", { runs: runs([1, 0]) }],
    ["runs do not begin with the first chunk", { runs: runs([2, 2]) }],
    ["runs are cut off", { runs: box(1, 1) }],
    [
      "an offset is beyond all files",
      { chunks: box(7, ...Array(14).fill(2 ** 32 - 1)), wide: true },
    ],
  ])("lie nowhere where %s", (_, change) => {
    expect(placed(tables(change))).toBeNull();
  });

  test("of any bytes are placed or not, and quickly", () => {
    const bytes = fc.uint8Array({ maxLength: 80 }).map((all) => new DataView(all.slice().buffer));
    const given = { sizes: bytes, runs: bytes, chunks: bytes, wide: fc.boolean() };
    fc.assert(
      fc.property(fc.record(given), fc.nat(20), (hostile, count) => {
        const places = placesOf(hostile, count);
        for (const begin of places?.begins ?? []) expect(Number.isSafeInteger(begin)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });
});

const tools = await resolveTools(process.env);
const { signal } = new AbortController();

describe("packets of a real file", () => {
  let parts: Parts;
  let server: SourceServer;
  beforeAll(async () => {
    parts = await openParts();
    server = await startSourceServer();
  });
  afterAll(async () => {
    await server.close();
    await parts.close();
  });

  const source = [
    "-f",
    "lavfi",
    "-i",
    "testsrc2=s=160x90:r=25:d=8",
    "-f",
    "lavfi",
    "-i",
    "sine=d=8",
  ];
  const codecs = ["-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-c:a", "aac"];
  test.each([
    ["MP4", "a.mp4", []],
    ["MP4 whose head is first", "b.mp4", ["-movflags", "+faststart"]],
    ["Matroska", "c.mkv", []],
    ["fragmented MP4", "d.mp4", ["-movflags", "+frag_keyframe+empty_moov"]],
  ])("(%s) lie where ffprobe finds them", async (_, name, options) => {
    const file = parts.make(name, ...source, ...codecs, ...options);
    const { upstream } = counted(file);
    const { url, sizeBytes } = server.serve(upstream);
    const probed = await probeSource(tools, { url, sizeBytes, signal });
    if (probed.status === "failed") throw new Error(probed.detail);
    const listed = await readFrameIndex(tools, { url, sizeBytes, source: probed.source, signal });
    if (listed.status === "unknown") throw new Error(listed.reason);
    const { packets } = listed.index;
    const found = Array.from(packets?.times ?? [], (time, at) => {
      const [begin = 0, end = 0] = [packets?.begins[at], packets?.ends[at]];
      return [time, begin, end - begin].join();
    });
    const shown = [
      "-select_streams",
      "v",
      "-show_entries",
      "packet=pts,size,pos",
      "-of",
      "csv=p=0",
    ];
    const lines = execFileSync(tools.ffprobe, ["-v", "error", ...shown, file]).toString();
    const expected = lines
      .trim()
      .split("\n")
      .map((line) => {
        const [pts, size, pos] = line.split(",");
        return [pts, pos, size].join();
      });
    expect(found).toHaveLength(200);
    expect(found).toEqual(expected);
  });
});
