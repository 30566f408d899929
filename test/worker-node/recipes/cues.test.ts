/** Sources with cues: how long they are, and what becomes of the cues. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Bench, openBench, probeOutput } from "./support.ts";

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench.close());

/** Three seconds of pictures, and a cue that stands until the eighth. */
function longCue(container: "mkv" | "mp4"): string {
  const cues = join(bench.dir, "long.srt");
  writeFileSync(cues, "1\n00:00:02,000 --> 00:00:08,000\nstill here\n");
  return bench.make(
    `long-cue.${container}`,
    ...["-f", "lavfi", "-i", "testsrc2=s=64x36:r=25:d=3", "-i", cues],
    ...["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"],
    ...["-c:s", container === "mp4" ? "mov_text" : "srt"],
  );
}

describe("a cue that stands after the last picture", () => {
  test.each([
    ["mkv", { name: "transcode", preset: "ultrafast" }, "mp4"],
    ["mp4", { name: "transcode", preset: "ultrafast" }, "webm"],
    ["mp4", { name: "webReady" }, "mp4"],
    ["mkv", { name: "hls", preset: "ultrafast" }, "hls"],
  ] as const)("of an %s ends no job: %o to %s", async (container, recipe, format) => {
    const { plan, scratchDir } = await bench.run(longCue(container), recipe, format);
    const video = plan.outputs.find(({ file }) => /\.(?:mp4|webm)$/.test(file));
    const { streams } = probeOutput(bench.tools, join(scratchDir, video?.file ?? ""));
    const frames = streams.find(({ codec_type }) => codec_type === "video")?.nb_read_frames;
    expect(Number(frames)).toBe(75);
  });
});
