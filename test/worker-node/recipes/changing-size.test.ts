/** Sources whose pictures change their size midway, of which no head says a word: one size, every picture, and no copy. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fast, picture, X264 } from "./clips.ts";
import { type Bench, openBench, pixelsAt, probeOutput } from "./support.ts";
import { inTwoDescriptions } from "./two-descriptions.ts";

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

const sizes = ["160x90", "320x240", "64x64"] as const;
const X265 = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=error"];

/** 20 pictures of each size, one behind the other without encoding, in the container that the name says. */
function joined(name: string, via: string, options: readonly string[]): string {
  const parts = sizes.map((size) =>
    bench.make(`${name}-${size}.${via}`, ...picture(`testsrc2=s=${size}:r=25:d=0.8`), ...options),
  );
  const list = join(bench.dir, `${name}.txt`);
  writeFileSync(list, parts.map((file) => `file ${file}\n`).join(""));
  return bench.make(name, "-f", "concat", "-safe", "0", "-i", list, "-c", "copy");
}

const sources = {
  "VP8 in WebM": () => joined("vp8.webm", "webm", ["-c:v", "libvpx"]),
  "H.264 in Matroska": () => joined("h264.mkv", "ts", [...X264, "-bf", "2"]),
  "H.264 in MP4": () => joined("h264.mp4", "ts", [...X264, "-bf", "2"]),
  "HEVC in MP4": () => joined("hevc.mp4", "ts", [...X265, "-pix_fmt", "yuv420p", "-tag:v", "hvc1"]),
  "interlaced MPEG-2 in Matroska": () =>
    joined("mpeg2.mkv", "mkv", ["-c:v", "mpeg2video", "-flags", "+ilme+ildct", "-b:v", "2M"]),
} as const;
type Name = keyof typeof sources;

/** Each keeps something in its filters that a new graph would lose. */
const holding = [
  [{ ...fast, fps: 30 }, "mp4", [160, 90], 72],
  [{ name: "trim", startSeconds: 0.4, durationSeconds: 1.6 }, "mp4", [160, 90], 40],
  [{ name: "gif", width: 80, fps: 10 }, "gif", [80, 45], 24],
] as const;
const others = [
  [{ ...fast }, "mp4", [160, 90], 60],
  [{ name: "resize", width: 80, height: 80, fit: "stretch" }, "mp4", [80, 80], 60],
  [{ name: "thumbnail", seekSeconds: 1.2 }, "jpg", [160, 90], 1],
] as const;

describe.each(Object.keys(sources) as Name[])("%s whose size changes midway", (name) => {
  const file = () => sources[name]();
  // ffmpeg's decoder of MPEG-2 itself loses a picture at each change.
  const isLossy = name === "interlaced MPEG-2 in Matroska";
  const own = holding.filter(([recipe]) => !isLossy || recipe.name !== "trim");
  const recipes = name === "H.264 in MP4" ? [...own, ...others] : own;

  test.each(recipes)("is one size and every picture: %o", async (recipe, format, size, frames) => {
    const { video } = await bench.run(file(), recipe, format);
    expect(Number(video?.nb_read_frames)).toBe(frames);
    expect([video?.width, video?.height]).toEqual(size);
  });
});

describe.each(["VP8 in WebM", "H.264 in MP4"] as const)("%s whose size changes midway", (name) => {
  const file = () => sources[name]();

  test("is a ladder of one size and length", async () => {
    const ladder = { name: "hls", preset: "ultrafast" };
    const { scratchDir, plan } = await bench.run(file(), ladder, "hls");
    const rendition = plan.outputs.find(({ format }) => format === "mp4")?.file ?? "";
    const [video] = probeOutput(bench.tools, join(scratchDir, rendition)).streams;
    expect(video).toMatchObject({ width: 160, height: 90, nb_read_frames: "60" });
  });

  test("is one board of pictures", async () => {
    const board = { name: "storyboard", intervalSeconds: 0.4, columns: 6, width: 16 };
    const { file: sheet } = await bench.run(file(), board);
    const shades = new Set<string>();
    const pixels = pixelsAt(bench.tools, sheet, 0, { width: 6, height: 1 });
    for (let at = 0; at < 6; at++) shades.add(pixels.subarray(at * 3, at * 3 + 3).join());
    expect(shades).not.toContain("0,0,0");
    expect(shades.size).toBeGreaterThan(3);
  });

  test("counts to what it is joined with", async () => {
    const other = sources["HEVC in MP4"]();
    const { video } = await bench.run([file(), other], { name: "concat" });
    expect(Number(video?.nb_read_frames)).toBe(120);
  });
});

describe("a copy of pictures whose size changes midway", () => {
  const refused = /change their codec's configuration/;

  test.each(["H.264 in Matroska", "H.264 in MP4"] as const)("is refused: %s", async (name) => {
    await expect(bench.run(sources[name](), { name: "webReady" })).rejects.toThrow(refused);
  });

  test.each(["H.264 in MP4", "HEVC in MP4"] as const)("is refused in a trim: %s", async (name) => {
    const trim = { name: "trim", startSeconds: 0.1, accurate: false };
    await expect(bench.run(sources[name](), trim)).rejects.toThrow(refused);
  });

  test("is not tried of an MP4 that describes them twice, and every picture is kept", async () => {
    const [first, second] = sizes.map((size) =>
      readFileSync(
        bench.make(
          `one-${size}.mp4`,
          ...picture(`testsrc2=s=${size}:r=25:d=0.8`),
          ...[...X264, "-bf", "0", "-movflags", "+faststart"],
        ),
      ),
    );
    if (first === undefined || second === undefined) throw new Error("two files were made");
    const file = join(bench.dir, "described-twice.mp4");
    writeFileSync(file, inTwoDescriptions(first, second));
    for (const recipe of [{ name: "webReady" }, { name: "trim", accurate: false }]) {
      const { plan, video } = await bench.run(file, recipe);
      expect(plan.action).toBe("encode");
      expect(video).toMatchObject({ width: 160, height: 90, nb_read_frames: "40" });
    }
  });
});
