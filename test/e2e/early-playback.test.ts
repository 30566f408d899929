/** A video that is played while a fleet still makes it, as a player sees it: over its signed URL alone. */
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { isTerminalState } from "../../protocol/stages.ts";
import { resolveTools } from "../../worker-node/ffmpeg/index.ts";
import { startWorld, type World } from "./telecine.ts";

// Agents offer to make parts with ffmpeg 5.1 or later alone: an older one cannot keep the frames' times (docs/CHUNKS.md).
const { features } = await resolveTools(process.env);

const run = promisify(execFile);

let world: World;
let videoId: string;
beforeAll(async () => {
  world = await startWorld({ workers: 3 });
  const clip = await world.makeClip("long.mp4", [
    ...["-f", "lavfi", "-i", "testsrc2=size=480x270:rate=5:duration=130"],
    ...["-f", "lavfi", "-i", "aevalsrc='0.3*sin(2*PI*(200+3*t)*t)':s=48000:d=130"],
    ...["-c:v", "libx264", "-preset", "ultrafast", "-g", "10", "-pix_fmt", "yuv420p"],
    ...["-c:a", "aac", "-shortest"],
  ]);
  videoId = await world.upload(clip);
}, 180_000);
afterAll(() => world.stop());

async function textAt(url: URL | string) {
  const answer = await fetch(url);
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}

/** What a player of this playlist puts together, and from which files. */
async function readRanges(playlist: URL) {
  const { text } = await textAt(playlist);
  const [, head, size, offset] =
    /#EXT-X-MAP:URI="([^"]+)",BYTERANGE="(\d+)@(\d+)"/.exec(text) ?? [];
  const segments = [...text.matchAll(/#EXT-X-BYTERANGE:(\d+)@(\d+)\n(.+)/g)];
  const ranges = [
    [head, size, offset],
    ...segments.map(([, length, at, file]) => [file, length, at]),
  ];
  const pieces: Buffer[] = [];
  for (const [file, length, at] of ranges) {
    const range = `bytes=${at}-${Number(at) + Number(length) - 1}`;
    const answer = await fetch(new URL(file ?? "", playlist), { headers: { range } });
    pieces.push(Buffer.from(await answer.arrayBuffer()));
  }
  return { files: [...new Set(ranges.map(([file]) => file ?? ""))], bytes: Buffer.concat(pieces) };
}

/** A digest of every sample that is heard. */
async function samplesOf(file: string): Promise<string> {
  const args = ["-nostdin", "-v", "error", "-i", file, "-f", "md5", "-"];
  return (await run(world.tools.ffmpeg, args)).stdout;
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

  test("is heard from its first piece on before all of its sound is made, and sounds as if made whole", async () => {
    const recipe = { name: "hls", segmentSeconds: 4, preset: "ultrafast", maxHeight: 240 } as const;
    const job = await world.finish({ videoId, recipe });
    expect(job.error).toBeNull();
    const url = job.playableUrl ?? "";
    const name = /TYPE=AUDIO.*URI="([^"]+)"/.exec((await textAt(url)).text)?.[1] ?? "";
    const sound = await readRanges(new URL(name, url));
    expect(sound.files.map((file) => file.replace(/.*-audio-1/, ""))).toEqual([
      ".first.mp4",
      ".mp4",
    ]);
    const whole = path.join(world.folder, "whole.mp4");
    const wholeUrl = new URL(sound.files[1] ?? "", url);
    await writeFile(whole, Buffer.from(await (await fetch(wholeUrl)).arrayBuffer()));
    const played = path.join(world.folder, "played.mp4");
    await writeFile(played, sound.bytes);
    expect(await samplesOf(played)).toBe(await samplesOf(whole));
  }, 300_000);
});
