/** Sources as they are: what real ffmpeg makes of them by the plans, read back by ffprobe. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requires } from "../support/requires.ts";
import { AAC, fast, picture, tone, X264 } from "./clips.ts";
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

describe("sizes", () => {
  test("a rotated source comes out upright, in the size that players show", async () => {
    const flat = bench.make("flat.mp4", ...picture("testsrc2=s=320x180:r=25:d=0.4"), ...X264);
    const turned = bench.make("turned.mp4", "-i", flat, "-c", "copy", "-metadata:s:v", "rotate=90");
    const { source, video } = await bench.run(turned, fast);
    expect(source.video?.rotation).toBeOneOf([90, 270]);
    expect(video).toMatchObject({ width: 180, height: 320, sample_aspect_ratio: "1:1" });
    expect(video?.side_data_list ?? []).toEqual([]);
  });

  test("anamorphic pixels become square ones at the display size", async () => {
    const file = bench.make(
      "wide.mp4",
      ...picture("testsrc2=s=360x288:r=25:d=0.4"),
      ...["-vf", "setsar=64/45", ...X264],
    );
    const { video } = await bench.run(file, fast);
    expect(video).toMatchObject({ width: 512, height: 288, sample_aspect_ratio: "1:1" });
  });

  test("an odd size loses one row and column for video and none for a still", async () => {
    const file = bench.make(
      "odd.mkv",
      ...picture("testsrc2=s=400x300:r=25:d=0.4,format=yuv444p,crop=321:181"),
      ...["-c:v", "ffv1"],
    );
    expect((await bench.run(file, fast)).video).toMatchObject({ width: 320, height: 180 });
    const still = await bench.run(file, { name: "thumbnail" }, "png");
    expect(still.video).toMatchObject({ codec_name: "png", width: 321, height: 181 });
  });

  test.each([
    ["contain", 160, 90],
    ["cover", 160, 160],
    ["stretch", 160, 160],
  ])("resize %s makes %i x %i of 320x180 asked for 160x160", async (fit, width, height) => {
    const file = bench.make("box.mp4", ...picture("testsrc2=s=320x180:r=25:d=0.2"), ...X264);
    const { video } = await bench.run(file, { name: "resize", width: 160, height: 160, fit });
    expect(video).toMatchObject({ width, height, sample_aspect_ratio: "1:1" });
  });
});

describe("time", () => {
  test("variable frame rate keeps every frame at its time", async () => {
    const file = bench.make(
      "vfr.mp4",
      ...picture("testsrc2=s=160x90:r=30:d=3"),
      ...["-vf", "select='not(mod(n,7))+gt(n,60)+lt(n,20)',setpts=PTS+0.003*random(0)/TB"],
      ...["-fps_mode", "passthrough", "-enc_time_base", "1/90000", ...X264],
    );
    const { file: made } = await bench.run(file, fast);
    const before = frameTimes(bench.tools, file, "v:0");
    const after = frameTimes(bench.tools, made, "v:0");
    expect(after.length).toBe(before.length);
    after.forEach((time, at) => {
      expect(time).toBeCloseTo((before[at] ?? Number.NaN) - (before[0] ?? 0), 3);
    });
  });

  test("an AVI with dropped frames does not have them filled in", async () => {
    const file = bench.make(
      "dropped.avi",
      ...picture("testsrc2=s=160x90:r=15:d=2"),
      ...["-vf", "select='not(mod(n,5))'", "-fps_mode", "passthrough", "-c:v", "mjpeg"],
    );
    expect(frameTimes(bench.tools, file, "v:0")).toHaveLength(6);
    expect((await bench.run(file, fast)).video?.nb_read_frames).toBe("6");
  });

  test("30000/1001 keeps its frames, its rate and its length", async () => {
    const file = bench.make("ntsc.mp4", ...picture("testsrc2=s=160x90:r=30000/1001:d=2"), ...X264);
    const { plan, video, output } = await bench.run(file, fast);
    expect(plan.outputs[0]?.video?.frames).toBe(60);
    expect(video).toMatchObject({ nb_read_frames: "60", avg_frame_rate: "30000/1001" });
    expect(Number(output.format.duration)).toBeCloseTo(2.002, 2);
  });

  test("fps asked for is exact, by its rational", async () => {
    const file = bench.make("cinema.mp4", ...picture("testsrc2=s=160x90:r=24:d=2"), ...X264);
    const { video } = await bench.run(file, { ...fast, fps: 29.97 });
    expect(video?.avg_frame_rate).toBe("30000/1001");
  });

  test("a source that begins at ten seconds comes out from zero, whole", async () => {
    const file = bench.make(
      "offset.mkv",
      ...[...picture("testsrc2=s=160x90:r=25:d=1"), ...tone(1), ...X264, ...AAC],
      ...["-output_ts_offset", "10"],
    );
    const { output, video } = await bench.run(file, fast);
    expect(video?.nb_read_frames).toBe("25");
    expect(Number(video?.start_time)).toBeLessThan(0.05);
    expect(Number(output.format.duration)).toBeCloseTo(1, 1);
  });

  test("one frame is a video of one frame", async () => {
    const file = bench.make("one.mp4", ...picture("testsrc2=s=160x90:r=25:d=0.04"), ...X264);
    expect((await bench.run(file, fast)).video?.nb_read_frames).toBe("1");
    expect((await bench.run(file, { name: "thumbnail" })).video?.codec_name).toBe("mjpeg");
  });

  test("interlaced becomes progressive, frame for frame", async () => {
    const file = bench.make(
      "fields.mkv",
      ...picture("testsrc2=s=320x180:r=50:d=1"),
      ...["-vf", "interlace", "-flags", "+ildct+ilme", ...X264],
    );
    const { source, video } = await bench.run(file, { name: "webReady" });
    expect(source.video?.interlaced).toBe(true);
    expect(video).toMatchObject({ field_order: "progressive", nb_read_frames: "25" });
  });

  describe("fields that no head tells of", () => {
    /** Of each picture one field is black, the other white, and of the next it is the other way round. */
    const combed = picture(
      "nullsrc=s=720x576:r=50:d=0.4,geq=lum='235*mod(floor((N+1)/2),2)':cb=128:cr=128,interlace=scan=bff:lowpass=0",
    );
    const dv = ["-c:v", "dvvideo", "-pix_fmt", "yuv420p", "-aspect", "4:3"];
    const xvid = ["-c:v", "mpeg4", "-flags", "+ilme+ildct", "-top", "0", "-q:v", "2"];

    test.each([
      ["tape.avi", dv, true],
      ["tape.mov", dv, true],
      ["xvid.avi", xvid, true],
      ["whole.avi", xvid.filter((option) => !/flags|il|top|^0$/.test(option)), false],
    ] as const)(
      "are seen by decoding, and become pictures: %s",
      async (name, codec, isOfFields) => {
        const { source, file } = await bench.run(bench.make(name, ...combed, ...codec), fast);
        expect(source.video?.interlaced).toBe(isOfFields);
        const lines = pixelsAt(bench.tools, file, 0.2, { width: 1, height: 576 });
        const steps = Array.from({ length: 500 }, (_, at) =>
          Math.abs((lines[at * 3] ?? 0) - (lines[at * 3 + 3] ?? 0)),
        );
        const isCombed = steps.filter((step) => step > 100).length > 250;
        expect(isCombed).toBe(!isOfFields);
      },
    );
  });
});

describe("a flash and a beep at one second", () => {
  const flash = picture(
    "color=black:s=160x90:r=25:d=2,drawbox=t=fill:c=white:enable='between(t,0.999,1.119)'",
  );
  const beep = picture("aevalsrc='if(between(t,1,1.12),sin(2*PI*1000*t),0)':d=2:s=48000");

  function firstFlash(file: string): number {
    const at = brightness(bench.tools, file).findIndex((value) => value > 128);
    return frameTimes(bench.tools, file, "v:0")[at] ?? Number.NaN;
  }
  function firstBeep(file: string): number {
    return samples(bench.tools, file).findIndex((sample) => Math.abs(sample) > 0.2) / 48_000;
  }

  const layouts: [string, string, string[]][] = [
    ["plain.mp4", "begins together", [...flash, ...beep]],
    [
      "late-sound.mkv",
      "sound begins late",
      [...flash, ...["-ss", "0.5", "-itsoffset", "0.5"], ...beep],
    ],
    [
      "late-picture.mkv",
      "pictures begin late",
      [...["-ss", "0.4", "-itsoffset", "0.4"], ...flash, ...beep],
    ],
  ];
  describe.each(layouts)("%s: %s", (name, _, inputs) => {
    test.each([
      [{ name: "transcode", preset: "ultrafast", audioCodec: "aac" }, "mp4", 0],
      [{ name: "transcode", preset: "ultrafast" }, "webm", 0],
      [{ name: "webReady" }, "mp4", 0],
      [{ name: "trim", startSeconds: 0.7 }, "mp4", 0.7],
    ] as const)("stay together through %o to %s", async (recipe, format, cut) => {
      const file = bench.make(name, ...inputs, "-fps_mode", "passthrough", ...X264, ...AAC);
      const { file: made } = await bench.run(file, recipe, format);
      expect(Math.abs(firstFlash(made) - firstBeep(made))).toBeLessThan(0.045);
      expect(firstBeep(made)).toBeGreaterThan(0.95 - cut);
      expect(firstBeep(made)).toBeLessThan(1.05 - cut);
    });
  });
});

describe("colour", () => {
  /** The average colour of the first picture. */
  function colorOf(file: string): readonly number[] {
    const color = [...pixelsAt(bench.tools, file, 0, { width: 1, height: 1 })];
    expect(color).toHaveLength(3);
    return color;
  }

  function expectLike(color: readonly number[], wanted: readonly number[]): void {
    const furthest = Math.max(...color.map((value, at) => Math.abs(value - (wanted[at] ?? 0))));
    expect(furthest).toBeLessThan(6);
  }

  test("HDR is tone-mapped to BT.709 for H.264 and kept for 10-bit HEVC", async () => {
    const file = bench.make(
      "hdr.mkv",
      ...picture("testsrc2=s=160x90:r=25:d=0.2"),
      ...["-c:v", "libx265", "-x265-params", "log-level=error", "-pix_fmt", "yuv420p10le"],
      ...["-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"],
    );
    const sdr = await bench.run(file, { name: "webReady" });
    expect(sdr.video).toMatchObject({ color_transfer: "bt709", color_space: "bt709" });
    expect(sdr.video?.pix_fmt).toBe("yuv420p");
    const hdr = await bench.run(file, { ...fast, codec: "hevc" });
    expect(hdr.video).toMatchObject({ color_transfer: "smpte2084", pix_fmt: "yuv420p10le" });
    expect(hdr.video?.codec_tag_string).toBe("hvc1");
  });

  test("10-bit becomes 8-bit for H.264", async () => {
    const file = bench.make(
      "deep.mkv",
      ...picture("testsrc2=s=160x90:r=25:d=0.2"),
      ...["-c:v", "libx264", "-pix_fmt", "yuv422p10le"],
    );
    const { video } = await bench.run(file, { name: "webReady" });
    expect(video).toMatchObject({ pix_fmt: "yuv420p", profile: "High" });
  });

  test("full range and BT.709 keep their tags and their look", async () => {
    const file = bench.make(
      "full.mp4",
      ...picture("color=0x30a060:s=160x90:r=25:d=0.2,scale=out_color_matrix=bt709:out_range=pc"),
      ...["-c:v", "libx264", "-qp", "4", "-pix_fmt", "yuvj420p"],
      ...["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"],
    );
    const { video, file: made } = await bench.run(file, fast);
    expect(video).toMatchObject({ color_range: "pc", color_space: "bt709" });
    expectLike(colorOf(made), colorOf(file));
  });

  test.each(["jpg", "png"] as const)(
    "a BT.709 thumbnail as %s shows the source's colour",
    async (format) => {
      const file = bench.make(
        "hd.mp4",
        ...picture("color=0x20b040:s=160x90:r=25:d=0.2,scale=out_color_matrix=bt709:out_range=tv"),
        ...["-c:v", "libx264", "-qp", "4", "-pix_fmt", "yuv420p"],
        ...["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"],
      );
      const { file: made } = await bench.run(file, { name: "thumbnail" }, format);
      expectLike(colorOf(made), [0x20, 0xb0, 0x40]);
    },
  );
});

describe("what is hardly there", () => {
  test("a single picture, shorter than one of the output's, is still one", async () => {
    const file = bench.make("one.mp4", ...picture("testsrc2=s=160x90:r=25:d=0.04"), ...X264);
    for (const [recipe, format] of [
      [{ ...fast, fps: 10 }, "mp4"],
      [{ name: "gif", width: 48, fps: 10 }, "gif"],
    ] as const) {
      const { video } = await bench.run(file, recipe, format);
      expect(Number(video?.nb_read_frames)).toBe(1);
    }
  });

  test("a ladder of a source that begins at ten seconds is as long as its pictures", async () => {
    const file = bench.make(
      "late.mkv",
      ...[...picture("testsrc2=s=160x90:r=25:d=1"), ...tone(1), ...X264, ...AAC],
      ...["-output_ts_offset", "10"],
    );
    const { plan } = await bench.run(file, { name: "hls", preset: "ultrafast" }, "hls");
    const media = plan.outputs.filter(({ format }) => format === "mp4");
    expect(media.length).toBeGreaterThan(1);
    for (const { durationSeconds } of media) expect(durationSeconds).toBeCloseTo(1, 1);
  });

  test("a picture that its container turns upside down is shown so, though nothing says by how many degrees", async (context) => {
    // Versions before 5 turn nothing that is not turned by a quarter.
    requires(context, bench.tools, "bsf", "setts");
    const flat = bench.make(
      "upside-down.mp4",
      ...picture("color=black:s=64x36:r=25:d=0.2,drawbox=h=18:t=fill:c=white"),
      ...X264,
    );
    const bytes = readFileSync(flat);
    bytes.writeInt32BE(-65_536, bytes.indexOf("tkhd") + 4 + 4 + 20 + 8 + 8 + 16);
    writeFileSync(flat, bytes);
    const { file } = await bench.run(flat, { ...fast });
    const [top = 255, , , bottom = 0] = pixelsAt(bench.tools, file, 0, { width: 1, height: 2 });
    expect(top).toBeLessThan(30);
    expect(bottom).toBeGreaterThan(220);
    // By its samples: few players turn a picture this way.
    const { video } = await bench.probe(file);
    expect(video?.isTurned).toBeUndefined();
  });

  test("pictures that lie upside down in memory are encoded to AV1, and end", async (context) => {
    requires(context, bench.tools, "encoder", "libsvtav1");
    const flat = bench.make("corner.mp4", ...picture("testsrc2=s=160x90:r=25:d=0.2"), ...X264);
    // Row b of the display matrix (ISO 14496-12, 8.3.2) is negative: ffmpeg puts a vflip before everything.
    const bytes = readFileSync(flat);
    bytes.writeInt32BE(-65_536, bytes.indexOf("tkhd") + 4 + 4 + 20 + 8 + 8 + 16);
    writeFileSync(flat, bytes);
    const { video } = await bench.run(flat, { ...fast, codec: "av1" });
    expect(video).toMatchObject({ codec_name: "av1", nb_read_frames: "5" });
  });
});

describe("sound of which another track than the first is the default", () => {
  const file = () =>
    bench.make(
      "second.mkv",
      ...[...picture("testsrc2=s=64x36:r=25:d=1"), ...picture("aevalsrc=0:d=1"), ...tone(1)],
      ...["-map", "0", "-map", "1", "-map", "2", ...X264, ...AAC],
      ...["-metadata:s:a:0", "language=deu", "-metadata:s:a:1", "language=fra"],
      ...["-disposition:a:0", "0", "-disposition:a:1", "default"],
    );

  test("is taken from that, as players do", async () => {
    const { file: heard } = await bench.run(file(), { name: "extractAudio" }, "wav");
    expect(samples(bench.tools, heard).some((sample) => Math.abs(sample) > 0.05)).toBe(true);
  });

  test("has it first in a ladder, and marked", async () => {
    const { scratchDir } = await bench.run(file(), { name: "hls", preset: "ultrafast" }, "hls");
    const master = readFileSync(join(scratchDir, "result.m3u8"), "utf8");
    const languages = [...master.matchAll(/TYPE=AUDIO.*LANGUAGE="(\w+)",DEFAULT=(\w+)/g)];
    expect(languages.map(([, language, isDefault]) => [language, isDefault])).toEqual([
      ["fra", "YES"],
      ["deu", "NO"],
    ]);
  });

  test("keeps order and mark in one file", async () => {
    const { file: made } = await bench.run(file(), { ...fast });
    const { audio } = await bench.probe(made);
    expect(audio.map(({ language, isDefault }) => [language, isDefault])).toEqual([
      ["deu", undefined],
      ["fra", true],
    ]);
  });
});

test("sound with a hole keeps its times where a format has none", async () => {
  const file = bench.make(
    "hole.mkv",
    ...picture("testsrc2=s=64x36:r=25:d=2"),
    ...picture("aevalsrc='if(between(t,1.5,1.7),sin(2*PI*1000*t),0)':d=2:s=48000"),
    ...["-af", "aselect='lt(t,0.4)+gte(t,1.2)'", ...X264, ...AAC],
  );
  const { file: heard } = await bench.run(file, { name: "extractAudio" }, "wav");
  const beep = samples(bench.tools, heard).findIndex((sample) => Math.abs(sample) > 0.2) / 48_000;
  expect(beep).toBeCloseTo(1.5, 1);
});

describe("sound that is not as usual", () => {
  const clip = (name: string, ...audio: readonly string[]) =>
    bench.make(name, ...picture("testsrc2=s=64x36:r=25:d=1"), ...tone(1), ...X264, ...audio);

  test("FLAC is joined as it is in mp4", async () => {
    const file = clip("flac.mkv", "-c:a", "flac");
    const { plan, audio } = await bench.run([file, file], { name: "concat" });
    expect(plan.action).toBe("join");
    expect(audio?.codec_name).toBe("flac");
  });

  test("of telephones leaves a ladder at a rate whose delay nobody notices", async () => {
    const file = clip("phone.mov", "-c:a", "pcm_mulaw", "-ar", "8000");
    const run = await bench.run(file, { name: "hls", preset: "ultrafast" }, "hls");
    const name = run.plan.outputs.find(({ format, audio, video }) => {
      return format === "mp4" && audio !== null && video === null;
    })?.file;
    const [stream] = probeOutput(bench.tools, `${run.scratchDir}/${name}`).streams;
    expect(stream?.sample_rate).toBe("48000");
  });

  test("that begins before zero in Matroska counts to the length of the whole", async () => {
    const file = bench.make(
      "early-joined.mkv",
      ...[...picture("testsrc2=s=64x36:r=25:d=3"), ...tone(3), ...X264, ...AAC],
      ...["-output_ts_offset", "-1.5", "-avoid_negative_ts", "disabled"],
    );
    const { output } = await bench.run([file, file], { name: "concat" });
    expect(Number(output.format.duration)).toBeCloseTo(6, 0);
  });
});
