/** Sources whose times and tags are not as a writer of files would have them: browsers', cameras', cut ones. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requires } from "../support/requires.ts";
import { AAC, fast, picture, X264 } from "./clips.ts";
import {
  type Bench,
  brightness,
  frameTimes,
  openBench,
  pixelsAt,
  probeOutput,
  samples,
} from "./support.ts";

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

describe("a last picture that stays, without sound", () => {
  /** 25 pictures in a second, the last for five more. */
  function still(): string {
    const uneven = bench.make(
      "uneven.mp4",
      ...picture("testsrc2=s=64x36:r=25:d=6,select='lt(t,1)+gte(t,5.9)'"),
      ...["-fps_mode", "passthrough", "-enc_time_base", "1:90000", ...X264],
    );
    return bench.make("still.mp4", "-i", uneven, "-c", "copy", "-t", "5");
  }

  test("is shown to the end of a ladder", async (context) => {
    requires(context, bench.tools, "bsf", "setts");
    const { scratchDir, plan } = await bench.run(still(), { name: "hls" }, "hls");
    const rendition = plan.outputs.find(({ format }) => format === "mp4")?.file ?? "";
    const { streams } = probeOutput(bench.tools, join(scratchDir, rendition));
    expect(Number(streams[0]?.duration)).toBeCloseTo(5.92, 2);
    const playlist = readFileSync(join(scratchDir, rendition.replace(".mp4", ".m3u8")), "utf8");
    const lengths = [...playlist.matchAll(/#EXTINF:([\d.]+)/g)].map(([, seconds]) =>
      Number(seconds),
    );
    expect(lengths.reduce((sum, seconds) => sum + seconds, 0)).toBeCloseTo(5.92, 2);
  });

  test.for([
    [{ ...fast }, 5.92] as const,
    [{ name: "trim", startSeconds: 2, durationSeconds: 2.5 }, 2.5] as const,
  ])("counts to the length of a WebM: %o", async ([recipe, seconds], context) => {
    requires(context, bench.tools, "bsf", "setts");
    const { output } = await bench.run(still(), recipe, "webm");
    expect(Number(output.format.duration)).toBeCloseTo(seconds, 2);
  });
});

describe("Matroska whose time begins far before zero", () => {
  /** Pictures that grow brighter; what is before zero has no times. */
  const early = () => {
    const whole = bench.make(
      "whole.mp4",
      ...picture("nullsrc=s=64x36:r=25:d=4,geq=lum='16+N*2':cb=128:cr=128"),
      ...picture("aevalsrc='if(between(t,3,3.2),sin(2*PI*1000*t),0)':d=4:s=48000"),
      ...[...X264, "-bf", "2", "-g", "50", ...AAC],
    );
    const shift = ["-output_ts_offset", "-1.5", "-avoid_negative_ts", "disabled"];
    return bench.make("early.mkv", "-i", whole, "-c", "copy", ...shift);
  };
  const firstBeep = (file: string) =>
    samples(bench.tools, file).findIndex((sample) => Math.abs(sample) > 0.2) / 48_000;

  test.each([true, false])("is cut where it was asked to be, accurate %s", async (accurate) => {
    const trim = { name: "trim", startSeconds: 2, durationSeconds: 1.5, accurate };
    const { file, video } = await bench.run(early(), trim);
    expect(Math.abs(Number(video?.nb_read_frames) - 37.5)).toBeLessThan(2);
    const [first = 0] = brightness(bench.tools, file);
    // The 50th picture has 116 of 16 to 235.
    expect(Math.abs(first - ((116 - 16) * 255) / 219)).toBeLessThan(6);
    expect(firstBeep(file)).toBeCloseTo(1, 1);
  });

  test("gives its sound and its pictures from where they were asked for", async () => {
    const heard = await bench.run(early(), { name: "extractAudio", startSeconds: 2.5 }, "wav");
    expect(firstBeep(heard.file)).toBeCloseTo(0.5, 1);
    const seen = await bench.run(early(), { name: "thumbnail", seekSeconds: 2 });
    const [level = 0] = pixelsAt(bench.tools, seen.file, 0, { width: 1, height: 1 });
    expect(Math.abs(level - ((116 - 16) * 255) / 219)).toBeLessThan(6);
  });
});

describe("a fragmented MP4 that begins with its head alone", () => {
  test("keeps lips and voice together from the first to the last, with and without a seek", async () => {
    const file = bench.make(
      "fragments.mp4",
      ...picture("color=black:s=64x36:r=25:d=3,drawbox=t=fill:c=white:enable='gte(t,1.999)'"),
      ...picture("aevalsrc='if(gte(t,2),sin(2*PI*1000*t),0)':d=3:s=48000"),
      ...[...X264, "-bf", "2", "-g", "25", ...AAC],
      ...["-movflags", "+frag_keyframe+empty_moov+default_base_moof"],
    );
    for (const recipe of [fast, { name: "webReady" }, { name: "trim", startSeconds: 1.3 }]) {
      const { file: made } = await bench.run(file, recipe);
      const lit = brightness(bench.tools, made).findIndex((value) => value > 128);
      const seen = frameTimes(bench.tools, made, "v:0")[lit] ?? Number.NaN;
      const heard = samples(bench.tools, made).findIndex((one) => Math.abs(one) > 0.2) / 48_000;
      expect(Math.abs(seen - heard)).toBeLessThan(0.022);
    }
  });
});

describe("a recording of a browser, which says nothing of its length", () => {
  const recording = () =>
    bench.make(
      "recording.webm",
      ...[...picture("testsrc2=s=64x36:r=25:d=3"), ...picture("sine=f=440:d=3")],
      ...["-c:v", "libvpx", "-c:a", "libopus", "-f", "webm", "-live", "1"],
    );

  test("is as long as its last cluster tells, and whole: no part of it can be sought", async () => {
    const file = recording();
    const source = await bench.probe(file);
    expect(source.durationSeconds).toBeCloseTo(3, 1);
    expect(source.isLengthFound).toBe(true);
    for (const [recipe, format] of [[fast, "webm"] as const, [{ name: "hls" }, "hls"] as const]) {
      const plan = await bench.plan(file, recipe, format);
      expect(plan).toMatchObject({ status: "planned" });
      expect(plan).not.toHaveProperty("division");
    }
  });

  test("becomes what needs to know it, and is not cut beyond it", async () => {
    const file = recording();
    const board = await bench.run(file, { name: "storyboard", intervalSeconds: 1, width: 16 });
    expect(board.plan.outputs.at(-1)?.durationSeconds).toBeCloseTo(3, 1);
    const beyond = await bench.plan(file, { name: "trim", startSeconds: 9 });
    expect(beyond).toMatchObject({ status: "rejected" });
  });
});

test.each([
  [fast, "mp4"],
  [{ name: "thumbnail" }, "jpg"],
] as const)("HDR that tells its transfer alone is tone-mapped: %o", async (recipe, format) => {
  const file = bench.make(
    "half-told.mkv",
    ...[...picture("testsrc2=s=64x36:r=25:d=0.2"), "-c:v", "libx265"],
    ...["-x265-params", "log-level=error", "-pix_fmt", "yuv420p10le", "-color_trc", "smpte2084"],
  );
  const { video } = await bench.run(file, recipe, format);
  expect(video?.pix_fmt).toMatch(/^yuvj?420p$/);
});

test("a part that ends in a hole lasts as long as was asked, though the rate is called constant", async (context) => {
  requires(context, bench.tools, "bsf", "setts");
  const whole = bench.make("before.mkv", ...picture("testsrc2=s=64x36:r=25:d=2"), ...X264);
  const broken = ["-bsf:v", "setts=ts=TS+if(gte(N\\,25)\\,30/TB\\,0)"];
  const file = bench.make("broken.mkv", "-i", whole, "-c", "copy", ...broken);
  const trim = { name: "trim", startSeconds: 0.5, durationSeconds: 1 };
  const { output } = await bench.run(file, trim);
  expect(Number(output.format.duration)).toBeCloseTo(1, 2);
});

describe("a thumbnail", () => {
  test.each([
    [0, 0],
    [4.9, 0],
    [5, 1],
    [14, 2],
    [29.9, 5],
  ])("at %d s is the picture that is shown then", async (seekSeconds, shown) => {
    const slides = bench.make(
      "slides.mp4",
      ...picture("nullsrc=s=64x36:r=1/5:d=30,geq=lum='16+N*40':cb=128:cr=128"),
      ...X264,
    );
    const { file } = await bench.run(slides, { name: "thumbnail", seekSeconds });
    const [level = 0] = pixelsAt(bench.tools, file, 0, { width: 1, height: 1 });
    expect(Math.round(level / ((40 * 255) / 219))).toBe(shown);
  });
});
