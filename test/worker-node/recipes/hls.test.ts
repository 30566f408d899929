/** The adaptive ladder on real sources, read again by ffmpeg and ffprobe. */
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { requires } from "../support/requires.ts";
import { type Bench, frameTimes, openBench, type RecipeRun } from "./support.ts";

let bench: Bench;
/** 13 s of 30000/1001 with B-frames, two languages and subtitles. */
let film: string;
let ladder: RecipeRun;

const X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-bf", "2"];
const FRAMES = 390;

beforeAll(async () => {
  bench = await openBench();
  const cues = join(bench.dir, "cues.srt");
  writeFileSync(cues, "1\n00:00:01,000 --> 00:00:03,000\nHello there\n\n");
  film = bench.make(
    "film.mp4",
    ...["-f", "lavfi", "-i", "testsrc2=s=854x480:r=30000/1001:d=13.013"],
    ...["-f", "lavfi", "-i", "sine=f=440:d=13"],
    ...["-f", "lavfi", "-i", "sine=f=880:d=13"],
    ...["-i", cues, "-map", "0", "-map", "1", "-map", "2", "-map", "3", ...X264],
    ...["-c:a", "aac", "-c:s", "mov_text", "-metadata:s:a:0", "language=eng"],
    ...["-metadata:s:a:1", "language=deu", "-metadata:s:s:0", "language=eng"],
  );
  ladder = await bench.run(film, { name: "hls" });
}, 120_000);
afterAll(() => bench.close());

const text = (run: RecipeRun, file: string) => readFileSync(join(run.scratchDir, file), "utf8");

/** Decodes a playlist to its end, loudly, and counts what it shows. */
function decode(run: RecipeRun, playlist: string, stream = "v:0"): number {
  const lines = execFileSync(
    bench.tools.ffprobe,
    [
      ...["-v", "error", "-count_frames", "-select_streams", stream, "-of", "csv=p=0"],
      ...["-show_entries", "stream=nb_read_frames", "-allowed_extensions", "ALL"],
      join(run.scratchDir, playlist),
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  return Number(lines.toString().trim().split("\n")[0]);
}

/** Each key picture decoded alone, from the head and its own range and nothing else. */
function keyPictures(run: RecipeRun, playlist: string): number[] {
  const lines = text(run, playlist).split("\n");
  const [, headName, ofHead] =
    /EXT-X-MAP:URI="([^"]+)"(?:,BYTERANGE="(\d+)@0")?/.exec(lines.join("\n")) ?? [];
  const head = readFileSync(join(run.scratchDir, headName ?? "")).subarray(
    0,
    ofHead === undefined ? undefined : Number(ofHead),
  );
  return lines.flatMap((line, at) => {
    const range = /^#EXT-X-BYTERANGE:(\d+)@(\d+)$/.exec(line);
    if (range === null) return [];
    const [size, from] = [Number(range[1]), Number(range[2])];
    const media = readFileSync(join(run.scratchDir, lines[at + 1] ?? ""));
    const alone = join(bench.dir, "alone.mp4");
    writeFileSync(alone, Buffer.concat([head, media.subarray(from, from + size)]));
    const raw = execFileSync(
      bench.tools.ffmpeg,
      ["-nostdin", "-v", "quiet", "-i", alone, "-f", "rawvideo", "-pix_fmt", "gray", "-"],
      { maxBuffer: 50_000_000 },
    );
    return [raw.length];
  });
}

function keyTimes(file: string): string[] {
  const lines = execFileSync(bench.tools.ffprobe, [
    ...["-v", "error", "-select_streams", "v:0", "-show_entries", "packet=pts_time,flags"],
    ...["-of", "csv=p=0", file],
  ]);
  return lines
    .toString()
    .split("\n")
    .filter((line) => line.includes("K"))
    .map((line) => Number.parseFloat(line).toFixed(3));
}

const rungs = ["result-video-480p", "result-video-360p", "result-video-240p"];

describe("a ladder", () => {
  test("has every picture of the source in every rung, shown when the source shows it", () => {
    const times = frameTimes(bench.tools, film, "v:0");
    expect(times).toHaveLength(FRAMES);
    for (const rung of rungs) {
      expect(decode(ladder, `${rung}.m3u8`)).toBe(FRAMES);
      const own = frameTimes(bench.tools, join(ladder.scratchDir, `${rung}.mp4`), "v:0");
      expect(own.map((time) => time.toFixed(3))).toEqual(times.map((time) => time.toFixed(3)));
    }
  });

  test("has its key frames at the same times in all rungs, at most two seconds apart", () => {
    const [first, ...others] = rungs.map((rung) =>
      keyTimes(join(ladder.scratchDir, `${rung}.mp4`)),
    );
    expect(first?.slice(0, 4)).toEqual(["0.000", "2.002", "4.004", "6.006"]);
    for (const other of others) expect(other).toEqual(first);
  });

  test("is played by ffmpeg from its master playlist to the end without a complaint", () => {
    const said = execFileSync(
      bench.tools.ffmpeg,
      [
        ...["-nostdin", "-v", "warning", "-i", join(ladder.scratchDir, "result.m3u8")],
        ...["-map", "0:v", "-map", "0:a", "-f", "null", "-"],
      ],
      { stdio: ["ignore", "pipe", "pipe"] },
    );
    expect(said.toString()).toBe("");
  });

  test("says of each rung what it is, and what it takes at most and on average", () => {
    const master = text(ladder, "result.m3u8").split("\n");
    const variants = master.filter((line) => line.startsWith("#EXT-X-STREAM-INF"));
    expect(variants).toHaveLength(3);
    const seen = variants.map((line) => {
      const [, peak, average, codecs, size] =
        /BANDWIDTH=(\d+),AVERAGE-BANDWIDTH=(\d+),CODECS="([^"]+)",RESOLUTION=(\w+),FRAME-RATE=29\.970,VIDEO-RANGE=SDR,AUDIO="audio",SUBTITLES="subtitles",CLOSED-CAPTIONS=NONE/.exec(
          line,
        ) ?? [];
      expect(Number(peak)).toBeGreaterThanOrEqual(Number(average));
      return [codecs, size];
    });
    expect(seen.map(([, size]) => size)).toEqual(["854x480", "640x360", "428x240"]);
    for (const [codecs] of seen) expect(codecs).toMatch(/^avc1\.6400[0-9a-f]{2},mp4a\.40\.2$/);
    expect(master.filter((line) => line.startsWith("#EXT-X-I-FRAME-STREAM-INF"))).toHaveLength(3);
    expect(text(ladder, "result.m3u8")).toContain('NAME="Audio 2 (deu)",LANGUAGE="deu",DEFAULT=NO');
  });

  test("says the average that its files have", () => {
    const [, average] = /AVERAGE-BANDWIDTH=(\d+).*854x480/.exec(text(ladder, "result.m3u8")) ?? [];
    const bytes = ["result-video-480p.mp4", "result-audio-1.mp4"]
      .map((file) => statSync(join(ladder.scratchDir, file)).size)
      .reduce((sum, size) => sum + size, 0);
    expect(Number(average) / ((bytes * 8) / 13)).toBeCloseTo(1, 1);
  });

  test("is cut where segments of six seconds begin, by ranges that follow each other to the file's end", () => {
    for (const rung of rungs) {
      const lines = text(ladder, `${rung}.m3u8`).split("\n");
      expect(lines).toContain("#EXT-X-TARGETDURATION:6");
      expect(lines.filter((line) => line.startsWith("#EXTINF"))).toEqual([
        "#EXTINF:6.006000,",
        "#EXTINF:6.006000,",
        "#EXTINF:1.001000,",
      ]);
      let at = Number(/BYTERANGE="(\d+)@0"/.exec(lines.join("\n"))?.[1]);
      for (const line of lines) {
        const range = /^#EXT-X-BYTERANGE:(\d+)@(\d+)$/.exec(line);
        if (range === null) continue;
        expect(Number(range[2])).toBe(at);
        at += Number(range[1]);
      }
      expect(at).toBe(statSync(join(ladder.scratchDir, `${rung}.mp4`)).size);
    }
  });

  test("has a key picture in every range of its playlist of key pictures", () => {
    expect(keyPictures(ladder, "result-video-240p-iframes.m3u8")).toEqual(Array(7).fill(428 * 240));
  });

  test("keeps sound and cues: each language a rendition, of the source's length", () => {
    expect(decode(ladder, "result-audio-1.m3u8", "a:0")).toBeGreaterThan(558);
    expect(decode(ladder, "result-audio-2.m3u8", "a:0")).toBeGreaterThan(558);
    expect(text(ladder, "result-subtitles-1.vtt")).toContain(
      "00:01.000 --> 00:03.000\nHello there",
    );
  });

  test("has a manifest with every segment of every playlist", () => {
    const manifest = text(ladder, "result.mpd");
    expect(manifest.match(/<Representation /g)).toHaveLength(6);
    expect(manifest.match(/<SegmentURL media="result-video-480p.mp4" mediaRange="/g)).toHaveLength(
      3,
    );
    expect(manifest).toContain('<S t="0" d="180180"/>');
  });

  test("as a file per segment has the same pictures", async () => {
    const run = await bench.run(film, {
      name: "hls",
      layout: "segments",
      segmentSeconds: 4,
      maxHeight: 240,
      audioLanguages: ["deu"],
    });
    expect(readdirSync(run.scratchDir).filter((name) => /video.*m4s$/.test(name))).toHaveLength(4);
    expect(decode(run, "result-video-240p.m3u8")).toBe(FRAMES);
    expect(keyPictures(run, "result-video-240p-iframes.m3u8")).toEqual(Array(7).fill(428 * 240));
    expect(text(run, "result.m3u8")).toMatch(/TYPE=AUDIO.*LANGUAGE="deu",DEFAULT=YES/);
  });
});

describe("other sources", () => {
  test("HEVC and AV1 have ladders of their own, with their codecs' names", async (context) => {
    requires(context, bench.tools, "encoder", "libsvtav1");
    const clip = bench.make(
      "short.mp4",
      "-f",
      "lavfi",
      "-i",
      "testsrc2=s=320x180:r=25:d=5",
      ...X264,
    );
    const run = await bench.run(clip, { name: "hls", codecs: ["h264", "hevc", "av1"] });
    const master = text(run, "result.m3u8");
    for (const codec of [/"avc1\.64/, /"hvc1\.1\.6\.L\d+/, /"av01\.0\.\d\dM\.08"/]) {
      expect(master).toMatch(codec);
    }
    for (const name of ["result-video-180p", "result-video-180p-hevc", "result-video-180p-av1"]) {
      expect(decode(run, `${name}.m3u8`)).toBe(125);
      expect(keyTimes(join(run.scratchDir, `${name}.mp4`))).toEqual(["0.000", "2.000", "4.000"]);
    }
  });

  test("uneven times, a late picture and no sound keep their frames", async () => {
    const clip = bench.make(
      "uneven.mkv",
      ...["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=8", "-vf"],
      "select='not(mod(n\\,3))+lt(n\\,50)',setpts=PTS+0.6/TB",
      ...["-fps_mode", "vfr", ...X264],
    );
    const run = await bench.run(clip, { name: "hls" });
    expect(decode(run, "result-video-180p.m3u8")).toBe(frameTimes(bench.tools, clip, "v:0").length);
  });

  test("sound alone is a presentation of sound", async () => {
    const clip = bench.make("sound.mp4", "-f", "lavfi", "-i", "sine=f=440:d=9", "-c:a", "aac");
    const run = await bench.run(clip, { name: "hls" });
    expect(text(run, "result.m3u8")).toMatch(/CODECS="mp4a\.40\.2"\nresult-audio-1\.m3u8/);
    expect(decode(run, "result.m3u8", "a:0")).toBeGreaterThan(380);
  });

  test.each([
    ["one channel", "mono", "1"],
    ["two channels", "stereo", "2"],
  ])("sound of %s says so in both manifests", async (_number, layout, channels) => {
    const sine = `sine=f=440:d=2,aformat=channel_layouts=${layout}`;
    const clip = bench.make(`${layout}.mp4`, "-f", "lavfi", "-i", sine, "-c:a", "aac");
    const run = await bench.run(clip, { name: "hls" });
    expect(text(run, "result.mpd")).toContain(`channel_configuration:2011" value="${channels}"`);
    const picture = ["-f", "lavfi", "-i", "testsrc2=s=64x36:r=25:d=2", ...X264];
    const film = bench.make(`${layout}-film.mp4`, "-i", clip, ...picture, "-c:a", "copy");
    const { scratchDir } = await bench.run(film, { name: "hls" });
    expect(readFileSync(join(scratchDir, "result.m3u8"), "utf8")).toContain(
      `CHANNELS="${channels}"`,
    );
  });

  test("turned pictures have their rungs upright", async () => {
    const flat = bench.make(
      "flat.mp4",
      "-f",
      "lavfi",
      "-i",
      "testsrc2=s=640x360:r=25:d=2",
      ...X264,
    );
    const turned = bench.make(
      "turned.mp4",
      "-i",
      flat,
      "-c",
      "copy",
      "-metadata:s:v:0",
      "rotate=90",
    );
    const run = await bench.run(turned, { name: "hls" });
    const sizes = run.plan.outputs.flatMap(({ format, video }) =>
      format === "mp4" && video !== null ? [`${video.width}x${video.height}`] : [],
    );
    expect(run.source.video?.rotation).toBe(270);
    expect(sizes).toEqual(["360x640", "240x426"]);
  });
});
