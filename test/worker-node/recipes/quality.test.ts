/** Figures of quality, measured by real ffmpeg of real encodes. */
import { execFileSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PSNR_CEILING_DB } from "../../../protocol/quality.ts";
import { psnrOf } from "../../../worker-node/quality/read-figures.ts";
import { AAC, picture, X264 } from "./clips.ts";
import { type Bench, openBench } from "./support.ts";

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

const GOOD = [...X264, "-crf", "10"];
const MOVING = "testsrc2=s=320x180:r=25:d=1,noise=alls=12:allf=t";
const encode = (crf: number) => ({ name: "transcode", preset: "ultrafast", crf });

/** The one output's. */
async function figuresOf(file: string | readonly string[], recipe: object, format?: "webm") {
  const run = await bench.run(file, { ...recipe }, format);
  const [figures] = await bench.measure(run);
  if (figures === undefined) throw new Error("nothing was measured");
  return { ...figures, run };
}

/** What ffmpeg's own summary says of a file against another: the yardstick. */
function psnrByHand(made: string, source: string, scale: string): number {
  const graph = `[1:v]${scale}[r];[0:v][r]psnr`;
  const output = execFileSync("sh", [
    ...["-c", '"$@" 2>&1', "sh", bench.tools.ffmpeg, "-nostdin", "-hide_banner"],
    ...["-i", made, "-i", source, "-filter_complex", graph, "-f", "null", "-"],
  ]).toString();
  return Number(/PSNR.* average:([\d.]+)/.exec(output)?.[1]);
}

test("a worse crf has lower figures, and they are those of ffmpeg's own summary", async () => {
  const source = bench.make("moving.mp4", ...picture(MOVING), ...GOOD);
  const good = await figuresOf(source, encode(18));
  const bad = await figuresOf(source, encode(40));
  expect(bad.psnrDb).toBeLessThan(good.psnrDb - 3);
  expect(bad.ssim).toBeLessThan(good.ssim ?? 0);
  expect(good.psnrDb).toBeCloseTo(psnrByHand(good.run.file, source, "null"), 1);
  expect(good.frames).toBe(25);
});

test("the source's own pictures have the ceiling, whatever they are packed in", async () => {
  const source = bench.make(
    "own.mp4",
    ...[...picture(MOVING), "-f", "lavfi", "-i", "sine=d=1", ...GOOD, ...AAC],
    ...["-movflags", "+faststart"],
  );
  const tail = bench.make("own-tail.mp4", "-i", source, "-c", "copy");
  const same = { psnrDb: PSNR_CEILING_DB, ssim: 1, frames: 25 };
  expect(await figuresOf(source, { name: "webReady" })).toMatchObject(same);
  expect(await figuresOf(tail, { name: "webReady" })).toMatchObject(same);
  const joined = await figuresOf([source, source], { name: "concat" });
  expect(joined.run.plan.action).toBe("join");
  expect(joined).toMatchObject({ ...same, frames: 50 });
});

test("a part is compared with the part of the source that it shows", async () => {
  const source = bench.make(
    "part.mp4",
    ...picture("testsrc2=s=320x180:r=25:d=2"),
    ...[...GOOD, "-g", "25"],
  );
  const exact = await figuresOf(source, { name: "trim", startSeconds: 0.6, durationSeconds: 0.8 });
  expect(exact.psnrDb).toBeGreaterThan(35);
  const copied = await figuresOf(source, { name: "trim", startSeconds: 1.4, accurate: false });
  expect(copied).toMatchObject({ psnrDb: PSNR_CEILING_DB, frames: 25 });
});

describe("what is measured is the encoder's loss, not the recipe's doing", () => {
  const well = 33;
  test.each([
    ["turned", ["-metadata:s:v", "rotate=90", "-c", "copy"], encode(16)],
    ["squeezed", ["-vf", "setsar=64/45", ...GOOD], encode(16)],
    ["full-range", ["-vf", "scale=out_range=pc", "-color_range", "pc", ...GOOD], encode(16)],
    ["interlaced", ["-vf", "interlace,setfield=tff", ...GOOD, "-flags", "+ildct"], encode(16)],
    ["cut", [...GOOD], { name: "resize", width: 100, height: 100, fit: "cover" }],
    ["slow", [...GOOD], { ...encode(16), fps: 10 }],
  ])("%s", async (name, options, recipe) => {
    const flat = bench.make("flat.mp4", ...picture("testsrc2=s=320x180:r=25:d=0.6"), ...GOOD);
    const source = bench.make(`${name}.mp4`, "-i", flat, ...options);
    const { psnrDb, ssim } = await figuresOf(source, recipe);
    expect(psnrDb).toBeGreaterThan(well);
    expect(ssim).toBeGreaterThan(0.95);
  });

  test("times that lie unevenly, begin late, or are rounded to milliseconds", async () => {
    const uneven = bench.make(
      "uneven.mkv",
      ...picture("testsrc2=s=320x180:r=30:d=2"),
      ...["-f", "lavfi", "-i", "sine=d=2.4", "-filter_complex"],
      "[0]select='not(mod(n,7))+gt(n,40)+lt(n,20)',setpts=PTS+0.4/TB[v]",
      ...["-map", "[v]", "-map", "1:a", "-fps_mode", "vfr", ...GOOD, ...AAC],
    );
    for (const recipe of [encode(16), { ...encode(16), fps: 30 }]) {
      expect((await figuresOf(uneven, recipe)).psnrDb).toBeGreaterThan(well);
    }
    const webm = await figuresOf(uneven, { ...encode(16), codec: "vp9" }, "webm");
    expect(webm.psnrDb).toBeGreaterThan(well);
  });
});

test("every rung of a ladder has its own figures, the coarser ones against the source made as small", async () => {
  const source = bench.make("ladder.mp4", ...picture("testsrc2=s=1280x720:r=25:d=0.6"), ...GOOD);
  const run = await bench.run(source, { name: "hls", preset: "ultrafast" });
  const figures = await bench.measure(run);
  expect(figures.length).toBe(run.plan.outputs.filter(({ reference }) => reference).length);
  expect(figures.length).toBeGreaterThan(1);
  for (const { psnrDb, frames } of figures) {
    expect(psnrDb).toBeGreaterThan(28);
    expect(frames).toBe(15);
  }
});

test("pictures too small for windows of structure have PSNR alone", async () => {
  const tiny = bench.make("tiny.mp4", ...picture("testsrc2=s=8x8:r=25:d=0.2"), ...GOOD);
  expect(await figuresOf(tiny, encode(20))).toMatchObject({ ssim: null, vmaf: null, frames: 5 });
});

test("VMAF is a figure where it was proved, and null where not", async () => {
  const source = bench.make("vmaf.mp4", ...picture(MOVING), ...GOOD);
  const { vmaf } = await figuresOf(source, encode(20));
  if (bench.tools.features.vmaf) expect(vmaf).toBeGreaterThan(50);
  else expect(vmaf).toBeNull();
});

test("no error at all is the ceiling, and so is one too small to matter", () => {
  expect(psnrOf(0, 8)).toBe(PSNR_CEILING_DB);
  expect(psnrOf(1e-9, 10)).toBe(PSNR_CEILING_DB);
  expect(psnrOf(255 ** 2 / 1000, 8)).toBe(30);
  expect(psnrOf(1023 ** 2 / 1000, 10)).toBe(30);
});
