/** Recipes of several inputs or of several files, on real sources. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { picture, X264 } from "./clips.ts";
import { type Bench, frameTimes, openBench, pixelsAt, samples } from "./support.ts";

let bench: Bench;

beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

/** One colour with sound of one pitch. */
function clip(name: string, color: string, pitch: number, seconds = 2, size = "160x90", rate = 25) {
  return bench.make(
    name,
    ...picture(`color=${color}:s=${size}:r=${rate}:d=${seconds}`),
    ...picture(`sine=f=${pitch}:r=48000:d=${seconds}`),
    ...[...X264, "-bf", "2", "-g", "25", "-c:a", "aac", "-ac", "2"],
  );
}

function colorAt(file: string, seconds: number): readonly number[] {
  return [...pixelsAt(bench.tools, file, seconds, { width: 1, height: 1 })];
}

/** How loud a stretch is, 0 to 1. */
function loudness(sound: Float32Array, from: number, to: number): number {
  const part = sound.subarray(Math.round(from * 48_000), Math.round(to * 48_000));
  return Math.sqrt(part.reduce((sum, value) => sum + value * value, 0) / part.length);
}

describe("concat", () => {
  test("joins inputs that agree without encoding, every picture once and in order", async () => {
    const files = [clip("red.mp4", "red", 300), clip("green.mp4", "lime", 600)];
    const { plan, file, video } = await bench.run(files, { name: "concat" });
    expect(plan.action).toBe("join");
    expect(plan.outputs[0]?.video?.frames).toBe(100);
    expect(video?.nb_read_frames).toBe("100");
    const times = frameTimes(bench.tools, file, "v:0");
    const gaps = times.slice(1).map((time, at) => time - (times[at] ?? 0));
    // The longer sound of each part may hold its last picture for less than one more.
    expect(Math.max(...gaps)).toBeLessThan(0.08);
    expect(colorAt(file, 1)[0]).toBeGreaterThan(200);
    expect(colorAt(file, 3)[1]).toBeGreaterThan(200);
    expect(loudness(samples(bench.tools, file), 2.2, 3.8)).toBeGreaterThan(0.05);
  });

  test("keeps the order of the numbers in the keys", async () => {
    const colors = ["red", "blue", "red", "red", "red", "red", "red", "red", "red", "lime"];
    const files = colors.map((color, at) => clip(`part-${at}.mp4`, color, 440, 1));
    const { file } = await bench.run(files, { name: "concat" });
    expect(colorAt(file, 1.5)[2]).toBeGreaterThan(200);
    expect(colorAt(file, 9.5)[1]).toBeGreaterThan(200);
  });

  test("makes alike what differs: size, shape, rate, sample rate, layout, and inputs without sound", async () => {
    const odd = bench.make(
      "odd.mkv",
      ...[...picture("color=lime:s=90x160:r=30:d=2,format=yuv422p"), "-c:v", "mpeg4"],
    );
    const surround = bench.make(
      "wide.mov",
      ...picture("color=blue:s=320x120:r=12:d=2,setsar=2/1"),
      ...picture("sine=f=500:r=44100:d=2"),
      ...[...X264, "-c:a", "aac", "-ac", "1"],
    );
    const files = [clip("first.mp4", "red", 300), odd, surround];
    const { plan, file, video, audio } = await bench.run(files, { name: "concat" });
    expect(plan.action).toBe("encode");
    expect(video).toMatchObject({ width: 160, height: 90, sample_aspect_ratio: "1:1" });
    expect(video?.nb_read_frames).toBe("180");
    expect(audio).toMatchObject({ codec_name: "aac", channels: 2 });
    expect(colorAt(file, 1)[0]).toBeGreaterThan(200);
    // A third of the picture: bars above and below a wide one.
    expect(colorAt(file, 5)[2]).toBeGreaterThan(60);
    const sound = samples(bench.tools, file);
    expect(loudness(sound, 0.2, 1.8)).toBeGreaterThan(0.05);
    expect(loudness(sound, 2.2, 3.8)).toBeLessThan(0.01);
    expect(loudness(sound, 4.2, 5.8)).toBeGreaterThan(0.05);
  });

  test("encodes where only the codec's configuration differs, which a copy would break", async () => {
    const other = bench.make(
      "other.mp4",
      ...picture("color=lime:s=160x90:r=25:d=2"),
      ...picture("sine=f=600:r=48000:d=2"),
      ...["-c:v", "libx264", "-preset", "slow", "-pix_fmt", "yuv420p", "-c:a", "aac", "-ac", "2"],
    );
    const { plan } = await bench.run([clip("one.mp4", "red", 300), other], { name: "concat" });
    expect(plan.action).toBe("encode");
  });

  test("joins sound alone, and refuses a mixture of sound alone and video", async () => {
    const tone = (name: string, pitch: number) =>
      bench.make(name, ...picture(`sine=f=${pitch}:d=1`), "-c:a", "aac");
    const [low, high] = [tone("low.mp4", 200), tone("high.mp4", 900)];
    const { output } = await bench.run([low, high], { name: "concat" });
    expect(output.streams.map((stream) => stream.codec_name)).toEqual(["aac"]);
    expect(Number(output.format.duration)).toBeCloseTo(2, 0);
    await expect(
      bench.run([clip("seen.mp4", "red", 300), low], { name: "concat" }),
    ).rejects.toThrow("concat needs video in every input or in none; in_2 has none.");
  });
});

describe("storyboard", () => {
  test("has a picture for every interval, where its cue says", async () => {
    const source = bench.make(
      "colors.mp4",
      ...picture("color=red:s=160x90:r=25:d=2"),
      ...picture("color=lime:s=160x90:r=25:d=2"),
      ...picture("color=blue:s=160x90:r=25:d=1"),
      ...["-filter_complex", "[0][1][2]concat=n=3[v]", "-map", "[v]", ...X264],
    );
    const recipe = { name: "storyboard", intervalSeconds: 1, columns: 2, width: 80 };
    const { scratchDir, plan } = await bench.run(source, recipe);
    expect(plan.outputs.map(({ file, role }) => [file, role])).toEqual([
      ["result-1.jpg", undefined],
      ["result.vtt", "companion"],
    ]);
    const cues = readFileSync(join(scratchDir, "result.vtt"), "utf8");
    expect(cues.split("\n\n").slice(1)).toEqual([
      "00:00:00.000 --> 00:00:01.000\nresult.jpg#xywh=0,0,80,46",
      "00:00:01.000 --> 00:00:02.000\nresult.jpg#xywh=80,0,80,46",
      "00:00:02.000 --> 00:00:03.000\nresult.jpg#xywh=0,46,80,46",
      "00:00:03.000 --> 00:00:04.000\nresult.jpg#xywh=80,46,80,46",
      "00:00:04.000 --> 00:00:05.000\nresult.jpg#xywh=0,92,80,46\n",
    ]);
    const sheet = pixelsAt(bench.tools, join(scratchDir, "result-1.jpg"), 0, {
      width: 2,
      height: 3,
    });
    const brightest = [0, 1, 2, 3, 4].map((n) => {
      const rgb = [...sheet.subarray(n * 3, n * 3 + 3)];
      return rgb.indexOf(Math.max(...rgb));
    });
    expect(brightest).toEqual([0, 0, 1, 1, 2]);
  });

  test("goes on on further sheets, each of one size", async () => {
    const source = bench.make("long.mp4", ...picture("testsrc2=s=64x36:r=10:d=25"), ...X264);
    const recipe = { name: "storyboard", intervalSeconds: 1, columns: 1, width: 32 };
    const { scratchDir, plan } = await bench.run(source, recipe);
    const files = readdirSync(scratchDir).sort();
    expect(files).toEqual(["result-1.jpg", "result-2.jpg", "result-3.jpg", "result.vtt"]);
    expect(plan.outputs.map(({ role }) => role)).toEqual([
      undefined,
      "companion",
      "companion",
      "companion",
    ]);
    expect(readFileSync(join(scratchDir, "result.vtt"), "utf8")).toContain(
      "00:00:24.000 --> 00:00:25.000\nresult-3.jpg#xywh=0,72,32,18",
    );
  });

  test("of a source that ends before its head says has as many pictures as cues", async () => {
    const source = bench.make(
      "sound-goes-on.mp4",
      ...picture("testsrc2=s=64x36:r=10:d=2"),
      ...picture("sine=d=6"),
      ...X264,
      ...["-c:a", "aac"],
    );
    const recipe = { name: "storyboard", intervalSeconds: 1, columns: 3, width: 32 };
    const { output } = await bench.run(source, recipe);
    expect(output.streams[0]).toMatchObject({ width: 96, height: 36 });
  });

  test("refuses more sheets than anybody looks at", async () => {
    const source = bench.make("still.mp4", ...picture("color=red:s=64x36:r=1:d=3000"), ...X264);
    const recipe = { name: "storyboard", intervalSeconds: 0.1, columns: 1, width: 16 };
    expect(await bench.plan(source, recipe)).toMatchObject({
      status: "rejected",
      detail: expect.stringContaining("at most 200 sheets"),
    });
  });
});
