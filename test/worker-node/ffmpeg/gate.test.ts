import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { OutputFormat } from "../../../protocol/media.ts";
import type { PromisedOutput } from "../../../protocol/plan.ts";
import { checkOutput, checkOutputs } from "../../../worker-node/ffmpeg/index.ts";
import { ffmpeg, makeMp4, scratch, toolSets } from "./support.ts";

const dir = await scratch();
const sets = await toolSets();
const signal = new AbortController().signal;

/** What `makeMp4` makes in `seconds`. */
function promiseOf(seconds: number, change: Partial<PromisedOutput> = {}): PromisedOutput {
  return {
    key: "out_1",
    file: "result.mp4",
    format: "mp4",
    video: { codec: "h264", width: 320, height: 180, frames: seconds * 10 },
    audio: { codec: "aac", channels: 1 },
    durationSeconds: seconds,
    durationToleranceSeconds: 0.1,
    ...change,
  };
}

describe.each(sets)("the gate with $name", ({ tools }) => {
  const path = (name: string) => join(dir, `${tools.version}-${name}`);
  const check = (name: string, promise: PromisedOutput) =>
    checkOutput(tools, path(name), promise, signal);

  it("lets pass what was promised, and says what it is", async () => {
    await makeMp4(tools, path("good.mp4"), { output: ["-movflags", "+faststart"] });
    expect(await check("good.mp4", promiseOf(6))).toEqual({
      status: "ok",
      media: {
        format: "mp4",
        durationSeconds: expect.closeTo(6, 1),
        width: 320,
        height: 180,
        frameRate: 10,
        videoCodec: "h264",
        audioCodec: "aac",
        bitrateKbps: expect.any(Number),
      },
      pictures: { frames: 60, startSeconds: 0 },
    });
  });

  const sound: [OutputFormat, string, string[]][] = [
    ["mp3", "mp3", ["-vn", "-c:a", "libmp3lame"]],
    ["aac", "aac", ["-vn", "-c:a", "aac", "-f", "adts"]],
    ["wav", "pcm_s16le", ["-vn"]],
  ];
  it.each(sound)("knows %s", async (format, codec, options) => {
    await makeMp4(tools, path(`for-${format}.mp4`));
    await ffmpeg(tools, ["-i", path(`for-${format}.mp4`), ...options, path(`a.${format}`)]);
    const promise = promiseOf(6, { format, video: null, audio: { codec, channels: 1 } });
    expect(await check(`a.${format}`, promise)).toMatchObject({
      status: "ok",
      media: { format, audioCodec: codec, videoCodec: null, durationSeconds: expect.closeTo(6, 0) },
    });
    const other = await check(`a.${format}`, { ...promise, durationSeconds: 8 });
    expect(other).toMatchObject({ status: "invalid" });
  });

  const pictures: [OutputFormat, "gif" | "mjpeg" | "png", number, string[]][] = [
    ["gif", "gif", 60, ["-an"]],
    ["jpg", "mjpeg", 1, ["-frames:v", "1"]],
    ["png", "png", 1, ["-frames:v", "1"]],
  ];
  it.each(pictures)("knows %s", async (format, codec, frames, options) => {
    await makeMp4(tools, path(`for-${format}.mp4`));
    await ffmpeg(tools, ["-i", path(`for-${format}.mp4`), ...options, path(`p.${format}`)]);
    const promise = promiseOf(6, {
      format,
      video: { codec, width: 320, height: 180, frames },
      audio: null,
      durationSeconds: format === "gif" ? 6 : null,
    });
    expect(await check(`p.${format}`, promise)).toMatchObject({
      status: "ok",
      media: {
        format,
        videoCodec: codec,
        width: 320,
        durationSeconds: format === "gif" ? 6 : null,
      },
    });
  });

  it("knows mov and webm", async () => {
    await makeMp4(tools, path("c.mov"));
    expect(await check("c.mov", promiseOf(6, { format: "mov" }))).toMatchObject({ status: "ok" });
    await ffmpeg(tools, [
      ...["-i", path("c.mov"), "-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8"],
      ...["-c:a", "libopus", path("c.webm")],
    ]);
    const promise = promiseOf(6, {
      format: "webm",
      video: { codec: "vp9", width: 320, height: 180, frames: 60 },
      audio: { codec: "opus", channels: 1 },
    });
    expect(await check("c.webm", promise)).toMatchObject({ status: "ok" });
  });

  it("counts the frames that are shown, not those that an edit list hides", async () => {
    await makeMp4(tools, path("src.mp4"));
    await ffmpeg(tools, ["-ss", "2.5", "-i", path("src.mp4"), "-c", "copy", path("edited.mp4")]);
    const shown = { codec: "h264", width: 320, height: 180, frames: 35 } as const;
    const promise = promiseOf(3.5, { video: shown, durationToleranceSeconds: 0.2 });
    expect(await check("edited.mp4", promise)).toMatchObject({ status: "ok" });
    const stored = { ...promise, video: { ...shown, frames: 40 } };
    expect(await check("edited.mp4", stored)).toMatchObject({
      status: "invalid",
      detail: expect.stringContaining("presented frames 40 was promised, but it has 35"),
    });
  });

  it("stops an encode of no frame, which ffmpeg calls a success", async () => {
    await ffmpeg(tools, [
      ...["-f", "lavfi", "-i", "testsrc2=s=320x180:r=10:d=1", "-vf", "trim=start=5"],
      ...["-c:v", "libx264", path("nothing.mp4")],
    ]).catch(() => {});
    const result = await check("nothing.mp4", promiseOf(1, { audio: null, durationSeconds: null }));
    expect(result).toMatchObject({ status: "invalid" });
  });

  it("stops what ended early but is a good file otherwise", async () => {
    await makeMp4(tools, path("early.mp4"), { seconds: 4 });
    expect(await check("early.mp4", promiseOf(6))).toEqual({
      status: "invalid",
      detail: "result.mp4: presented frames 60 was promised, but it has 40.",
    });
  });

  it.each(["first", "last"])(
    "stops a file whose %s pictures are damaged, its tables whole",
    async (which) => {
      const output = ["-an", "-movflags", "+faststart"];
      await makeMp4(tools, path("long.mp4"), { seconds: 30, output });
      const bytes = await readFile(path("long.mp4"));
      const media = bytes.indexOf("mdat") + 4;
      // One of 30 groups of pictures is about this long; the damage lies in the middle of one.
      const group = Math.floor((bytes.length - media) / 30);
      const from = which === "first" ? media + group / 4 : bytes.length - (group * 3) / 4;
      await writeFile(
        path("hurt.mp4"),
        bytes.fill(0xa5, Math.floor(from), Math.floor(from + group / 2)),
      );
      expect(await check("hurt.mp4", promiseOf(30, { audio: null }))).toMatchObject({
        status: "invalid",
        detail: expect.stringContaining("does not decode"),
      });
    },
  );

  it("looks at the beginning of a file that goes on from another nowhere, and at its end all the same", async () => {
    const output = ["-an", "-movflags", "+faststart"];
    await makeMp4(tools, path("part.mp4"), { seconds: 30, output });
    const bytes = await readFile(path("part.mp4"));
    const media = bytes.indexOf("mdat") + 4;
    const group = Math.floor((bytes.length - media) / 30);
    const promise = promiseOf(30, { audio: null, continues: true });
    const spoilt = (from: number) =>
      Buffer.from(bytes).fill(0xa5, Math.floor(from), Math.floor(from + group / 2));
    await writeFile(path("spoilt.mp4"), spoilt(media + group / 4));
    expect(await check("spoilt.mp4", promise)).toMatchObject({ status: "ok" });
    await writeFile(path("spoilt.mp4"), spoilt(bytes.length - (group * 3) / 4));
    expect(await check("spoilt.mp4", promise)).toMatchObject({ status: "invalid" });
  });

  it("looks at several files at once, and names the one that is damaged", async () => {
    const names = ["a", "b", "c"].map((name) => `several-${name}.mp4`);
    for (const name of names) {
      await makeMp4(tools, path(name), { seconds: 30, output: ["-movflags", "+faststart"] });
    }
    const files = names.map((name) => ({
      file: path(name),
      promise: promiseOf(30, { file: name }),
    }));
    const all = await checkOutputs(tools, files, signal);
    expect(all.map(({ status }) => status)).toEqual(["ok", "ok", "ok"]);
    const [, second = ""] = names;
    const bytes = await readFile(path(second));
    const tenth = Math.floor(bytes.length / 10);
    await writeFile(path(second), bytes.fill(0xa5, bytes.length - tenth, bytes.length - 1));
    const found = await checkOutputs(tools, files, signal);
    expect(found.map(({ status }) => status)).toEqual(["ok", "invalid", "ok"]);
    expect(found[1]).toMatchObject({ detail: expect.stringContaining(`${second}: it does not`) });
  });

  it("stops a file cut short, a file of another format, an empty one and none", async () => {
    await makeMp4(tools, path("full.mp4"), { output: ["-movflags", "+faststart"] });
    const bytes = await readFile(path("full.mp4"));
    await writeFile(path("half.mp4"), bytes.subarray(0, bytes.length / 2));
    await ffmpeg(tools, ["-i", path("full.mp4"), "-c", "copy", "-f", "matroska", path("mkv.mp4")]);
    await writeFile(path("zero.mp4"), "");
    for (const name of ["half.mp4", "mkv.mp4", "zero.mp4", "none.mp4"]) {
      expect(await check(name, promiseOf(6)), name).toMatchObject({ status: "invalid" });
    }
    const none = await check("none.mp4", promiseOf(6));
    expect(none).toEqual({
      status: "invalid",
      detail: "result.mp4: the file was promised, but it does not exist.",
    });
  });
});
