import { describe, expect, test } from "vitest";
import type { SourceInfo } from "../../../protocol/media.ts";
import {
  audio,
  hdr,
  matroska,
  optionsOf,
  optionValue,
  planned,
  ready,
  withAudio,
  withMp4,
  withVideo,
} from "./sources.ts";

const action = (source: SourceInfo, params: object = {}) =>
  planned(source, { name: "webReady", ...params }).action;

describe("webReady does the least work", () => {
  test("a file that is ready is passed through unchanged", () => {
    const result = planned(ready, { name: "webReady" });
    expect(result.action).toBe("passthrough");
    expect(result.steps).toEqual([
      { kind: "copy", stage: "transcoding", source: "in_1", file: "result.mp4" },
    ]);
    expect(result.outputs[0]).toMatchObject({
      video: { codec: "h264", width: 1280, height: 720, frames: 250 },
      audio: { codec: "aac", channels: 2 },
      durationSeconds: 10,
    });
  });

  const onlyLaidOutWrong: [string, SourceInfo][] = [
    ["its head is behind", withMp4({ headFirst: false })],
    ["it is fragmented", withMp4({ fragmented: true, maxKeyframeGapSeconds: null })],
    ["it is Matroska", matroska],
    ["its sound is not AAC", withAudio({ codec: "mp3", profile: null })],
    ["its sound is HE-AAC", withAudio({ profile: "HE-AAC" })],
    [
      "a second track is not AAC",
      { ...ready, audio: [audio, { ...audio, index: 2, codec: "ac3" }] },
    ],
  ];
  test.each(onlyLaidOutWrong)("pictures are copied when only %s", (_, source) => {
    expect(action(source)).toBe("remux");
  });

  const wrong: [string, SourceInfo][] = [
    ["HEVC", withVideo({ codec: "hevc" })],
    ["10-bit", withVideo({ bitDepth: 10, pixelFormat: "yuv420p10le" })],
    ["4:2:2", withVideo({ pixelFormat: "yuv422p" })],
    ["interlaced", withVideo({ interlaced: true })],
    ["HDR", hdr],
    [
      "HDR in eight bits",
      withVideo({
        color: { primaries: "bt2020", transfer: "arib-std-b67", space: "bt2020nc", range: "tv" },
      }),
    ],
    ["sparse in key frames", withMp4({ maxKeyframeGapSeconds: 10.5 })],
    ["damaged", withMp4({ sampleDecodesCleanly: false })],
    ["cut by its edit list", withMp4({ simpleEditList: false })],
    ["AVI", { ...ready, format: "avi", mp4: null }],
  ];
  test.each(wrong)("pictures that are %s are encoded", (_, source) => {
    expect(action(source)).toBe("encode");
  });

  test.each([
    [{ width: 640 }, "encode"],
    [{ height: 360 }, "encode"],
    [{ width: 1280 }, "passthrough"],
    [{ width: 1920 }, "passthrough"],
    [{ width: 1920, scaleDown: false }, "encode"],
    [{ bitrateKbps: 1000 }, "encode"],
    [{ bitrateKbps: 1900 }, "passthrough"],
    [{ crf: 30 }, "passthrough"],
  ])("asked for %o it is: %s", (params, expected) => {
    expect(action(ready, params)).toBe(expected);
  });

  test("no sound, or sound alone, is ready as well", () => {
    expect(action({ ...ready, audio: [] })).toBe("passthrough");
    const sound = withMp4({ maxKeyframeGapSeconds: null });
    expect(action({ ...sound, video: null })).toBe("passthrough");
  });

  test("an encode is H.264 High 4:2:0 with AAC, head first, no timecode track", () => {
    const { output } = optionsOf(planned(withVideo({ codec: "hevc" }), { name: "webReady" }));
    expect(optionValue(output, "-c:v")).toBe("libx264");
    expect(optionValue(output, "-profile:v")).toBe("high");
    expect(optionValue(output, "-filter:v")).toContain("format=pix_fmts=yuv420p");
    expect(optionValue(output, "-crf")).toBe("23");
    expect(optionValue(output, "-movflags")).toBe("+faststart");
    expect(optionValue(output, "-write_tmcd")).toBe("0");
    expect(optionValue(output, "-color_primaries")).toBe("bt709");
  });

  test("its key frames are near enough to be passed through the next time", () => {
    for (const num of [1, 5, 24, 25, 60, 120]) {
      const rate = { num, den: 1 };
      const source = withVideo({ codec: "hevc", frameRate: rate, averageFrameRate: rate });
      const gop = Number(
        optionValue(optionsOf(planned(source, { name: "webReady" })).output, "-g"),
      );
      expect(gop / num).toBeLessThanOrEqual(10);
    }
  });
});
