/**
 * What the `hls` recipe makes, played to its end by the players that people use, from the edge's own signed URLs
 * and from a page of another origin.
 */
import { readFile, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Job } from "../../protocol/http/jobs.ts";
import { hasChromium, launchChromium } from "./browser.ts";
import { startWorld, type World } from "./telecine.ts";

const SECONDS = 9;
const FRAMES = SECONDS * 25;

const require = createRequire(import.meta.url);
const scripts = {
  "/hls.js": path.join(path.dirname(require.resolve("hls.js/package.json")), "dist/hls.min.js"),
  "/shaka.js": path.join(
    path.dirname(require.resolve("shaka-player/package.json")),
    "dist/shaka-player.compiled.js",
  ),
};

/** Both players tell what they met by one shape; `played` settles when the video has ended, or on an error. */
const PAGE = `<!doctype html><meta charset="utf-8"><video id="v" muted playsinline></video>
<script src="/hls.js"></script><script src="/shaka.js"></script><script>
const video = document.getElementById("v");
const met = { errors: [], levels: [], tracks: {}, cues: [] };
const once = (list) => [...new Set(list)];
const ended = () => new Promise((resolve) => {
  video.addEventListener("ended", resolve, { once: true });
  const watch = setInterval(() => { if (met.errors.length > 0) { clearInterval(watch); resolve(); } }, 100);
});
const report = () => ({ ...met, time: video.currentTime, duration: video.duration,
  width: video.videoWidth, frames: video.getVideoPlaybackQuality().totalVideoFrames });
async function playHls(url) {
  const hls = new Hls({ enableWorker: false, renderTextTracksNatively: false, startLevel: 0 });
  hls.on(Hls.Events.ERROR, (_, e) => met.errors.push(e.type + ": " + e.details + " " + (e.reason ?? "")));
  hls.on(Hls.Events.LEVEL_SWITCHED, (_, e) => met.levels.push(e.level));
  hls.on(Hls.Events.MANIFEST_PARSED, () => {
    met.tracks.levels = hls.levels.map((l) => l.height);
  });
  hls.on(Hls.Events.AUDIO_TRACKS_UPDATED, () => { met.tracks.audio = hls.audioTracks.map((t) => t.lang); });
  hls.on(Hls.Events.CUES_PARSED, (_, e) => met.cues.push(...e.cues.map((c) => c.text)));
  // Another rung for every segment.
  hls.on(Hls.Events.FRAG_BUFFERED, (_, e) => {
    if (e.frag.type === "main") hls.nextLoadLevel = (e.frag.level + 1) % hls.levels.length;
  });
  hls.loadSource(url);
  hls.attachMedia(video);
  const done = ended();
  await video.play();
  hls.subtitleDisplay = true;
  hls.subtitleTrack = 0;
  await done;
  return report();
}
async function playShaka(url) {
  shaka.polyfill.installAll();
  const player = new shaka.Player();
  await player.attach(video);
  player.addEventListener("error", (e) => met.errors.push("shaka " + e.detail.code + " " + JSON.stringify(e.detail.data)));
  try { await player.load(url); } catch (e) { met.errors.push("load " + e.code + " " + JSON.stringify(e.data)); return report(); }
  met.tracks = { levels: once(player.getVariantTracks().map((t) => t.height)),
    audio: once(player.getVariantTracks().map((t) => t.language)), text: player.getTextTracks().map((t) => t.language) };
  const done = ended();
  await video.play();
  await done;
  return report();
}
/** What a player throws is told, too. */
async function play(player, url) {
  try { return await player(url); } catch (e) { met.errors.push(String(e?.stack ?? e)); return report(); }
}
</script>`;

interface Played {
  readonly errors: readonly string[];
  readonly levels: readonly number[];
  readonly tracks: { levels?: number[]; audio?: string[]; text?: string[] };
  readonly time: number;
  readonly duration: number;
  readonly frames: number;
  readonly cues: readonly string[];
}

let world: World;
let browser: Browser;
let pages: Server;
let origin: string;
let videoId: string;
const jobs = new Map<string, Job>();

async function servePages(): Promise<void> {
  pages = createServer((request, response) => {
    const file = Object.entries(scripts).find(([name]) => name === request.url)?.[1];
    if (file === undefined) {
      response.writeHead(200, { "content-type": "text/html" }).end(PAGE);
      return;
    }
    readFile(file).then(
      (bytes) => response.writeHead(200, { "content-type": "text/javascript" }).end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((resolve) => pages.listen(0, "127.0.0.1", resolve));
  const address = pages.address();
  origin = `http://127.0.0.1:${typeof address === "object" ? address?.port : 0}`;
}

async function ladderOf(layout: "single_file" | "segments"): Promise<Job> {
  const known = jobs.get(layout);
  if (known !== undefined) return known;
  const recipe = { name: "hls" as const, layout, segmentSeconds: 3, preset: "ultrafast" as const };
  const job = await world.finish({ videoId, recipe });
  jobs.set(layout, job);
  return job;
}

describe.skipIf(!hasChromium)("a ladder in a browser", () => {
  beforeAll(async () => {
    [world, browser] = await Promise.all([startWorld(), launchChromium(), servePages()]);
    const cues = path.join(world.folder, "cues.srt");
    await writeFile(cues, "1\n00:00:01,000 --> 00:00:03,000\nHello there\n\n");
    const clip = await world.makeClip("film.mp4", [
      ...["-f", "lavfi", "-i", `testsrc2=size=640x480:rate=25:duration=${SECONDS}`],
      ...["-f", "lavfi", "-i", `sine=frequency=440:duration=${SECONDS}`],
      ...["-f", "lavfi", "-i", `sine=frequency=880:duration=${SECONDS}`],
      ...["-i", cues, "-map", "0", "-map", "1", "-map", "2", "-map", "3"],
      ...["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-pix_fmt", "yuv420p"],
      ...["-c:a", "aac", "-c:s", "mov_text", "-metadata:s:a:0", "language=eng"],
      ...["-metadata:s:a:1", "language=deu", "-metadata:s:s:0", "language=eng"],
    ]);
    videoId = await world.upload(clip);
  }, 90_000);
  afterAll(async () => {
    await browser?.close();
    pages?.close();
    await world?.stop();
  });

  async function play(player: "playHls" | "playShaka", url: string): Promise<Played> {
    const page = await browser.newPage();
    try {
      await page.goto(origin);
      return await page.evaluate(`play(${player}, ${JSON.stringify(url)})`);
    } finally {
      await page.close();
    }
  }

  function expectWhole(played: Played): void {
    expect(played.errors).toEqual([]);
    expect(played.duration).toBeGreaterThan(SECONDS - 0.1);
    expect(played.duration).toBeLessThan(SECONDS + 0.2);
    expect(played.time).toBeCloseTo(played.duration, 1);
    expect(played.frames).toBeGreaterThan(FRAMES * 0.9);
  }

  const urlOf = (job: Job, name: string) => {
    const url = job.outputs.find((output) => output.name === name)?.url;
    if (url === undefined) throw new Error(`${name}: ${JSON.stringify(job.error ?? job.outputs)}`);
    return url;
  };

  test("is listed as a playlist and a manifest, and each of its files is served under their signature", async () => {
    const job = await ladderOf("single_file");
    expect(job.error).toBeNull();
    expect(job.stages.map(({ name }) => name)).toEqual([
      "probing",
      "planning",
      "transcoding",
      "merging",
    ]);
    expect(job.outputs.map(({ name, format, contentType }) => [name, format, contentType])).toEqual(
      [
        ["result.m3u8", "hls", "application/vnd.apple.mpegurl"],
        ["result.mpd", "dash", "application/dash+xml"],
      ],
    );
    expect(job.outputs[0]).toMatchObject({ width: 640, height: 480, videoCodec: "h264" });
    const master = urlOf(job, "result.m3u8");
    const text = await (await fetch(master)).text();
    const names = [...text.matchAll(/URI="([^"]+)"|^([^#\n].*)$/gm)].map(
      ([, a, b]) => a ?? b ?? "",
    );
    expect(names.length).toBeGreaterThan(8);
    for (const name of names) {
      const answer = await fetch(new URL(name, master), {
        headers: { origin: "http://elsewhere.test" },
      });
      expect([name, answer.status, answer.headers.get("access-control-allow-origin")]).toEqual([
        name,
        200,
        "*",
      ]);
    }
  }, 60_000);

  test.each(["single_file", "segments"] as const)(
    "of layout %s is played to its end by hls.js, up and down its rungs",
    async (layout) => {
      const played = await play("playHls", urlOf(await ladderOf(layout), "result.m3u8"));
      expectWhole(played);
      expect(new Set(played.levels).size).toBeGreaterThan(1);
      expect(played.tracks.audio).toEqual(["eng", "deu"]);
      expect(played.cues).toContain("Hello there");
    },
    90_000,
  );

  test.each([
    ["single_file", "result.m3u8"],
    ["single_file", "result.mpd"],
    ["segments", "result.mpd"],
  ] as const)(
    "of layout %s is played to its end by shaka-player from %s",
    async (layout, name) => {
      const played = await play("playShaka", urlOf(await ladderOf(layout), name));
      expectWhole(played);
      expect(played.tracks.levels?.sort((a, b) => b - a)).toEqual([480, 360, 240]);
      expect(played.tracks.audio?.sort()).toEqual(["de", "en"]);
      expect(played.tracks.text).toEqual(["en"]);
    },
    90_000,
  );
});
