/** Each built-in preset, run by real ffmpeg: what its description promises is what ffprobe reads. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, type TestContext, test } from "vitest";
import { builtInPreset, builtInPresets } from "../../protocol/presets.ts";
import {
  type Bench,
  openBench,
  type ProbedStream,
  probeOutput,
} from "../worker-node/recipes/support.ts";
import { requires } from "../worker-node/support/requires.ts";
import { isFullRun } from "./support/counts.ts";

let bench: Bench;
let source: string;
beforeAll(async () => {
  bench = await openBench();
  source = bench.make(
    "camera.mkv",
    ...["-f", "lavfi", "-i", "testsrc2=s=1920x1080:r=25:d=0.2"],
    ...["-f", "lavfi", "-i", "aevalsrc='0.02*sin(2*PI*300*t)':d=4:s=48000"],
    ...["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv422p10le", "-c:a", "aac"],
  );
});
afterAll(() => bench.close());

function run(presetId: string) {
  const preset = builtInPreset(presetId);
  if (preset === null) throw new Error(`There is no preset ${presetId}.`);
  return bench.run(source, preset.recipe, preset.format);
}

const tried = new Set<string>();
/** Slow presets, which only the long run makes. */
const slow = ["hls-2160p", "archive-hevc"];

function preset(id: string, law: string, check: (context: TestContext) => Promise<void>) {
  tried.add(id);
  test.skipIf(!isFullRun && slow.includes(id))(`${id}: ${law}`, check);
}

preset("web-1080p", "8-bit H.264 and AAC of the source's size, its head first", async () => {
  const { video, audio, file } = await run("web-1080p");
  expect(video).toMatchObject({ codec_name: "h264", width: 1920, height: 1080 });
  expect([video?.pix_fmt, audio?.codec_name]).toEqual(["yuv420p", "aac"]);
  const bytes = readFileSync(file);
  expect(bytes.indexOf("moov")).toBeLessThan(bytes.indexOf("mdat"));
});

preset("web-720p", "the same, no larger than 1280 by 720", async () => {
  const { video } = await run("web-720p");
  expect(video).toMatchObject({
    codec_name: "h264",
    width: 1280,
    height: 720,
    nb_read_frames: "5",
  });
});

async function rungs(id: string): Promise<readonly (ProbedStream | undefined)[]> {
  const { plan, scratchDir } = await run(id);
  const media = plan.outputs.filter(({ format, video }) => format === "mp4" && video !== null);
  return media.map(({ file }) => probeOutput(bench.tools, join(scratchDir, file)).streams[0]);
}

preset("hls-1080p", "H.264 from 1080 lines down", async () => {
  const found = await rungs("hls-1080p");
  expect(found.map((rung) => [rung?.codec_name, rung?.height])).toEqual(
    [1080, 720, 480, 360, 240].map((height) => ["h264", height]),
  );
});

preset("hls-2160p", "H.264 and HEVC, never larger than the source", async () => {
  const found = await rungs("hls-2160p");
  const tags = new Set(found.map((rung) => `${rung?.codec_name} ${rung?.codec_tag_string}`));
  expect(tags).toEqual(new Set(["h264 avc1", "hevc hvc1"]));
  expect(Math.max(...found.map((rung) => rung?.height ?? 0))).toBe(1080);
});

preset("archive-hevc", "HEVC with the source's size, frames and depth", async () => {
  const { video } = await run("archive-hevc");
  expect(video).toMatchObject({ codec_name: "hevc", codec_tag_string: "hvc1", width: 1920 });
  expect(video).toMatchObject({ height: 1080, pix_fmt: "yuv420p10le", nb_read_frames: "5" });
});

preset("av1-small", "AV1 with the source's size and frames", async (context) => {
  requires(context, bench.tools, "encoder", "libsvtav1");
  const { video } = await run("av1-small");
  expect(video).toMatchObject({
    codec_name: "av1",
    width: 1920,
    height: 1080,
    nb_read_frames: "5",
  });
});

preset("edit-proxy", "540 lines, every picture a key frame", async () => {
  const { video, file } = await run("edit-proxy");
  expect(video).toMatchObject({ codec_name: "h264", width: 960, height: 540 });
  const flags = execFileSync(bench.tools.ffprobe, [
    ...["-v", "error", "-select_streams", "v", "-show_entries", "packet=flags"],
    ...["-of", "csv=p=0", file],
  ]);
  expect(flags.toString().trim().split("\n")).toEqual(Array(5).fill(expect.stringMatching(/^K/)));
});

preset("social-vertical", "1080 by 1920, filled", async () => {
  const { video } = await run("social-vertical");
  expect(video).toMatchObject({ width: 1080, height: 1920, sample_aspect_ratio: "1:1" });
});

preset("seek-storyboard", "a sheet of pictures and the track of them", async () => {
  const { plan, scratchDir, video } = await run("seek-storyboard");
  expect(video?.codec_name).toBe("mjpeg");
  const [, track] = plan.outputs;
  const cues = readFileSync(join(scratchDir, track?.file ?? ""), "utf8");
  expect(cues).toMatch(/^WEBVTT\n[\s\S]*result\.jpg#xywh=0,0,/);
});

preset("podcast-audio", "MP3 of 128 kbit/s at -16 LUFS, within a unit", async () => {
  const { audio, video, file } = await run("podcast-audio");
  expect(video).toBeUndefined();
  expect(audio).toMatchObject({ codec_name: "mp3", bit_rate: "128000" });
  const meter = ["-nostdin", "-hide_banner", "-i", file, "-filter:a", "ebur128=peak=true"];
  const command = [bench.tools.ffmpeg, ...meter, "-f", "null", "-"];
  const said = execFileSync("sh", ["-c", '"$@" 2>&1', "sh", ...command]).toString();
  const summary = said.split("Summary:").at(-1) ?? "";
  expect(Math.abs(Number(/I:\s+(-?[\d.]+) LUFS/.exec(summary)?.[1]) + 16)).toBeLessThan(1);
  expect(Number(/Peak:\s+(-?[\d.]+) dBFS/.exec(summary)?.[1])).toBeLessThan(-1);
});

preset("poster-image", "a JPEG 1280 pixels wide", async () => {
  const { video } = await run("poster-image");
  expect(video).toMatchObject({ codec_name: "mjpeg", width: 1280, height: 720 });
});

test("every built-in preset is tried here", () => {
  expect(tried).toEqual(new Set(builtInPresets.map(({ presetId }) => presetId)));
});
