import { describe, expect, test } from "vitest";
import type { VideoStreamInfo } from "../../../protocol/media.ts";
import { planWork, recipeNames } from "../../../protocol/recipes/index.ts";
import { displaySize, framing } from "../../../protocol/recipes/parts/geometry.ts";
import { exactRate, ticksPerSecond } from "../../../protocol/recipes/parts/timing.ts";
import {
  audio,
  hdr,
  matroska,
  optionsOf,
  optionValue,
  plan,
  planned,
  ready,
  software,
  video,
  withAudio,
  withMp4,
  withVideo,
} from "./sources.ts";

describe("sizes", () => {
  test.each([
    [{ rotation: 90 }, 720, 1280],
    [{ rotation: 180 }, 1280, 720],
    [{ width: 720, height: 576, sampleAspect: { num: 64, den: 45 } }, 1024, 576],
    [{ width: 720, height: 480, sampleAspect: { num: 8, den: 9 } }, 640, 480],
    [{ width: 1440, height: 1080, sampleAspect: { num: 4, den: 3 }, rotation: 270 }, 1080, 1920],
    [{ sampleAspect: { num: 0, den: 1 } }, 1280, 720],
  ] as const)("%o is shown as %i x %i", (changes, width, height) => {
    expect(displaySize({ ...video, ...changes })).toEqual({ width, height });
  });

  const boxes = [{}, { width: 641 }, { height: 99 }, { width: 300, height: 300 }, { width: 4000 }];
  const shapes = [
    [1280, 720],
    [641, 361],
    [1, 1],
    [33, 4000],
    [4000, 17],
  ] as const;
  test("video sizes are even, within the box, and of the source's shape, whatever is asked", () => {
    for (const [width, height] of shapes) {
      for (const box of boxes) {
        for (const fit of ["contain", "cover", "stretch"] as const) {
          const source = { ...video, width, height };
          const framed = framing(source, { box, fit, enlarge: true, grid: 2 });
          if ("status" in framed) continue;
          const { size } = framed;
          expect([size.width % 2, size.height % 2]).toEqual([0, 0]);
          expect(size.width).toBeGreaterThanOrEqual(2);
          expect(size.height).toBeGreaterThanOrEqual(2);
          if (box.width !== undefined)
            expect(size.width).toBeLessThanOrEqual(Math.max(2, box.width));
          if (box.height !== undefined)
            expect(size.height).toBeLessThanOrEqual(Math.max(2, box.height));
        }
      }
    }
  });

  test("without leave nothing grows", () => {
    for (const box of boxes) {
      const framed = framing(video, { box, fit: "contain", enlarge: false, grid: 2 });
      if ("status" in framed) throw new Error(framed.detail);
      expect(framed.size.width).toBeLessThanOrEqual(1280);
      expect(framed.size.height).toBeLessThanOrEqual(720);
    }
  });

  test("a size beyond the limit names what asked for it", () => {
    expect(plan(withVideo({ width: 360, height: 1280 }), { name: "resize", width: 4000 })).toEqual({
      status: "rejected",
      code: "UNSUPPORTED_COMMAND",
      detail: "width 4000 would make the picture 4000x14222; at most 8192x8192 is supported.",
    });
    expect(plan(withVideo({ width: 9000 }), { name: "resize", width: 400 })).toMatchObject({
      status: "rejected",
      code: "UNSUPPORTED_FORMAT",
    });
  });
});

describe("time", () => {
  test.each([
    [29.97, 30_000, 1001],
    [23.976, 24_000, 1001],
    [25, 25, 1],
    [12.5, 25, 2],
  ])("%f frames a second are %i/%i", (fps, num, den) => {
    expect(exactRate(fps)).toEqual({ num, den });
  });

  test("a frame of an even rate is a whole number of ticks, fine enough for sound", () => {
    for (const [num, den] of [
      [25, 1],
      [30_000, 1001],
      [10, 1],
      [15_360, 1024],
    ] as const) {
      const ticks = ticksPerSecond({ num, den });
      expect((ticks * den) % num).toBe(0);
      expect(ticks).toBeGreaterThanOrEqual(10_000);
    }
    expect(ticksPerSecond(null)).toBe(90_000);
  });

  test("frames are promised for a whole, evenly timed MP4 and nothing else", () => {
    const promised = (source: typeof ready, recipe: object = {}) =>
      planned(source, { name: "transcode", ...recipe }).outputs[0]?.video?.frames;
    expect(promised(ready)).toBe(250);
    expect(promised(ready, { fps: 30 })).toBeNull();
    expect(promised(withVideo({ averageFrameRate: { num: 2490, den: 100 } }))).toBeNull();
    expect(promised(withVideo({ frames: 249 }))).toBeNull();
    expect(promised(withVideo({ startSeconds: 0.5 }))).toBeNull();
    expect(promised(withMp4({ simpleEditList: false }))).toBeNull();
    expect(promised(withMp4({ fragmented: true }))).toBeNull();
    expect(promised(matroska)).toBeNull();
    const part = planned(ready, { name: "trim", startSeconds: 1 });
    expect(part.outputs[0]?.video?.frames).toBeNull();
  });

  test("uneven frames keep their own times and are never filled up", () => {
    const uneven = withVideo({ averageFrameRate: { num: 2490, den: 100 } });
    const { output } = optionsOf(planned(uneven, { name: "transcode" }));
    expect(optionValue(output, "-fps_mode:v")).toBe("vfr");
    expect(optionValue(output, "-enc_time_base:v")).toBe("1:90000");
    expect(optionValue(output, "-video_track_timescale")).toBe("90000");
  });

  test.each([
    [
      { name: "trim", startSeconds: 10 },
      "startSeconds 10 is beyond the end: the source lasts 10 seconds.",
    ],
    [
      { name: "extractAudio", startSeconds: 11.5 },
      "startSeconds 11.5 is beyond the end: the source lasts 10 seconds.",
    ],
    [
      { name: "thumbnail", seekSeconds: 99 },
      "seekSeconds 99 is beyond the end: the source lasts 10 seconds.",
    ],
    [
      { name: "gif", startSeconds: 99 },
      "startSeconds 99 is beyond the end: the source lasts 10 seconds.",
    ],
    [
      { name: "proxy", startSeconds: 99 },
      "startSeconds 99 is beyond the end: the source lasts 10 seconds.",
    ],
  ])("%o is refused by name", (recipe, detail) => {
    const rejection = { status: "rejected", code: "UNSUPPORTED_COMMAND", detail };
    expect(plan(ready, recipe)).toEqual(rejection);
  });

  test("a part is as long as asked, or as what is left", () => {
    const seconds = (recipe: object) =>
      planned(ready, { name: "trim", ...recipe }).outputs[0]?.durationSeconds;
    expect(seconds({ startSeconds: 2, durationSeconds: 3 })).toBe(3);
    expect(seconds({ startSeconds: 2, endSeconds: 3 })).toBe(1);
    expect(seconds({ startSeconds: 8, durationSeconds: 30 })).toBe(2);
    expect(seconds({ startSeconds: 4 })).toBe(6);
  });

  test("a late start is no part of the length", () => {
    const late = { ...ready, startSeconds: 4, video: { ...video, startSeconds: 4 } };
    expect(planned(late, { name: "transcode" }).outputs[0]?.durationSeconds).toBe(6);
  });

  test("a source that does not say how long it is gets no promise and no refusal", () => {
    const unknown = { ...matroska, durationSeconds: null };
    const result = planned(unknown, { name: "trim", startSeconds: 50, durationSeconds: 5 });
    expect(result.outputs[0]?.durationSeconds).toBeNull();
  });
});

describe("pictures", () => {
  const filters = (...args: Parameters<typeof planned>) =>
    optionValue(optionsOf(planned(...args)).output, "-filter:v") ?? "";

  test("interlaced pictures are deinterlaced frame for frame, before their size changes", () => {
    const chain = filters(withVideo({ interlaced: true }), { name: "resize", width: 640 });
    expect(chain).toMatch(/^scale=w=1280:h=720,bwdif=mode=send_frame.*scale=w=640/);
  });

  test("a graph is kept through other sizes, but where ffmpeg turns pictures before it", () => {
    const inputOf = (changes: Partial<VideoStreamInfo>) =>
      optionsOf(planned(withVideo(changes), { name: "transcode" })).input;
    expect(inputOf({})).toContain("-reinit_filter:v");
    expect(inputOf({ rotation: 90, isTurned: true })).not.toContain("-reinit_filter:v");
    expect(inputOf({ isTurned: true })).not.toContain("-reinit_filter:v");
  });

  test("HDR is tone-mapped for 8 bits and carried for 10", () => {
    const mapped = planned(hdr, { name: "transcode", codec: "h264" });
    expect(optionValue(optionsOf(mapped).output, "-filter:v")).toMatch(
      /zscale=tin=smpte2084:pin=bt2020:p=bt2020:min=bt2020nc:.*tonemap=hable/,
    );
    expect(optionValue(optionsOf(mapped).output, "-color_trc")).toBe("bt709");
    const kept = optionsOf(planned(hdr, { name: "transcode", codec: "hevc" })).output;
    expect(optionValue(kept, "-filter:v")).not.toContain("tonemap");
    expect(optionValue(kept, "-filter:v")).toContain("yuv420p10le");
    expect(optionValue(kept, "-color_trc")).toBe("smpte2084");
  });

  test.each([
    { name: "thumbnail" },
    { name: "gif" },
    { name: "storyboard" },
    { name: "hls" },
    { name: "webReady" },
  ])("HDR is tone-mapped wherever the output has eight bits: %o", (recipe) => {
    const { steps } = planned(hdr, recipe);
    const drawn = steps.filter((step) => step.kind === "ffmpeg");
    expect(drawn.length).toBeGreaterThan(0);
    for (const step of drawn) {
      const chains = [step.filterComplex, ...step.outputs.flatMap(({ options }) => options)];
      expect(chains.join(" ")).toContain("tonemap=hable");
    }
  });

  test("HDR that is joined with other pictures is tone-mapped, and they are not", () => {
    const output = { key: "out_1", file: "result.mp4", format: "mp4" } as const;
    const work = { mode: "recipe", recipe: { name: "concat" } } as const;
    const joined = planWork(work, { in_1: ready, in_2: hdr }, output, software);
    const step = joined.status === "planned" ? joined.steps[0] : undefined;
    const graph = step?.kind === "ffmpeg" ? (step.filterComplex ?? "") : "";
    const [first = "", second = ""] = graph.split(";").filter((chain) => /^\[\d:0\]/.test(chain));
    expect(first).not.toContain("tonemap");
    expect(second).toContain("tonemap=hable");
  });

  test("HDR in a colour matrix of its own is refused where it would have to be mapped", () => {
    const dolby = withVideo({
      ...hdr.video,
      color: { ...video.color, transfer: "smpte2084", space: "ictcp" },
    });
    for (const recipe of [{ name: "webReady" }, { name: "thumbnail" }, { name: "gif" }]) {
      expect(plan(dolby, recipe)).toMatchObject({ status: "rejected", code: "UNSUPPORTED_FORMAT" });
    }
  });

  test("an untagged HD picture keeps its colours when it becomes a small one", () => {
    const none = { primaries: null, transfer: null, space: null, range: null } as const;
    const small = planned(withVideo({ color: none }), { name: "resize", width: 320 });
    expect(optionValue(optionsOf(small).output, "-colorspace")).toBe("bt709");
    const same = planned(withVideo({ color: none, codec: "hevc" }), { name: "webReady" });
    expect(optionValue(optionsOf(same).output, "-colorspace")).toBeUndefined();
  });

  test("every container is told to leave places and titles behind", () => {
    for (const format of ["mp4", "mov", "webm"] as const) {
      const { output } = optionsOf(planned(ready, { name: "transcode" }, format));
      expect(output.join(" ")).toContain("-map_metadata:g -1 -map_metadata:s -1");
    }
  });
});

describe("sound", () => {
  const options = (...args: Parameters<typeof planned>) => optionsOf(planned(...args)).output;

  test("AAC-LC is copied into mp4 where its times can be trusted, else encoded", () => {
    expect(optionValue(options(ready, { name: "resize", width: 320 }), "-c:a:0")).toBe("copy");
    expect(
      optionValue(
        options(withMp4({ simpleEditList: false }), { name: "resize", width: 320 }),
        "-c:a:0",
      ),
    ).toBe("aac");
    expect(optionValue(options(ready, { name: "trim", startSeconds: 1 }), "-c:a:0")).toBe("aac");
    expect(optionValue(options(ready, { name: "transcode" }, "webm"), "-c:a:0")).toBe("libopus");
  });

  test.each([
    [1, "aac", "mono"],
    [2, "aac", "stereo"],
    [3, "aac", "stereo"],
    [6, "aac", "5.1"],
    [8, "aac", "5.1"],
    [6, "mp3", "stereo"],
    [6, "opus", "5.1"],
  ])("%i channels as %s are %s", (channels, audioCodec, layout) => {
    const made = options(withAudio({ codec: "flac", channels }), { name: "transcode", audioCodec });
    expect(optionValue(made, "-filter:a:0")).toMatch(new RegExp(`channel_layouts=${layout}$`));
  });

  test("every track is kept with its language, and a strange tag is not", () => {
    const tracks = [
      audio,
      { ...audio, index: 3, language: "deu" },
      { ...audio, index: 5, language: "-y x" },
    ];
    const made = options({ ...ready, audio: tracks }, { name: "transcode" });
    expect(made.filter((_, at) => made[at - 1] === "-map")).toEqual(["0:0", "0:1", "0:3", "0:5"]);
    expect(optionValue(made, "-metadata:s:a:1")).toBe("language=deu");
    expect(made).not.toContain("-metadata:s:a:2");
  });

  test("a copy that the format cannot hold is refused", () => {
    const result = plan(withAudio({ codec: "vorbis" }), { name: "transcode", audioCodec: "copy" });
    expect(result).toMatchObject({
      status: "rejected",
      detail: "audioCodec copy: vorbis cannot stand in mp4.",
    });
  });
});

describe("sources that lack something", () => {
  const sound = { ...ready, video: null };
  test.each(["transcode", "compress", "proxy", "thumbnail", "gif"])(
    "%s of sound alone says what it needs",
    (name) => {
      expect(plan(sound, { name })).toEqual({
        status: "rejected",
        code: "UNSUPPORTED_COMMAND",
        detail: `${name} needs a video stream; the source has none.`,
      });
    },
  );

  test.each(recipeNames)("%s of nothing is a rejection", (name) => {
    const nothing = { ...ready, video: null, audio: [] };
    const recipe = name === "resize" ? { name, width: 320 } : { name };
    expect(plan(nothing, recipe).status).toBe("rejected");
  });

  test("trim and extractAudio take sound alone", () => {
    expect(planned(sound, { name: "trim", startSeconds: 1 }).outputs[0]).toMatchObject({
      video: null,
    });
    expect(planned(sound, { name: "extractAudio" }).outputs[0]?.audio?.codec).toBe("mp3");
  });
});

describe("compress to a size", () => {
  test("measures first where the encoder can, and promises only the second file", () => {
    const result = planned(ready, { name: "compress", targetSizeMb: 1 });
    expect(result.steps).toHaveLength(2);
    expect(result.outputs.map((output) => output.file)).toEqual(["result.mp4"]);
    expect(JSON.stringify(result.steps[0])).toContain("first-pass.mp4");
  });

  test("the rates come to no more than the size", () => {
    for (const targetSizeMb of [0.5, 1, 10]) {
      const { output } = optionsOf(planned(ready, { name: "compress", targetSizeMb }));
      const kbps = (name: string) => Number.parseInt(optionValue(output, name) ?? "0", 10);
      const megabytes = ((kbps("-b:v") + kbps("-b:a:0")) * 10) / 8000;
      expect(megabytes).toBeLessThan(targetSizeMb);
      expect(megabytes).toBeGreaterThan(targetSizeMb * 0.9);
    }
  });

  test("a size too small for the length is refused with one that is not", () => {
    const result = plan(ready, { name: "compress", targetSizeMb: 0.01 });
    const needed = /at least ([\d.]+) is needed/.exec(JSON.stringify(result))?.[1];
    expect(plan(ready, { name: "compress", targetSizeMb: Number(needed) }).status).toBe("planned");
  });
});

test("the same context gives the same plan, and every option is a string without line breaks", () => {
  for (const name of recipeNames) {
    const recipe = name === "resize" ? { name, width: 320 } : { name };
    const [first, second] = [plan(hdr, recipe), plan(hdr, recipe)];
    expect(second).toEqual(first);
    // Lines are for texts alone, which no command line reads.
    const runs =
      first.status === "planned" ? first.steps.filter(({ kind }) => kind === "ffmpeg") : [];
    expect(JSON.stringify(runs)).not.toMatch(/\\n/);
    expect(JSON.stringify(first)).not.toMatch(/null,null|undefined|NaN|Infinity/);
  }
});

test("a gif that would fill memory and disk is refused with what it would be", () => {
  const large = { name: "gif", width: 3000, fps: 50, durationSeconds: 100 };
  const long = withVideo({ width: 3840, height: 2160, durationSeconds: 200 });
  expect(plan({ ...long, durationSeconds: 200 }, large, "gif")).toMatchObject({
    status: "rejected",
    code: "UNSUPPORTED_COMMAND",
    detail: expect.stringMatching(
      /^A gif of 3000x1688, 50 pictures a second and 100 seconds is too/,
    ),
  });
});
