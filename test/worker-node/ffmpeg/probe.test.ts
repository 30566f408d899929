import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { probeSource, type Tools } from "../../../worker-node/ffmpeg/index.ts";
import type { ProbeRequest } from "../../../worker-node/ffmpeg/types.ts";
import { FLOOD, ffmpeg, footage, makeMp4, scratch, serve, standIn, toolSets } from "./support.ts";

const dir = await scratch();
const sets = await toolSets();
const signal = new AbortController().signal;

async function probe(tools: Tools, path: string, change: Partial<ProbeRequest> = {}) {
  const { url, sizeBytes } = await serve(path);
  return probeSource(tools, { url, sizeBytes, signal, ...change });
}

async function probed(tools: Tools, path: string, change: Partial<ProbeRequest> = {}) {
  const result = await probe(tools, path, change);
  if (result.status !== "ok") throw new Error(result.detail);
  return result.source;
}

/** Writes the bytes of a file, changed, under another name. */
async function damaged(from: string, name: string, change: (bytes: Buffer) => Buffer) {
  const path = join(dir, name);
  await writeFile(path, change(await readFile(from)));
  return path;
}

/** Gives the first track's display matrix a quarter turn clockwise (ISO/IEC 14496-12, 8.3.2). */
function turned(bytes: Buffer): Buffer {
  const matrix = bytes.indexOf("tkhd") + 4 + 40;
  for (const [i, value] of [0, 0x10000, 0, -0x10000, 0, 0].entries()) {
    bytes.writeInt32BE(value, matrix + 4 * i);
  }
  return bytes;
}

describe.each(sets)("a source probed with $name", ({ tools }) => {
  const path = (name: string) => join(dir, `${tools.version}-${name}`);

  it("as real footage is what it is", async () => {
    const clip = await footage(tools, dir);
    const source = await probed(tools, clip.path);
    expect(source).toMatchObject({ format: "avi", audio: [], mp4: null, attachedPictures: 0 });
    expect(source.durationSeconds).toBeCloseTo(clip.seconds, 1);
    expect(source.video).toMatchObject({
      width: 768,
      height: 576,
      bitDepth: 8,
      rotation: 0,
      averageFrameRate: { num: 10, den: 1 },
      frames: clip.frames,
      interlaced: false,
    });
  });

  it("as footage that was cut off lasts as long as its head says, not as long as its bytes", async () => {
    const clip = await footage(tools, dir);
    const half = (bytes: Buffer) => bytes.subarray(0, Math.floor(bytes.length / 2));
    const source = await probed(tools, await damaged(clip.path, "cut.avi", half));
    expect(source.durationSeconds).toBeCloseTo(clip.seconds, 1);
  });

  it("made for the web is known to need nothing", async () => {
    await makeMp4(tools, path("web.mp4"), { seconds: 8, output: ["-movflags", "+faststart"] });
    const source = await probed(tools, path("web.mp4"), { forPassthrough: true });
    expect(source.mp4).toEqual({
      headFirst: true,
      fragmented: false,
      simpleEditList: true,
      maxKeyframeGapSeconds: 1,
      lastPictureSeconds: expect.closeTo(0.1, 3),
      sampleDecodesCleanly: true,
    });
    expect(source.audio).toEqual([
      expect.objectContaining({ codec: "aac", profile: "LC", channels: 1, sampleRate: 48_000 }),
    ]);
  });

  it("is not decoded unless that was asked for", async () => {
    await makeMp4(tools, path("lazy.mp4"), { output: ["-movflags", "+faststart"] });
    const source = await probed(tools, path("lazy.mp4"));
    expect(source.mp4).toMatchObject({ headFirst: true, sampleDecodesCleanly: false });
  });

  it("with its head last, or in fragments, is known to need writing anew", async () => {
    await makeMp4(tools, path("tail.mp4"));
    expect((await probed(tools, path("tail.mp4"))).mp4).toMatchObject({
      headFirst: false,
      fragmented: false,
      maxKeyframeGapSeconds: 1,
    });
    await makeMp4(tools, path("frag.mp4"), {
      output: ["-movflags", "+frag_keyframe+empty_moov+default_base_moof"],
    });
    expect((await probed(tools, path("frag.mp4"))).mp4).toMatchObject({
      fragmented: true,
      maxKeyframeGapSeconds: null,
    });
  });

  it("cut without encoding, its edit list hiding pictures, is not simple", async () => {
    await makeMp4(tools, path("whole.mp4"));
    await ffmpeg(tools, ["-ss", "2.5", "-i", path("whole.mp4"), "-c", "copy", path("cut.mp4")]);
    expect((await probed(tools, path("cut.mp4"))).mp4?.simpleEditList).toBe(false);
  });

  it("damaged in its middle or cut short does not decode cleanly", async () => {
    await makeMp4(tools, path("good.mp4"), { seconds: 12, output: ["-movflags", "+faststart"] });
    const size = (await readFile(path("good.mp4"))).length;
    const spoilt = await damaged(path("good.mp4"), "spoilt.mp4", (bytes) =>
      bytes.fill(0x5a, Math.floor(size * 0.3), Math.floor(size * 0.9)),
    );
    const short = await damaged(path("good.mp4"), "short.mp4", (bytes) =>
      bytes.subarray(0, Math.floor(size * 0.8)),
    );
    for (const file of [spoilt, short]) {
      const source = await probed(tools, file, { forPassthrough: true });
      expect(source.mp4).toMatchObject({ headFirst: true, sampleDecodesCleanly: false });
    }
  });

  it("held upright by its matrix is turned", async () => {
    await makeMp4(tools, path("level.mp4"));
    const upright = await damaged(path("level.mp4"), "upright.mp4", turned);
    const source = await probed(tools, upright);
    expect(source.video).toMatchObject({ width: 320, height: 180, rotation: 90 });
  });

  it("with cover art has a picture beside its video; with nothing else it is no video", async () => {
    await makeMp4(tools, path("plain.mp4"));
    await ffmpeg(tools, ["-i", path("plain.mp4"), "-frames:v", "1", path("cover.jpg")]);
    const cover = ["-i", path("cover.jpg")];
    await ffmpeg(tools, [
      ...["-i", path("plain.mp4"), ...cover, "-map", "0", "-map", "1", "-c", "copy"],
      ...["-disposition:v:1", "attached_pic", path("covered.mp4")],
    ]);
    const source = await probed(tools, path("covered.mp4"));
    expect(source).toMatchObject({ attachedPictures: 1, video: { codec: "h264" } });

    await ffmpeg(tools, [
      ...["-i", path("plain.mp4"), ...cover, "-map", "0:a", "-map", "1", "-c", "copy"],
      ...["-disposition:v:0", "attached_pic", path("song.mp4")],
    ]);
    expect(await probed(tools, path("song.mp4"))).toMatchObject({ video: null });
  });

  it("in Matroska has its duration and its 10 bits", async () => {
    await ffmpeg(tools, [
      ...["-f", "lavfi", "-i", "testsrc2=s=320x180:r=30000/1001:d=2,format=yuv420p10le"],
      ...["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none"],
      path("ten.mkv"),
    ]);
    const source = await probed(tools, path("ten.mkv"));
    expect(source.format).toBe("matroska,webm");
    expect(source.durationSeconds).toBeCloseTo(2, 1);
    expect(source.video).toMatchObject({ codec: "hevc", bitDepth: 10, pixelFormat: "yuv420p10le" });
    expect(source.video?.durationSeconds).toBeCloseTo(2, 1);
  });

  it("that is empty, a text, an image or a playlist is of no format we take", async () => {
    await makeMp4(tools, path("frame.mp4"), { seconds: 1 });
    await ffmpeg(tools, ["-i", path("frame.mp4"), "-frames:v", "1", path("image.png")]);
    await ffmpeg(tools, ["-i", path("frame.mp4"), "-frames:v", "1", path("image.jpg")]);
    const canary = await serve(path("frame.mp4"));
    const texts = {
      "empty.mp4": "",
      "text.mp4": "Dear diary, today I was renamed.\n".repeat(50),
      "hls.mp4": `#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n${canary.url}\n#EXT-X-ENDLIST\n`,
      "concat.mp4": `ffconcat version 1.0\nfile ${canary.url}\n`,
    };
    const files = [path("image.png"), path("image.jpg")];
    for (const [name, text] of Object.entries(texts)) {
      await writeFile(path(name), text);
      files.push(path(name));
    }
    for (const file of files) {
      expect(await probe(tools, file), file).toMatchObject({
        status: "failed",
        code: "UNSUPPORTED_FORMAT",
        retryable: false,
      });
    }
    expect(canary.served()).toBe(0);
  });

  it("that lost the part with its head is damaged", async () => {
    await makeMp4(tools, path("intact.mp4"));
    const lost = await damaged(path("intact.mp4"), "lost.mp4", (b) => b.subarray(0, b.length / 2));
    expect(await probe(tools, lost)).toMatchObject({
      status: "failed",
      code: "TRANSCODE_ERROR",
      retryable: false,
      detail: expect.stringMatching(/damaged or incomplete.*moov atom not found/),
    });
  });

  it("that ends within its head holds nothing, though ffprobe exits with 0", async () => {
    await makeMp4(tools, path("head.mp4"), { output: ["-movflags", "+faststart"] });
    const within = await damaged(path("head.mp4"), "within.mp4", (b) => b.subarray(0, 400));
    expect(await probe(tools, within)).toMatchObject({ status: "failed", retryable: false });
  });

  it("that its server does not give is tried again", async () => {
    const url = "http://127.0.0.1:1/nobody";
    expect(await probeSource(tools, { url, sizeBytes: 1000, signal })).toMatchObject({
      status: "failed",
      code: "TRANSCODE_ERROR",
      retryable: true,
    });
  });
});

describe("a probe", () => {
  const [usual] = sets;
  if (usual === undefined) throw new Error("no tools");
  const url = "http://127.0.0.1:1/nobody";
  const withProbe = async (script: string): Promise<Tools> => ({
    ...usual.tools,
    ffprobe: await standIn(dir, `ffprobe-${crypto.randomUUID()}`, script),
  });

  it("does not believe an exit code of 0: nothing was printed, nothing is known", async () => {
    for (const text of ["", "{}", '{"streams": []}']) {
      const tools = await withProbe(`process.stdout.write(${JSON.stringify(text)});`);
      expect(await probeSource(tools, { url, sizeBytes: 10, signal })).toMatchObject({
        status: "failed",
        code: "UNSUPPORTED_FORMAT",
      });
    }
  });

  it("that crashes is the engine's fault, not the source's", async () => {
    const tools = await withProbe('process.kill(process.pid, "SIGSEGV");');
    expect(await probeSource(tools, { url, sizeBytes: 10, signal })).toMatchObject({
      code: "ENGINE_INVOCATION_ERROR",
      retryable: true,
    });
  });

  it("that is flooded gives up", async () => {
    const tools = await withProbe(FLOOD);
    expect(await probeSource(tools, { url, sizeBytes: 10, signal })).toMatchObject({
      code: "UNSUPPORTED_FORMAT",
      retryable: false,
    });
  });

  it("that is aborted throws what it was aborted for", async () => {
    const controller = new AbortController();
    const tools = await withProbe("setInterval(() => {}, 1000);");
    const probing = probeSource(tools, { url, sizeBytes: 10, signal: controller.signal });
    controller.abort(new Error("cancelled"));
    await expect(probing).rejects.toThrow("cancelled");
  });
});
