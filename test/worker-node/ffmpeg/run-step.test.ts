import { existsSync } from "node:fs";
import { mkdtemp, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { UNCONFINED } from "../../../worker-node/ffmpeg/confinement.ts";
import { type Progress, runStep, type Tools } from "../../../worker-node/ffmpeg/index.ts";
import type { RunStepOptions } from "../../../worker-node/ffmpeg/types.ts";
import {
  ffmpeg,
  footage,
  isRunning,
  scratch,
  serve,
  standIn,
  stepOf,
  toolSets,
} from "./support.ts";

const dir = await scratch();
const sets = await toolSets();

async function optionsFor(
  url: string,
  change: Partial<RunStepOptions> = {},
): Promise<RunStepOptions> {
  return {
    inputUrl: () => url,
    scratchDir: await mkdtemp(join(dir, "scratch-")),
    signal: new AbortController().signal,
    onProgress: () => {},
    stallMs: 20_000,
    ...change,
  };
}

describe.each(sets)("a step with $name", ({ tools }) => {
  it("encodes real footage from its server and reports how far it is, never going back", async () => {
    const clip = await footage(tools, dir);
    const source = await serve(clip.path);
    const reports: Progress[] = [];
    const options = await optionsFor(source.url, { onProgress: (p) => reports.push(p) });
    const step = stepOf({ expectedFrames: clip.frames, expectedSeconds: clip.seconds });
    expect(await runStep(tools, step, options)).toEqual({ status: "ok", log: [] });
    const frames = reports.map(({ frame }) => frame ?? 0);
    expect(frames.at(-1)).toBe(clip.frames);
    expect(frames).toEqual(frames.toSorted((a, b) => a - b));
    expect(reports.at(-1)?.outTimeSeconds).toBeCloseTo(clip.seconds, 0);
    expect((await stat(join(options.scratchDir, "out.mp4"))).size).toBeGreaterThan(100_000);
  });

  it("whose source ends before its declared duration failed, though ffmpeg says 0", async () => {
    const clip = await footage(tools, dir);
    const whole = await readFile(clip.path);
    const path = join(dir, "cut.avi");
    await writeFile(path, whole.subarray(0, Math.floor(whole.length / 2)));
    const source = await serve(path);
    const step = stepOf({ expectedSeconds: clip.seconds });
    const result = await runStep(tools, step, await optionsFor(source.url));
    expect(result).toMatchObject({
      status: "failed",
      code: "TRANSCODE_ERROR",
      retryable: false,
      exitCode: 0,
      detail: expect.stringMatching(/^The source ends after [\d.]+ s, before its declared/),
    });
  });

  it("of a playlist dressed up as a video opens nothing it names", async () => {
    const canary = await serve((await footage(tools, dir)).path);
    const path = join(dir, "playlist.mp4");
    await writeFile(
      path,
      `#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n${canary.url}\n#EXT-X-ENDLIST\n`,
    );
    const result = await runStep(tools, stepOf(), await optionsFor((await serve(path)).url));
    expect(result).toMatchObject({ status: "failed", code: "TRANSCODE_ERROR", retryable: false });
    expect(canary.served()).toBe(0);
  });

  it("of something that is no video names what ffmpeg said, without path or URL", async () => {
    const path = join(dir, "text.mp4");
    await writeFile(path, "Not a video at all.\n".repeat(1000));
    const source = await serve(path);
    const result = await runStep(tools, stepOf(), await optionsFor(source.url));
    expect(result).toMatchObject({
      status: "failed",
      code: "TRANSCODE_ERROR",
      retryable: false,
      detail: expect.stringContaining("Invalid data found when processing input"),
    });
    expect(JSON.stringify(result)).not.toContain("127.0.0.1");
  });

  it("that writes more than it may is stopped", async () => {
    const source = await serve((await footage(tools, dir)).path);
    const options = await optionsFor(source.url, { maxOutputBytes: 100_000 });
    expect(await runStep(tools, stepOf(), options)).toMatchObject({
      status: "failed",
      code: "TRANSCODE_ERROR",
      retryable: false,
      detail: expect.stringContaining("grew beyond"),
    });
    const { size } = await stat(join(options.scratchDir, "out.mp4"));
    expect(size).toBeLessThan(10_000_000);
  });

  it("that is aborted in its middle is dead when it returns", async () => {
    const source = await serve((await footage(tools, dir)).path);
    const controller = new AbortController();
    const options = await optionsFor(source.url, {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    const step = stepOf({ inputs: [{ from: { source: "in_1" }, options: ["-re"] }] });
    expect(await runStep(tools, step, options)).toMatchObject({ status: "aborted" });
  });

  it("reads what an earlier step wrote, and takes the sound of a file without pictures", async () => {
    const options = await optionsFor("http://127.0.0.1:1/unused", { threads: 1 });
    await ffmpeg(tools, [
      ...["-f", "lavfi", "-i", "sine=d=2", "-c:a", "pcm_s16le"],
      join(options.scratchDir, "sound.mkv"),
    ]);
    const step = stepOf({
      inputs: [{ from: { file: "sound.mkv" }, options: [] }],
      outputs: [{ file: "result.mp3", muxer: "mp3", options: ["-map", "0:a:0"] }],
      expectedSeconds: 2,
    });
    expect(await runStep(tools, step, options)).toMatchObject({ status: "ok" });
    expect(existsSync(join(options.scratchDir, "result.mp3"))).toBe(true);
  });

  it("of an encoder that is not there fails as any other", async () => {
    const source = await serve((await footage(tools, dir)).path);
    const step = stepOf({
      outputs: [{ file: "out.mp4", muxer: "mp4", options: ["-c:v", "no_such_encoder"] }],
    });
    expect(await runStep(tools, step, await optionsFor(source.url))).toMatchObject({
      status: "failed",
      code: "TRANSCODE_ERROR",
      retryable: false,
      detail: expect.stringContaining("Unknown encoder 'no_such_encoder'"),
    });
  });
});

describe("an ffmpeg that misbehaves", () => {
  const url = "http://127.0.0.1:1/unused";
  const with_ = async (script: string): Promise<Tools> => ({
    ffmpeg: await standIn(dir, `ffmpeg-${crypto.randomUUID()}`, script),
    ffprobe: "/nowhere",
    version: "stand-in",
    features: { statsPeriod: true, fpsMode: true, cmafFlag: true, vmaf: false },
    confinement: UNCONFINED,
    workDir: dir,
  });
  const block = (frame: number) =>
    `process.stdout.write("frame=${frame}\\nout_time_us=${frame}00000\\nprogress=continue\\n");`;

  it("by hanging, deaf to SIGTERM, is killed and called stalled", async () => {
    const tools = await with_(
      `process.on("SIGTERM", () => {}); require("node:fs").writeFileSync("pid", String(process.pid)); ${block(1)} setInterval(() => {}, 1000);`,
    );
    const options = await optionsFor(url, { stallMs: 1000 });
    expect(await runStep(tools, stepOf(), options)).toMatchObject({
      status: "failed",
      code: "ENGINE_INVOCATION_ERROR",
      detail: "FFmpeg made no progress for 1 s and was stopped.",
      retryable: true,
    });
    const pid = Number(await readFile(join(options.scratchDir, "pid"), "utf8"));
    expect(isRunning(pid)).toBe(false);
  });

  const movers: [string, string, Partial<RunStepOptions>][] = [
    [
      "frames",
      `let n = 0; setInterval(() => { n++; process.stdout.write("frame=" + n + "\\nprogress=continue\\n"); if (n > 25) process.exit(0); }, 100);`,
      {},
    ],
    [
      "bytes written",
      `let n = 0; setInterval(() => { require("node:fs").appendFileSync("out.mp4", "x"); if (++n > 25) process.exit(0); }, 100);`,
      {},
    ],
    [
      "bytes read from the source",
      "setTimeout(() => process.exit(0), 2500);",
      { movement: () => performance.now() },
    ],
  ];
  it.concurrent.each(movers)(
    "in no other way than slowness is left alone while it moves %s",
    async (_, script, change) => {
      const options = await optionsFor(url, { stallMs: 2000, ...change });
      expect(await runStep(await with_(script), stepOf(), options)).toMatchObject({ status: "ok" });
    },
  );

  it.each([1, 234])(
    "as NVENC does without a free session tells it of the hardware (exit code %d)",
    async (code) => {
      const tools = await with_(
        `console.error("[h264_nvenc @ 0x5581] OpenEncodeSessionEx failed: out of memory (10): (no details)\\n[h264_nvenc @ 0x5581] No capable devices found");
       process.exitCode = ${code};`,
      );
      const step = stepOf({ encoder: { name: "h264_nvenc", device: "cuda:0" } });
      expect(await runStep(tools, step, await optionsFor(url))).toMatchObject({
        status: "failed",
        hardwareFault: "exhausted",
        retryable: true,
        exitCode: code,
        detail: `FFmpeg exited with code ${code}: OpenEncodeSessionEx failed: out of memory (10): (no details)`,
      });
    },
  );

  it("sees the one card that the step is for", async () => {
    const tools = await with_(
      `require("node:fs").writeFileSync("card", process.env.CUDA_VISIBLE_DEVICES);`,
    );
    const options = await optionsFor(url);
    await runStep(tools, stepOf({ encoder: { name: "h264_nvenc", device: "cuda:3" } }), options);
    expect(await readFile(join(options.scratchDir, "card"), "utf8")).toBe("3");
  });

  it("by not saying how far it came in the end is judged by what it made", async () => {
    const tools = await with_(block(1));
    const step = { ...stepOf(), expectedSeconds: 60 };
    expect(await runStep(tools, step, await optionsFor(url))).toMatchObject({ status: "ok" });
  });

  it("by crashing is the engine's fault, and may be tried again", async () => {
    const tools = await with_('process.kill(process.pid, "SIGSEGV");');
    expect(await runStep(tools, stepOf(), await optionsFor(url))).toMatchObject({
      code: "ENGINE_INVOCATION_ERROR",
      detail: "FFmpeg crashed with SIGSEGV.",
      retryable: true,
    });
  });

  it("by succeeding without a frame has made nothing", async () => {
    const tools = await with_('process.stdout.write("frame=0\\nprogress=end\\n");');
    const step = stepOf({ expectedFrames: 100 });
    expect(await runStep(tools, step, await optionsFor(url))).toMatchObject({
      code: "ENGINE_EMPTY_RESPONSE",
      retryable: true,
    });
  });

  it("by vanishing could not be started", async () => {
    const tools = { ...(await with_("")), ffmpeg: join(dir, "gone") };
    expect(await runStep(tools, stepOf(), await optionsFor(url))).toMatchObject({
      code: "ENGINE_INVOCATION_ERROR",
      retryable: true,
    });
  });
});
