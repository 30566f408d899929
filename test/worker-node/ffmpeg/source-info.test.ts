import { describe, expect, it } from "vitest";
import {
  clockSeconds,
  kbps,
  numberOf,
  type ProbedStream,
  parseProbe,
  rationalOf,
} from "../../../worker-node/ffmpeg/ffprobe-json.ts";
import { bitDepthOf, metadataOf, toSourceInfo } from "../../../worker-node/ffmpeg/source-info.ts";

const picture: ProbedStream = {
  index: 0,
  codec_type: "video",
  codec_name: "h264",
  pix_fmt: "yuv420p",
  width: 1920,
  height: 1080,
  r_frame_rate: "30000/1001",
  avg_frame_rate: "30000/1001",
  time_base: "1/90000",
};
const sound: ProbedStream = {
  index: 1,
  codec_type: "audio",
  codec_name: "aac",
  channels: 2,
  sample_rate: "48000",
};

function sourceOf(streams: ProbedStream[], format = {}) {
  return toSourceInfo(
    { streams, format: { format_name: "mov,mp4,m4a,3gp,3g2,mj2", ...format } },
    1,
  );
}

describe("a probed source", () => {
  it("has cover art beside its video, never as its video", () => {
    const cover = { ...picture, codec_name: "mjpeg", disposition: { attached_pic: 1 } };
    const source = sourceOf([
      { ...cover, index: 0 },
      { ...picture, index: 1 },
    ]);
    expect(source.video).toMatchObject({ index: 1, codec: "h264" });
    expect(source.attachedPictures).toBe(1);
    expect(sourceOf([cover, sound]).video).toBeNull();
  });

  it.each([
    ["MP4, each stream from its start", "mov,mp4", { start_time: "1.0", duration: "31.0" }, 32],
    ["Matroska, each stream from zero", "matroska,webm", { tags: { DURATION: "00:00:32.0" } }, 32],
    ["one whose pictures do not tell", "matroska,webm", {}, 34.3],
  ])(
    "lasts to the end of its pictures where a cue stands longer: %s",
    (_what, format_name, told, seconds) => {
      const cues = { index: 1, codec_type: "subtitle", codec_name: "subrip", duration: "34.3" };
      const format = { format_name, duration: "34.3" };
      expect(sourceOf([{ ...picture, ...told }, cues], format).durationSeconds).toBe(seconds);
      expect(sourceOf([{ ...picture, ...told }], format).durationSeconds).toBe(34.3);
    },
  );

  it.each([
    ["cut off: its header's frames count", "avi", "29.3", "795", 79.5],
    ["whole", "avi", "79.5", "795", 79.5],
    ["whose header counts none", "avi", "29.3", "0", 29.3],
    ["with longer sound", "avi", "80.2", "795", 80.2],
    ["that is no AVI: its frames may have any length", "matroska,webm", "29.3", "795", 29.3],
  ])("%s lasts as long as declared", (_what, format_name, duration, nb_frames, seconds) => {
    const video = { ...picture, r_frame_rate: "10/1", nb_frames };
    expect(sourceOf([video], { format_name, duration }).durationSeconds).toBe(seconds);
  });

  it.each([
    [-90, 90],
    [90, 270],
    [180, 180],
    [-180, 180],
    [0, 0],
    [-89.6, 90],
    [-450, 90],
  ])("with a matrix of %d° counter-clockwise is turned %d° clockwise", (rotation, expected) => {
    const source = sourceOf([{ ...picture, side_data_list: [{}, { rotation }] }]);
    expect(source.video?.rotation).toBe(expected);
  });

  it("of an old muxer is turned by its tag, which is clockwise", () => {
    expect(sourceOf([{ ...picture, tags: { rotate: "90" } }]).video?.rotation).toBe(90);
  });

  it.each([
    ["as it is", "65536 0 0 0 65536 0 0 0 1073741824", undefined],
    ["upside down", "65536 0 0 0 -65536 0 0 23592960 1073741824", true],
    ["by ten degrees", "64540 11380 0 -11380 64540 0 0 0 1073741824", true],
  ])("with a matrix that shows it %s is turned: %s", (_, numbers, isTurned) => {
    const lines = numbers
      .split(" ")
      .map((number, at) => (at % 3 === 0 ? `\n0000000${at / 3}: ${number}` : ` ${number}`));
    const data = { rotation: 0, displaymatrix: lines.join("") };
    const { video } = sourceOf([{ ...picture, side_data_list: [data] }]);
    expect(video?.rotation).toBe(0);
    expect(video?.isTurned).toBe(isTurned);
  });

  it("is shown upright to clients", () => {
    const source = sourceOf([{ ...picture, side_data_list: [{ rotation: -90 }] }, sound], {
      duration: "10.01",
      bit_rate: "1237100",
    });
    expect(metadataOf(source)).toEqual({
      format: "mp4",
      durationSeconds: 10.01,
      width: 1080,
      height: 1920,
      frameRate: 29.97,
      videoCodec: "h264",
      audioCodec: "aac",
      bitrateKbps: 1237.1,
    });
  });

  it("has the duration of its longest stream where the container says none", () => {
    const source = sourceOf([
      { ...picture, tags: { DURATION: "00:01:19.500000000" } },
      { ...sound, duration: "79.2" },
    ]);
    expect(source.durationSeconds).toBe(79.5);
    expect(sourceOf([picture], { duration: "N/A" }).durationSeconds).toBeNull();
  });

  it("keeps nominal and average rates apart, unknown ones as 0/1, unknown aspects as square", () => {
    const source = sourceOf([
      { ...picture, r_frame_rate: "90000/1", avg_frame_rate: "0/0", sample_aspect_ratio: "0:1" },
    ]);
    expect(source.video).toMatchObject({
      frameRate: { num: 90_000, den: 1 },
      averageFrameRate: { num: 0, den: 1 },
      sampleAspect: { num: 1, den: 1 },
    });
    const anamorphic = sourceOf([{ ...picture, sample_aspect_ratio: "64:45" }]);
    expect(anamorphic.video?.sampleAspect).toEqual({ num: 64, den: 45 });
  });

  it("is interlaced when its field order says so", () => {
    const interlaced = (field_order: string) =>
      sourceOf([{ ...picture, field_order }]).video?.interlaced;
    expect(["tt", "bb", "tb", "bt"].map(interlaced)).toEqual([true, true, true, true]);
    expect(["progressive", "unknown"].map(interlaced)).toEqual([false, false]);
  });

  it("leaves out streams that nothing can decode", () => {
    const source = sourceOf([
      { index: 0, codec_type: "video", codec_name: "unknown" },
      { index: 1, codec_type: "video", codec_name: "h264", width: 0, height: 0 },
      { ...sound, index: 2, channels: 0 },
      { index: 3, codec_type: "data" },
    ]);
    expect(source).toMatchObject({ video: null, audio: [], subtitles: [] });
  });

  it("knows languages, and that undetermined is none", () => {
    const source = sourceOf([
      { ...sound, tags: { language: "deu" } },
      { ...sound, tags: { language: "und" } },
      { index: 3, codec_type: "subtitle", codec_name: "mov_text", tags: { language: "eng" } },
    ]);
    expect(source.audio.map(({ language }) => language)).toEqual(["deu", null]);
    expect(source.subtitles).toEqual([{ index: 3, codec: "mov_text", language: "eng" }]);
  });
});

describe("bit depth", () => {
  it.each([
    ["yuv420p", 8],
    ["yuvj420p", 8],
    ["nv12", 8],
    ["rgb24", 8],
    ["pal8", 8],
    ["gray", 8],
    ["yuv420p10le", 10],
    ["yuv422p10be", 10],
    ["yuva444p12le", 12],
    ["p010le", 10],
    ["p210le", 10],
    ["p016le", 16],
    ["nv20le", 10],
    ["y210le", 10],
    ["x2rgb10le", 10],
    ["gray10le", 10],
    ["gray16be", 16],
    ["gbrp14le", 14],
    ["rgb48be", 16],
    ["rgba64le", 16],
  ])("of %s is %d", (format, depth) => {
    expect(bitDepthOf(format)).toBe(depth);
  });
});

describe("ffprobe's numbers", () => {
  it("are null when they are none", () => {
    expect(["N/A", "", undefined].map(numberOf)).toEqual([null, null, null]);
    expect(["0/0", "1/0", "0/1", "x", undefined].map(rationalOf)).toEqual(Array(5).fill(null));
    expect(["1:2:3", undefined].map(clockSeconds)).toEqual([null, null]);
    expect(["0", "N/A"].map(kbps)).toEqual([null, null]);
  });

  it("are no file when ffprobe printed something else", () => {
    for (const text of [
      "",
      "{}",
      "{\n\n}",
      "[]",
      "null",
      '{"streams":[]}',
      '{"format":{"format_name":3}}',
    ]) {
      expect(parseProbe(text)).toBeNull();
    }
  });
});

it("pictures that end before the sound last as long as their own tag says", () => {
  const video = {
    index: 0,
    codec_type: "video",
    codec_name: "h264",
    pix_fmt: "yuv420p",
    width: 64,
  };
  const stream = { ...video, height: 36, duration: "4.021", tags: { DURATION: "00:00:00.221" } };
  const probed = { streams: [stream], format: { format_name: "matroska,webm", duration: "4.021" } };
  const file = parseProbe(JSON.stringify(probed));
  if (file === null) throw new Error("it is no file");
  const source = toSourceInfo(file, 1000);
  expect([source.durationSeconds, source.video?.durationSeconds]).toEqual([4.021, 0.221]);
});
