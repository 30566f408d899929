/**
 * What the `hls` recipe makes, played to its end by the players that people use, from the edge's own signed URLs
 * and from a page of another origin.
 */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Job } from "../../protocol/http/jobs.ts";
import { hasChromium, launchChromium } from "./browser.ts";
import { type Played, type Players, startPlayers } from "./players.ts";
import { startWorld, type World } from "./telecine.ts";

const SECONDS = 9;
const FRAMES = SECONDS * 25;

let world: World;
let browser: Browser;
let players: Players;
let videoId: string;
const jobs = new Map<string, Job>();

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
    [world, browser, players] = await Promise.all([startWorld(), launchChromium(), startPlayers()]);
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
    players?.stop();
    await world?.stop();
  });

  const play = (player: "playHls" | "playShaka", url: string) => players.play(browser, player, url);

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
