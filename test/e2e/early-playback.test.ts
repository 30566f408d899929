/** A video that is played while a fleet still makes it, as a player sees it: over its signed URL alone. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isTerminalState } from "../../protocol/stages.ts";
import { resolveTools } from "../../worker-node/ffmpeg/index.ts";
import { startWorld, type World } from "./telecine.ts";

// Agents offer to make parts with ffmpeg 5.1 or later alone: an older one cannot keep the frames' times (docs/CHUNKS.md).
const { features } = await resolveTools(process.env);

let world: World;
let videoId: string;
beforeAll(async () => {
  world = await startWorld({ workers: 3 });
  const clip = await world.makeClip("long.mp4", [
    ...["-f", "lavfi", "-i", "testsrc2=size=480x270:rate=25:duration=40"],
    ...["-f", "lavfi", "-i", "sine=frequency=440:duration=40"],
    ...["-c:v", "libx264", "-preset", "ultrafast", "-g", "50", "-pix_fmt", "yuv420p"],
    ...["-c:a", "aac", "-shortest"],
  ]);
  videoId = await world.upload(clip);
}, 180_000);
afterAll(() => world.stop());

async function textAt(url: URL | string) {
  const answer = await fetch(url);
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

/** The lines that name segments, with their lengths and ranges. */
function segmentsOf(playlist: string): readonly string[] {
  return playlist.split("\n").filter((line) => /^#EXTINF|^#EXT-X-BYTERANGE|^[^#]/.test(line));
}

describe.skipIf(!features.fpsMode)("a ladder that a fleet makes", () => {
  test("is playable before it is done, grows at its end alone, and closes with the job", async () => {
    const { client } = world.host;
    const recipe = { name: "hls", segmentSeconds: 4, preset: "medium" } as const;
    const { jobId } = await client.createJob({ videoId, recipe });
    const early = await world.until(jobId, (job) => job.playable);
    const url = early.playableUrl ?? "";
    const master = await textAt(url);
    expect(master.status).toBe(200);
    expect(master.headers.get("content-type")).toBe("application/vnd.apple.mpegurl");
    const name = master.text.split("\n").find((line) => /^[^#].*\.m3u8$/.test(line)) ?? "";
    const media = new URL(name, url);

    const versions: string[] = [];
    for (;;) {
      const job = await client.job(jobId);
      const { status, headers, text } = await textAt(media);
      expect(status).toBe(200);
      if (text !== versions.at(-1)) versions.push(text);
      // The job may have ended between the two requests: what the text itself says is what caches must heed.
      const mayBeKept = text.includes("#EXT-X-ENDLIST");
      expect(headers.get("cache-control")).toMatch(mayBeKept ? /immutable/ : /^no-cache$/);
      if (isTerminalState(job.state)) break;
    }
    const done = await client.job(jobId);
    expect(done.error).toBeNull();
    expect(done).toMatchObject({ state: "completed", playable: true });
    // The record is a moment behind the pool, which those whom the job calls completed need not know.
    const last = (await textAt(new URL(name, done.playableUrl ?? ""))).text;
    expect(last).toContain("#EXT-X-ENDLIST");
    const [first = ""] = versions;
    expect(first).toContain("#EXT-X-PLAYLIST-TYPE:EVENT");
    expect(first).not.toContain("#EXT-X-ENDLIST");
    expect(last).toContain("#EXT-X-PLAYLIST-TYPE:VOD");
    expect(versions.length, "versions of the playlist").toBeGreaterThan(1);
    for (const [at, version] of versions.entries()) {
      const lines = segmentsOf(version);
      const next = segmentsOf(versions[at + 1] ?? last);
      expect(next.slice(0, lines.length)).toEqual(lines);
      expect(version).toContain(/#EXT-X-TARGETDURATION:\d+/.exec(last)?.[0] ?? "none");
    }
    for (const [, size, offset, file] of first.matchAll(/BYTERANGE:(\d+)@(\d+)\n(.+)/g)) {
      const end = Number(offset) + Number(size) - 1;
      const range = { range: `bytes=${offset}-${end}` };
      expect((await fetch(new URL(file ?? "", media), { headers: range })).status).toBe(206);
    }
    expect((await textAt(url)).text).toContain(name);
  }, 300_000);
});
