import { mkdtemp, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { runStep } from "../../../worker-node/ffmpeg/index.ts";
import { giveLastFrameTime } from "../../../worker-node/ffmpeg/last-frame.ts";
import { type Movie, readMovie } from "../../../worker-node/ffmpeg/mp4-boxes.ts";
import { ffmpeg, makeMp4, scratch, serve, stepOf, toolSets } from "./support.ts";

const dir = await scratch();
const sets = await toolSets();

async function movieOf(file: string): Promise<Movie> {
  const bytes = await readFile(file);
  const read = async (at: number, length: number) => bytes.subarray(at, at + length);
  const movie = await readMovie({ size: bytes.length, read });
  if (movie === null) throw new Error(`${file} has no moov`);
  return movie;
}

function videoOf(movie: Movie) {
  const track = movie.tracks.find(({ handler }) => handler === "vide");
  if (track === undefined) throw new Error("there is no video");
  return track;
}

describe.each(sets)("frames that keep their own times, encoded with $name", ({ tools }) => {
  it("are all within the track and its edit, the last one too, and the sound is left alone", async () => {
    const source = join(dir, `source-${tools.version}.mp4`);
    await makeMp4(tools, source, { seconds: 3 });
    const { url } = await serve(source);
    const scratchDir = await mkdtemp(join(dir, "scratch-"));
    const step = stepOf({
      outputs: ["mp4", "mov"].map((muxer) => ({
        file: `out.${muxer}`,
        muxer,
        options: [
          ...["-map", "0:v:0", "-map", "0:a:0", "-c:v", "libx264", "-bf", "2", "-c:a", "copy"],
          ...["-fps_mode:v", "vfr", "-enc_time_base:v", "1:10000"],
          ...["-video_track_timescale", "10000"],
        ],
      })),
    });
    const ran = await runStep(tools, step, {
      inputUrl: () => url,
      scratchDir,
      signal: new AbortController().signal,
      onProgress: () => {},
      stallMs: 20_000,
    });
    expect(ran).toEqual({ status: "ok", log: [] });
    for (const file of ["out.mp4", "out.mov"]) {
      const movie = await movieOf(join(scratchDir, file));
      const video = videoOf(movie);
      const sum = video.durations.reduce((total, [count, delta]) => total + count * delta, 0);
      expect({ file, sum, duration: video.duration }).toEqual({
        file,
        sum: 30_000,
        duration: 30_000,
      });
      expect(video.durations.every(([, delta]) => delta > 0)).toBe(true);
      const shown = (video.edits.at(-1)?.duration ?? 0) / movie.timescale;
      expect(shown).toBeCloseTo(3, 2);
    }
    const sound = (movie: Movie) => movie.tracks.find(({ handler }) => handler === "soun");
    const kept = sound(await movieOf(join(scratchDir, "out.mp4")));
    expect(kept?.durations).toEqual(sound(await movieOf(source))?.durations);
  });
});

describe("a file whose last frame has its time", () => {
  const [{ tools }] = sets as [(typeof sets)[number]];

  it("is left as it is, byte for byte; so is one that is no MP4", async () => {
    const good = join(dir, "good.mp4");
    const other = join(dir, "other.mp4");
    await ffmpeg(tools, ["-f", "lavfi", "-i", "testsrc2=s=64x36:r=10:d=1", good]);
    await writeFile(other, "Not a video at all.\n".repeat(20));
    for (const file of [good, other]) {
      const before = await readFile(file);
      await giveLastFrameTime(file);
      expect((await readFile(file)).equals(before)).toBe(true);
    }
  });
});
