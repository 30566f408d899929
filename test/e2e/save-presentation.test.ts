/** Presentations that the command saves: byte for byte what the edge serves, and played from the folder, by ffmpeg and shaka-player. */
import { execFile, spawn } from "node:child_process";
import { readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ROOT } from "../../cli/runtime/root.ts";
import type { Job } from "../../protocol/http/jobs.ts";
import { resolveTools } from "../../worker-node/ffmpeg/index.ts";
import { hasChromium, launchChromium } from "./browser.ts";
import { startPlayers } from "./players.ts";
import { startWorld, type World } from "./telecine.ts";

const execute = promisify(execFile);
const { features } = await resolveTools(process.env);

/** The longer one is divided by a fleet. */
const seconds = { single_file: 36, segments: 6 } as const;

let world: World;
beforeAll(async () => {
  world = await startWorld({ workers: 3 });
  const cues = path.join(world.folder, "cues.srt");
  await writeFile(cues, "1\n00:00:01,000 --> 00:00:03,000\nHello there\n\n");
  for (const length of Object.values(seconds)) {
    await world.makeClip(`${length}.mp4`, [
      ...["-f", "lavfi", "-i", `testsrc2=size=480x270:rate=25:duration=${length}`],
      ...["-f", "lavfi", "-i", `sine=frequency=440:duration=${length}`, "-i", cues],
      ...["-map", "0", "-map", "1", "-map", "2", "-c:v", "libx264", "-preset", "ultrafast"],
      ...["-g", "50", "-pix_fmt", "yuv420p", "-c:a", "aac", "-c:s", "mov_text"],
    ]);
  }
}, 90_000);
afterAll(() => world.stop());

function telecine(args: readonly string[]) {
  const environment = { TELECINE_URL: world.host.url, TELECINE_API_KEY: world.host.rootKey };
  const child = spawn(process.execPath, [path.join(ROOT, "cli/telecine.ts"), ...args], {
    env: { ...process.env, XDG_STATE_HOME: path.join(world.folder, "state"), ...environment },
  });
  const told = { stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => {
    told.stdout += chunk;
  });
  child.stderr.on("data", (chunk) => {
    told.stderr += chunk;
  });
  return new Promise<typeof told & { code: number | null }>((resolve) =>
    child.once("close", (code) => resolve({ ...told, code })),
  );
}

/** Frames of picture that ffmpeg decodes, with the sound, from the files of a folder and from nothing else. */
async function framesOf(file: string): Promise<number> {
  const { stdout } = await execute(world.tools.ffmpeg, [
    ...["-nostdin", "-v", "error", "-xerror", "-protocol_whitelist", "file", "-i", file],
    ...["-map", "0:v:0", "-map", "0:a:0", "-f", "framemd5", "-"],
  ]);
  return stdout.match(/^0, /gm)?.length ?? 0;
}

describe("telecine transcode --recipe hls --out", () => {
  test.each(["single_file", "segments"] as const)(
    "saves a presentation of layout %s as the edge serves it, and it plays from there",
    async (layout) => {
      const out = path.join(world.folder, layout);
      const clip = path.join(world.folder, `${seconds[layout]}.mp4`);
      const made = await telecine([
        ...["transcode", clip, "--recipe", "hls", "--param", `layout=${layout}`],
        ...["--param", "segmentSeconds=4", "--param", "preset=ultrafast", "--out", out, "--json"],
      ]);
      expect([made.code, made.stderr]).toEqual([0, expect.stringMatching(/saving .* 100 % /)]);
      const job = JSON.parse(made.stdout) as Job;
      const names = await readdir(out);
      const ofKind = (ending: string) => names.filter((name) => name.endsWith(ending)).length;
      expect([ofKind(".mpd"), ofKind(".vtt"), ofKind(".part")]).toEqual([1, 1, 0]);
      for (const name of names) {
        const served = await fetch(new URL(name, job.outputs[0]?.url));
        const bytes = Buffer.from(await served.arrayBuffer());
        expect([name, bytes.equals(await readFile(path.join(out, name)))]).toEqual([name, true]);
      }
      expect(await framesOf(path.join(out, "result.m3u8"))).toBe(seconds[layout] * 25);
      if (layout === "segments") expect(ofKind(".m4s")).toBeGreaterThan(2);
      else if (features.fpsMode) {
        const kinds = (await world.host.client.attempts(job.jobId)).map(({ kind }) => kind);
        expect(kinds).toContain("chunk");
      }
      if (!hasChromium) return;
      const [browser, players] = await Promise.all([launchChromium(), startPlayers(out)]);
      const manifest = `${players.origin}/files/result.mpd`;
      const played = await players.play(browser, "playShaka", manifest, 8);
      expect(played.errors).toEqual([]);
      expect(played.time).toBeCloseTo(played.duration, 1);
      expect(Math.abs(played.duration - seconds[layout])).toBeLessThan(0.2);
      await browser.close();
      players.stop();
    },
    120_000,
  );

  test("is had of a job that completed before, too", async () => {
    const { jobs } = await world.host.client.listJobs({});
    const out = path.join(world.folder, "again");
    const first = jobs.at(-1);
    const shown = await telecine(["job", first?.jobId ?? "", "--out", out]);
    expect([shown.code, shown.stderr]).toEqual([0, expect.stringMatching(/saving .* 100 % /)]);
    expect((await readdir(out)).sort()).toEqual(
      (await readdir(path.join(world.folder, "single_file"))).sort(),
    );
  }, 60_000);
});
