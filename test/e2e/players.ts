/** Players that people use, on a page of an origin of its own; files of a folder are served beside it, ranges too. */
import { createReadStream } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";
import path from "node:path";
import type { Browser } from "playwright-core";

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
async function play(player, url, rate) {
  video.defaultPlaybackRate = video.playbackRate = rate;
  try { return await player(url); } catch (e) { met.errors.push(String(e?.stack ?? e)); return report(); }
}
</script>`;

export interface Played {
  readonly errors: readonly string[];
  readonly levels: readonly number[];
  readonly tracks: { levels?: number[]; audio?: string[]; text?: string[] };
  readonly time: number;
  readonly duration: number;
  readonly frames: number;
  readonly cues: readonly string[];
}

export interface Players {
  readonly origin: string;
  /** Plays to the end, or to the first error, so many times as fast as it was made. */
  play(
    browser: Browser,
    player: "playHls" | "playShaka",
    url: string,
    rate?: number,
  ): Promise<Played>;
  stop(): void;
}

/** Serves the page, and under `/files/` what is in `folder`. */
export async function startPlayers(folder?: string): Promise<Players> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://players");
    const script = Object.entries(scripts).find(([name]) => name === pathname)?.[1];
    const sendScript = async (file: string) =>
      response.writeHead(200, { "content-type": "text/javascript" }).end(await readFile(file));
    const work =
      script !== undefined
        ? sendScript(script)
        : pathname.startsWith("/files/") && folder !== undefined
          ? sendFile(path.join(folder, path.basename(pathname)), request.headers.range, response)
          : Promise.resolve(response.writeHead(200, { "content-type": "text/html" }).end(PAGE));
    work.catch(() => response.writeHead(404).end());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    play: async (browser, player, url, rate = 1) => {
      const page = await browser.newPage();
      try {
        await page.goto(origin);
        return await page.evaluate(`play(${player}, ${JSON.stringify(url)}, ${rate})`);
      } finally {
        await page.close();
      }
    },
    stop: () => server.close(),
  };
}

/** As any web server sends a file: whole, or the one range that is asked for. */
async function sendFile(
  file: string,
  range: string | undefined,
  response: ServerResponse,
): Promise<void> {
  const { size } = await stat(file);
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range ?? "") ?? [];
  const start = Number(first ?? 0);
  const end = last ? Math.min(Number(last), size - 1) : size - 1;
  const isPart = first !== undefined;
  response.writeHead(isPart ? 206 : 200, {
    "content-length": end - start + 1,
    ...(isPart ? { "content-range": `bytes ${start}-${end}/${size}` } : {}),
  });
  createReadStream(file, { start, end }).pipe(response);
}
