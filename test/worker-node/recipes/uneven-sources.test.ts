/** Sources with holes, and sound and pictures that do not begin and end together: what parts and wholes of them show. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requires } from "../support/requires.ts";
import { AAC, fast, picture, tone, X264 } from "./clips.ts";
import { type Bench, brightness, frameTimes, openBench, samples } from "./support.ts";

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

describe("a part of a source with a hole", () => {
  test("ends where it was asked to, though its first picture and its first sound come late", async () => {
    const file = bench.make(
      "holes.mkv",
      ...[...picture("testsrc2=s=160x90:r=25:d=5"), ...tone(5)],
      ...["-vf", "select='lt(t,1)+gte(t,1.9)'", "-af", "aselect='lt(t,1)+gte(t,1.9)'"],
      ...["-fps_mode", "passthrough", ...X264, ...AAC],
    );
    const trim = { name: "trim", startSeconds: 1, durationSeconds: 1.5 };
    const { file: part } = await bench.run(file, trim);
    const times = frameTimes(bench.tools, part, "v:0");
    expect(times[0]).toBe(0);
    expect(times[1]).toBeCloseTo(0.92, 1);
    expect(times.at(-1)).toBeLessThan(1.5);
    expect(frameTimes(bench.tools, part, "a:0").at(-1)).toBeLessThan(1.65);
  });

  /** Black, from three seconds on white, without a picture from one to three. */
  const held = () =>
    bench.make(
      "held.mp4",
      ...picture("color=black:s=64x36:r=25:d=5,drawbox=c=white:t=fill:enable='gte(t,2)'"),
      ...["-vf", "select='lt(t,1)+gte(t,3)'", "-fps_mode", "passthrough", ...X264],
    );

  test("shows from its first moment what is on display then", async () => {
    const trim = { name: "trim", startSeconds: 2, durationSeconds: 1.5 };
    const { file } = await bench.run(held(), trim);
    const [first = 255, second = 0] = brightness(bench.tools, file);
    expect(first).toBeLessThan(20);
    expect(second).toBeGreaterThan(230);
    const times = frameTimes(bench.tools, file, "v:0");
    expect(times.slice(0, 2).map((time) => time.toFixed(2))).toEqual(["0.00", "1.00"]);
  });

  test("that has no picture of its own shows that of before, for as long as was asked", async (context) => {
    requires(context, bench.tools, "bsf", "setts");
    const trim = { name: "trim", startSeconds: 1.5, durationSeconds: 1.2 };
    const { video } = await bench.run(held(), trim);
    expect(video?.nb_read_frames).toBe("1");
    expect(Number(video?.duration)).toBeCloseTo(1.2, 2);
  });

  test("begins with a picture in a gif, too", async () => {
    const part = { name: "gif", startSeconds: 2, durationSeconds: 1.5, width: 32, fps: 10 };
    const { file } = await bench.run(held(), part, "gif");
    const shown = [...brightness(bench.tools, file)].map((light) => (light > 128 ? 1 : 0));
    expect(shown).toEqual([...Array(10).fill(0), ...Array(5).fill(1)]);
  });

  test("whose times begin before zero keeps every picture", async () => {
    const whole = bench.make(
      "whole.mp4",
      ...[...picture("testsrc2=s=160x90:r=25:d=2"), ...tone(2)],
      ...[...X264, "-bf", "2", "-g", "50", ...AAC],
    );
    const file = bench.make(
      "early.mkv",
      ...["-i", whole, "-c", "copy", "-output_ts_offset", "-0.5", "-avoid_negative_ts", "disabled"],
    );
    const { video } = await bench.run(file, { name: "webReady" });
    expect(Number(video?.nb_read_frames)).toBe(50);
  });
});

describe("sound and pictures that do not begin and end together", () => {
  const frames = (count: number) => picture(`testsrc2=s=64x36:r=25:d=${count / 25}`);
  /** Pictures end at one second, sound at three. */
  const heardOn = () => bench.make("heard.mp4", ...frames(25), ...tone(3), ...X264, ...AAC);
  /** Sound ends at one second, pictures at four. */
  const seenOn = () => bench.make("seen.mp4", ...frames(100), ...tone(1), ...X264, ...AAC);

  test("a part after the last picture has it, and the sound", async (context) => {
    requires(context, bench.tools, "bsf", "setts");
    const trim = { name: "trim", startSeconds: 2, durationSeconds: 0.5 };
    const { video, output } = await bench.run(heardOn(), trim);
    expect(video?.nb_read_frames).toBe("1");
    expect(Number(output.format.duration)).toBeCloseTo(0.5, 1);
  });

  test("a part before the first picture has it, and all of the sound", async (context) => {
    requires(context, bench.tools, "bsf", "setts");
    const file = bench.make(
      "dark.mkv",
      "-itsoffset",
      "2",
      ...frames(25),
      ...tone(3),
      ...X264,
      ...AAC,
    );
    const { file: part, video } = await bench.run(file, {
      ...{ name: "trim", startSeconds: 0.5, durationSeconds: 1 },
    });
    expect(video?.nb_read_frames).toBe("1");
    expect(samples(bench.tools, part).length / 48_000).toBeCloseTo(1, 1);
  });

  test("a part without sound keeps the track", async () => {
    const trim = { name: "trim", startSeconds: 2, durationSeconds: 1 };
    const { video, audio } = await bench.run(seenOn(), trim);
    expect(video?.nb_read_frames).toBe("25");
    expect(audio?.codec_name).toBe("aac");
  });

  test("a gif of pictures that begin with the delay of their sound is not longer than they are", async () => {
    const file = bench.make("delayed.mkv", ...frames(25), ...tone(1), ...X264, ...AAC);
    const { video } = await bench.run(file, { name: "gif", width: 32, fps: 10 }, "gif");
    expect(video?.nb_read_frames).toBe("10");
  });

  test("pictures alone end with the last, sound alone with its own end", async () => {
    const moving = await bench.run(heardOn(), { name: "gif", width: 32, fps: 10 }, "gif");
    expect(Number(moving.output.format.duration)).toBeCloseTo(1, 1);
    const heard = await bench.run(seenOn(), { name: "extractAudio" }, "wav");
    expect(Number(heard.output.format.duration)).toBeCloseTo(1, 1);
  });
});

describe("pictures that stay for long", () => {
  /** Three slides of five seconds: ffmpeg's progress ends where the last begins. */
  const slides = () => bench.make("slides.mp4", ...picture("testsrc2=s=64x36:r=1/5:d=15"), ...X264);

  test.each([{ name: "webReady" }, { ...fast }, { name: "trim", startSeconds: 2 }])(
    "are all of the source: $name",
    async (recipe) => {
      const { output } = await bench.run(slides(), recipe);
      const start = "startSeconds" in recipe ? recipe.startSeconds : 0;
      expect(Number(output.format.duration)).toBeCloseTo(15 - start, 1);
    },
  );

  test("become a ladder", async () => {
    const { plan } = await bench.run(slides(), { name: "hls", preset: "ultrafast" }, "hls");
    expect(plan.action).toBe("ladder");
  });

  test("the last is shown to the end of its file", async (context) => {
    requires(context, bench.tools, "bsf", "setts");
    const uneven = bench.make(
      "uneven-end.mp4",
      ...picture("testsrc2=s=64x36:r=25:d=6,select='lt(t,1)+gte(t,5.9)'"),
      ...["-fps_mode", "passthrough", "-enc_time_base", "1:90000", ...X264],
    );
    const file = bench.make("still-end.mp4", "-i", uneven, "-c", "copy", "-t", "5");
    const { output, video } = await bench.run(file, { ...fast });
    expect(video?.nb_read_frames).toBe("25");
    expect(Number(output.format.duration)).toBeCloseTo(5.9, 1);
  });
});
