/** One video over a fleet: chunks on several agents, merged to what one agent would have made, frame for frame. */
import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { resolveTools } from "../../worker-node/ffmpeg/index.ts";
import { startWorld, type World } from "./telecine.ts";

// Agents offer to make parts with ffmpeg 5.1 or later alone: an older one cannot keep the frames' times (docs/CHUNKS.md).
const { features } = await resolveTools(process.env);

const run = promisify(execFile);

let world: World;
let clip: string;
beforeAll(async () => {
  world = await startWorld({ workers: 3 });
  // Each picture is unlike all others, and so is each moment of the sound.
  const cues = path.join(world.folder, "counter.srt");
  await writeFile(cues, "1\n00:00:01,000 --> 00:00:34,500\nCounting\n");
  clip = await world.makeClip("counter.mp4", [
    ...["-f", "lavfi", "-i", "testsrc2=size=192x108:rate=30000/1001:duration=36"],
    ...["-f", "lavfi", "-i", "aevalsrc='0.3*sin(2*PI*(200+20*t)*t)':s=48000:d=36", "-i", cues],
    ...["-c:v", "libx264", "-preset", "veryfast", "-g", "60", "-pix_fmt", "yuv420p"],
    ...["-c:a", "aac", "-c:s", "mov_text"],
  ]);
}, 120_000);
afterAll(() => world.stop());

/** Of every picture in order: when it is shown, and what is in it. */
async function frames(file: string): Promise<readonly string[]> {
  const { stdout } = await run(
    world.tools.ffmpeg,
    [
      ...["-nostdin", "-v", "error", "-i", file, "-map", "0:v:0", "-fps_mode", "passthrough"],
      ...["-enc_time_base", "1001:30000", "-pix_fmt", "yuv420p", "-f", "framemd5", "-"],
    ],
    { maxBuffer: 16_000_000 },
  );
  return stdout.split("\n").flatMap((line) => {
    const fields = line.split(",").map((field) => field.trim());
    return line.startsWith("#") || fields.length < 6 ? [] : [`${fields[2]} ${fields[5]}`];
  });
}

async function workersOf(jobId: string): Promise<ReadonlySet<string>> {
  const attempts = await world.host.client.attempts(jobId);
  return new Set(
    attempts.filter(({ state }) => state === "completed").map(({ workerId }) => workerId),
  );
}

describe.skipIf(!features.fpsMode)("half a minute of video, with three agents free", () => {
  test("is made by more than one of them, into every frame of the source once and in order", async () => {
    const job = await world.finish({
      videoId: await world.upload(clip),
      recipe: { name: "transcode", crf: 0, preset: "ultrafast" },
    });
    expect(job.error).toBeNull();
    expect((await workersOf(job.jobId)).size).toBeGreaterThan(1);
    const stages = job.stages.map(({ name }) => name);
    expect(stages).toEqual(["probing", "planning", "segmenting", "transcoding", "merging"]);
    const made = await frames(await world.download(job));
    expect(made).toEqual(await frames(clip));
    const probed = await world.probe(await world.download(job));
    expect(probed.streams.map(({ codec_name }) => codec_name)).toEqual(["h264", "aac", "mov_text"]);
  }, 180_000);

  test("becomes a ladder over the files of its chunks, in which players find every frame", async () => {
    const job = await world.finish({
      videoId: await world.upload(clip),
      recipe: { name: "hls", segmentSeconds: 4, preset: "ultrafast" },
    });
    expect(job.error).toBeNull();
    expect((await workersOf(job.jobId)).size).toBeGreaterThan(1);
    const master = job.outputs.find(({ name }) => name.endsWith(".m3u8"));
    const text = await (await fetch(master?.url ?? "")).text();
    const media = text.split("\n").find((line) => /video.*\.m3u8$/.test(line)) ?? "";
    const playlist = await (await fetch(new URL(media, master?.url))).text();
    // As a player does: the head, then every range in order, whatever file it is in.
    const pieces: Uint8Array[] = [];
    const map = /#EXT-X-MAP:URI="([^"]+)",BYTERANGE="(\d+)@(\d+)"/.exec(playlist);
    const listed = [...playlist.matchAll(/#EXT-X-BYTERANGE:(\d+)@(\d+)\n(.+)/g)];
    for (const [file, size, offset] of [
      [map?.[1], map?.[2], map?.[3]],
      ...listed.map(([, size, offset, file]) => [file, size, offset]),
    ]) {
      const end = Number(offset) + Number(size) - 1;
      const answer = await fetch(new URL(file ?? "", master?.url), {
        headers: { range: `bytes=${offset}-${end}` },
      });
      expect(answer.status).toBe(206);
      pieces.push(new Uint8Array(await answer.arrayBuffer()));
    }
    const files = new Set(listed.map(([, , , file]) => file));
    expect(files.size, "files of several chunks").toBeGreaterThan(2);
    const played = path.join(world.folder, "played.mp4");
    await writeFile(played, Buffer.concat(pieces));
    const times = (list: readonly string[]) => list.map((line) => line.split(" ")[0]);
    expect(times(await frames(played))).toEqual(times(await frames(clip)));
  }, 180_000);
});
