/** Each recipe on real sources: what it makes, what it leaves alone, what it refuses. */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requires } from "../support/requires.ts";
import { picture, tone, X264 } from "./clips.ts";
import { type Bench, openBench, pixelsAt } from "./support.ts";

let bench: Bench;
let clip: string;
let silent: string;
let soundOnly: string;
let surround: string;

const VIDEO = picture("testsrc2=s=160x90:r=25:d=2");
const SOUND = tone(2);

beforeAll(async () => {
  bench = await openBench();
  const toClip = [...VIDEO, ...SOUND, ...X264, "-g", "25", "-c:a", "aac"];
  clip = bench.make("clip.mp4", ...toClip, "-movflags", "+faststart");
  silent = bench.make("silent.mp4", ...VIDEO, ...X264, "-movflags", "+faststart");
  soundOnly = bench.make("sound.mp4", ...SOUND, "-c:a", "aac");
  surround = bench.make(
    "surround.mkv",
    ...[...VIDEO, ...SOUND, "-filter_complex"],
    "[1:a]pan=5.1(side)|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0[a]",
    ...["-map", "0:v", "-map", "[a]", ...X264, "-c:a", "ac3", "-metadata:s:a", "language=deu"],
  );
});
afterAll(() => bench.close());

function duration(run: { output: { format: { duration?: string } } }): number {
  return Number(run.output.format.duration);
}

/** Whether `moov` stands before `mdat`. */
function isHeadFirst(file: string): boolean {
  const bytes = readFileSync(file);
  return bytes.indexOf("moov") < bytes.indexOf("mdat");
}

describe("webReady", () => {
  test("leaves a file alone that is ready already", async () => {
    expect((await bench.run(clip, { name: "webReady" })).plan.action).toBe("passthrough");
  });

  test("what it makes, it would leave alone", async () => {
    const avi = bench.make("old.avi", ...VIDEO, ...SOUND, "-c:v", "mjpeg", "-c:a", "pcm_s16le");
    const { plan, file } = await bench.run(avi, { name: "webReady" });
    expect(plan.action).toBe("encode");
    expect((await bench.run(file, { name: "webReady" })).plan.action).toBe("passthrough");
  });

  test("moves the head of a file to the front, pictures untouched", async () => {
    const tail = bench.make("tail.mp4", "-i", clip, "-c", "copy");
    expect(isHeadFirst(tail)).toBe(false);
    const { plan, file, video } = await bench.run(tail, { name: "webReady" });
    expect(plan.action).toBe("remux");
    expect(isHeadFirst(file)).toBe(true);
    expect(video?.nb_read_frames).toBe("50");
  });

  test("keeps the pictures and encodes only sound that browsers lack", async () => {
    const { plan, video, audio } = await bench.run(surround, { name: "webReady" });
    expect(plan.action).toBe("remux");
    expect(video?.codec_name).toBe("h264");
    expect(audio).toMatchObject({ codec_name: "aac", channels: 6, channel_layout: "5.1" });
    expect(audio?.tags?.language).toBe("deu");
  });

  test("encodes where key frames are more than ten seconds apart", async () => {
    const sparse = bench.make(
      "sparse.mp4",
      ...["-f", "lavfi", "-i", "testsrc2=s=64x36:r=5:d=12"],
      ...[...X264, "-g", "999", "-keyint_min", "999", "-sc_threshold", "0"],
      ...["-movflags", "+faststart"],
    );
    const { plan, video } = await bench.run(sparse, { name: "webReady" });
    expect(plan.action).toBe("encode");
    expect(video?.nb_read_frames).toBe("60");
  });

  test("scales down to what is asked, and up only on demand", async () => {
    const down = await bench.run(clip, { name: "webReady", width: 80 });
    expect(down.video).toMatchObject({ width: 80, height: 46 });
    const not = await bench.run(clip, { name: "webReady", width: 320 });
    expect(not.plan.action).toBe("passthrough");
    const up = await bench.run(clip, { name: "webReady", width: 320, scaleDown: false });
    expect(up.video).toMatchObject({ width: 320, height: 180 });
  });

  test("takes sources without sound and without pictures", async () => {
    expect((await bench.run(silent, { name: "webReady", width: 80 })).audio).toBeUndefined();
    expect((await bench.run(soundOnly, { name: "webReady" })).audio?.codec_name).toBe("aac");
  });
});

describe("transcode", () => {
  test.for([
    [{ codec: "h264" }, "mp4", "h264", "aac"],
    [{ codec: "hevc", audioCodec: "mp3" }, "mov", "hevc", "mp3"],
    [{ codec: "av1" }, "mp4", "av1", "aac"],
    [{ codec: "vp9", audioCodec: "opus" }, "webm", "vp9", "opus"],
    [{ codec: "h264", audioCodec: "copy" }, "mp4", "h264", "aac"],
    [{}, "webm", "vp9", "opus"],
  ] as const)("%o to %s is %s with %s", async ([params, format, video, audio], context) => {
    if (video === "av1") requires(context, bench.tools, "encoder", "libsvtav1");
    const recipe = { name: "transcode", preset: "ultrafast", ...params };
    const run = await bench.run(clip, recipe, format);
    expect(run.video).toMatchObject({ codec_name: video, nb_read_frames: "50" });
    expect(run.audio?.codec_name).toBe(audio);
    expect(duration(run)).toBeCloseTo(2, 1);
  });

  test("audioCodec none leaves the sound out", async () => {
    const recipe = { name: "transcode", preset: "ultrafast", audioCodec: "none" };
    expect((await bench.run(clip, recipe)).audio).toBeUndefined();
  });

  test("a bit rate asked for is kept to", async () => {
    const noise = bench.make(
      "noise.mp4",
      ...["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=4,noise=alls=60:allf=t", ...X264],
    );
    const { file } = await bench.run(noise, {
      name: "transcode",
      preset: "veryfast",
      bitrateKbps: 300,
    });
    const kbps = (readFileSync(file).length * 8) / 4 / 1000;
    expect(kbps).toBeGreaterThan(200);
    expect(kbps).toBeLessThan(420);
  });

  test("cover art is no video, places and titles stay behind, languages and chapters do not", async () => {
    const art = bench.make("art.png", "-f", "lavfi", "-i", "color=blue:s=64x64", "-frames:v", "1");
    const marked = bench.make(
      "marked.mp4",
      ...["-i", art, "-i", surround, "-i", chapterFile()],
      ...["-map", "0:v", "-map", "1:v", "-map", "1:a", "-map_chapters", "2"],
      ...["-c", "copy", "-disposition:v:0", "attached_pic"],
      ...["-metadata", "location=+52.5200+013.4050/", "-metadata", "title=Home"],
      ...["-movflags", "use_metadata_tags"],
    );
    const { output, video } = await bench.run(marked, { name: "transcode", preset: "ultrafast" });
    expect(video).toMatchObject({ codec_name: "h264", width: 160, height: 90 });
    expect(output.streams.filter((stream) => stream.codec_type === "video")).toHaveLength(1);
    expect(JSON.stringify(output)).not.toMatch(/52\.52|Home/);
    expect(output.streams.map((stream) => stream.tags?.language)).toContain("deu");
    expect(output.chapters.map((chapter) => chapter.tags?.title)).toEqual(["Opening", "Ending"]);
  });

  function chapterFile(): string {
    const chapters = ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1\nSTART=0\nEND=1\ntitle=Opening\n";
    const path = `${bench.dir}/chapters.txt`;
    writeFileSync(path, `${chapters}[CHAPTER]\nTIMEBASE=1/1\nSTART=1\nEND=2\ntitle=Ending\n`);
    return path;
  }
});

describe("trim", () => {
  test("begins on the very frame and lasts as long as asked", async () => {
    const run = await bench.run(clip, { name: "trim", startSeconds: 0.6, durationSeconds: 0.8 });
    expect(run.video?.nb_read_frames).toBe("20");
    expect(duration(run)).toBeCloseTo(0.8, 1);
    const size = { width: 16, height: 9 };
    const [cut, source] = [
      pixelsAt(bench.tools, run.file, 0, size),
      pixelsAt(bench.tools, clip, 0.6, size),
    ];
    const off = cut.reduce((sum, value, at) => sum + Math.abs(value - (source[at] ?? 0)), 0);
    expect(off / cut.length).toBeLessThan(6);
  });

  test("endSeconds beyond the end is the end", async () => {
    const run = await bench.run(clip, { name: "trim", startSeconds: 1.5, endSeconds: 100 });
    expect(duration(run)).toBeCloseTo(0.5, 1);
  });

  test("inaccurate copies from the key frame before, both streams together", async () => {
    const recipe = { name: "trim", startSeconds: 1.4, accurate: false };
    const run = await bench.run(clip, recipe);
    expect(run.plan.action).toBe("remux");
    expect(run.video?.nb_read_frames).toBe("25");
    expect(Number(run.video?.start_time)).toBeLessThan(0.1);
    expect(duration(run)).toBeCloseTo(1, 1);
  });

  test("takes a source of sound alone", async () => {
    const run = await bench.run(soundOnly, { name: "trim", startSeconds: 0.5 });
    expect(run.video).toBeUndefined();
    expect(duration(run)).toBeCloseTo(1.5, 1);
  });

  test("a start beyond the end is refused by name before anything is encoded", async () => {
    expect(await bench.plan(clip, { name: "trim", startSeconds: 90 })).toEqual({
      status: "rejected",
      code: "UNSUPPORTED_COMMAND",
      detail: "startSeconds 90 is beyond the end: the source lasts 2 seconds.",
    });
  });
});

describe("extractAudio", () => {
  test.each([
    ["mp3", "mp3", 2],
    ["aac", "aac", 6],
    ["wav", "pcm_s16le", 6],
  ] as const)("%s of 5.1 is %s with %i channels", async (format, codec, channels) => {
    const run = await bench.run(surround, { name: "extractAudio" }, format);
    expect(run.audio).toMatchObject({ codec_name: codec, channels });
    expect(run.video).toBeUndefined();
    expect(Math.abs(duration(run) - 2)).toBeLessThan(0.1);
  });

  test("copies where the format allows, from the start asked for", async () => {
    const run = await bench.run(clip, { name: "extractAudio", startSeconds: 0.5 }, "aac");
    expect(run.plan.action).toBe("remux");
    expect(duration(run)).toBeCloseTo(1.5, 1);
  });

  test("a bit rate asks for an encode", async () => {
    const run = await bench.run(clip, { name: "extractAudio", bitrateKbps: 64 }, "aac");
    expect(run.plan.action).toBe("encode");
  });

  test.each([
    ["quiet", "sine=f=300:d=6,volume=0.03"],
    ["loud", "sine=f=300:d=6,volume=8"],
    ["uneven", "aevalsrc='(0.02+0.1*between(mod(t,2),0,0.7))*sin(2*PI*300*t)':d=8:s=48000"],
  ])("sound that is %s comes to the loudness asked for, within a unit", async (name, sound) => {
    const file = bench.make(`${name}.mp4`, "-f", "lavfi", "-i", sound, "-c:a", "aac");
    const recipe = { name: "extractAudio", loudnessLufs: -16, bitrateKbps: 128 };
    const { file: made, audio } = await bench.run(file, recipe);
    expect(audio).toMatchObject({
      codec_name: "mp3",
      sample_rate: expect.stringMatching(/^(44100|48000)$/),
    });
    expect(Math.abs(loudness(made) + 16)).toBeLessThan(1);
  });

  test("silence stays silent", async () => {
    const file = bench.make("mute.mp4", "-f", "lavfi", "-i", "anullsrc", "-t", "1", "-c:a", "aac");
    const { file: made } = await bench.run(file, { name: "extractAudio", loudnessLufs: -16 });
    expect(loudness(made)).toBeLessThan(-60);
  });

  /** Integrated, in LUFS, as ffmpeg's own meter says at the end. */
  function loudness(file: string): number {
    const meter = [
      "-nostdin",
      "-hide_banner",
      "-i",
      file,
      "-filter:a",
      "ebur128",
      "-f",
      "null",
      "-",
    ];
    const said = execFileSync("sh", ["-c", '"$@" 2>&1', "sh", bench.tools.ffmpeg, ...meter]);
    const summary = said.toString().split("Summary:").at(-1) ?? "";
    return Number(/I:\s+(-?[\d.]+) LUFS/.exec(summary)?.[1]);
  }

  test("a source without sound is refused", async () => {
    const plan = await bench.plan(silent, { name: "extractAudio" });
    expect(plan).toMatchObject({ status: "rejected", code: "UNSUPPORTED_COMMAND" });
  });
});

describe("thumbnail", () => {
  test.each([0, 0.5, 1.96, 1.999])(
    "there is a picture at %f seconds of two",
    async (seekSeconds) => {
      const run = await bench.run(clip, { name: "thumbnail", seekSeconds, width: 80 });
      expect(run.video).toMatchObject({ codec_name: "mjpeg", width: 80, height: 45 });
    },
  );

  test("where the sound goes on, the last picture is taken", async (context) => {
    // Of a moment in which no picture begins, 4.1 shows none.
    requires(context, bench.tools, "bsf", "setts");
    const long = bench.make(
      "long-sound.mkv",
      ...[...VIDEO, "-f", "lavfi", "-i", "sine=d=4", ...X264, "-c:a", "aac"],
    );
    const run = await bench.run(long, { name: "thumbnail", seekSeconds: 3.5 }, "png");
    expect(run.video).toMatchObject({ codec_name: "png", width: 160, height: 90 });
  });

  test("sound alone has none", async () => {
    const plan = await bench.plan(soundOnly, { name: "thumbnail" });
    expect(plan).toMatchObject({ status: "rejected", code: "UNSUPPORTED_COMMAND" });
  });
});

describe("compress, proxy and gif", () => {
  test.each(["h264", "hevc"])("compress comes close to a size, as %s", async (codec) => {
    const noise = bench.make(
      `noise-${codec}.mp4`,
      ...["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=3,noise=alls=40:allf=t", ...X264],
    );
    const { file, video } = await bench.run(noise, { name: "compress", targetSizeMb: 0.2, codec });
    expect(video).toMatchObject({ codec_name: codec, nb_read_frames: "75" });
    const megabytes = readFileSync(file).length / 1e6;
    expect(megabytes).toBeLessThan(0.21);
    expect(megabytes).toBeGreaterThan(0.15);
  });

  test("an encoder that writes nothing while it measures is no failure", async () => {
    const recipe = { name: "compress", targetSizeMb: 0.1 };
    expect((await bench.run(clip, recipe, "webm")).video?.codec_name).toBe("vp9");
  });

  test("proxy all_intra makes every frame a key frame", async () => {
    const recipe = { name: "proxy", gop: "all_intra", startSeconds: 0.5, durationSeconds: 1 };
    const run = await bench.run(clip, recipe);
    expect(duration(run)).toBeCloseTo(1, 1);
    const again = await bench.probe(run.file);
    expect(again.mp4?.maxKeyframeGapSeconds).toBeLessThan(0.1);
  });

  test("gif has the width, the rate and the length asked for", async () => {
    const recipe = { name: "gif", durationSeconds: 1, width: 80, fps: 10 };
    const run = await bench.run(clip, recipe);
    expect(run.video).toMatchObject({ codec_name: "gif", width: 80, height: 45 });
    expect(run.video?.nb_read_frames).toBe("10");
    expect(duration(run)).toBeCloseTo(1, 1);
  });
});
