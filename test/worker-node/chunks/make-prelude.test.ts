/** The first piece of sound, made by real ffmpeg from a real file; and what comes of it where something of it fails. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ByteSpan, TaskPart } from "../../../protocol/chunks/contract.ts";
import type { Divisible } from "../../../protocol/plan.ts";
import { planWork, recipeRequestSchema } from "../../../protocol/recipes/index.ts";
import type { Work } from "../../../worker-node/attempt-parts.ts";
import { makePrelude } from "../../../worker-node/chunks/make-prelude.ts";
import { type Engine, ffmpegEngine } from "../../../worker-node/engine.ts";
import { resolveTools } from "../../../worker-node/ffmpeg/index.ts";
import { fileUpstream } from "../../../worker-node/source/file-upstream.ts";
import {
  type ServedInput,
  type SourceServer,
  startSourceServer,
} from "../../../worker-node/source/server.ts";
import { planOf } from "../../support/plans.ts";
import { softwareEncoders } from "../recipes/support.ts";

const tools = await resolveTools(process.env);
const ffmpeg = ffmpegEngine(tools);
const { signal } = new AbortController();

interface Asked {
  readonly chunk: number;
  readonly subtitles: boolean;
  /** Of the source, by the first chunk. */
  readonly reads: ByteSpan;
}

describe.skipIf(!tools.features.fpsMode)("the first piece of sound", () => {
  let dir: string;
  let server: SourceServer;
  let input: ServedInput;
  let division: Divisible;
  let track: string;
  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), "telecine-prelude-"));
    server = await startSourceServer();
    const file = join(dir, "source.mp4");
    execFileSync(tools.ffmpeg, [
      ...[
        "-nostdin",
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=320x180:rate=5:duration=30",
      ],
      ...["-f", "lavfi", "-i", "aevalsrc='0.3*sin(2*PI*(200+9*t)*t)':s=48000:d=30"],
      ...["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-b:v", "2M"],
      // Filler, so that the sound of some seconds is spread over more than one block.
      ...["-maxrate", "2M", "-bufsize", "2M", "-nal-hrd", "cbr", "-c:a", "aac", "-shortest", file],
    ]);
    const sizeBytes = statSync(file).size;
    input = server.serve(fileUpstream(file, sizeBytes, "video/mp4"));
    const { url } = input;
    const probed = await ffmpeg.probe({ url, sizeBytes, signal });
    if (probed.status === "failed") throw new Error(probed.detail);
    const recipe = recipeRequestSchema.parse({ name: "hls", segmentSeconds: 4 });
    const output = { key: "out_1", file: "result.m3u8", format: "hls" } as const;
    const work = { mode: "recipe", recipe } as const;
    const plan = planWork(work, { in_1: probed.source }, output, softwareEncoders);
    if (plan.status === "rejected" || plan.division === undefined) throw new Error("no division");
    division = plan.division;
    track = division.sound?.promises[0]?.file.replace(/\.mp4$/, "") ?? "";
  }, 60_000);
  afterAll(async () => {
    await server.close();
    rmSync(dir, { recursive: true, force: true });
  });

  const make = (engine: Engine, { chunk = 0, subtitles = false, reads }: Partial<Asked> = {}) => {
    const said: string[] = [];
    const named = (name: string) => ({ name, language: null, label: name });
    const presentation = {
      ...{ segmentSeconds: 4, targetSeconds: 4, durationSeconds: 30, master: "result.m3u8" },
      ...{ manifest: "result.mpd", video: [], audio: [named(track)] },
      subtitles: subtitles ? [named("s-eng")] : [],
    };
    const { chunks, ...plan } = planOf([20, 130], { audio: true, presentation });
    const about = { ...chunks[chunk], ...(reads === undefined ? {} : { reads }) };
    const part = { kind: "chunk", plan, chunk: about, count: 2, pins: null } as TaskPart;
    const nothing = () => {};
    const work = {
      ...{
        engine,
        workDir: dir,
        signal,
        assignment: { task: { maxOutputBytes: 1_000_000_000 }, ttlMs: 30_000 },
      },
      inputs: { get: () => input, isAwaited: () => false, bytesServed: () => 0 },
      tracker: { stepMoved: nothing, chose: nothing },
      log: (_level: string, text: string) => void said.push(text),
    } as unknown as Work;
    const made = makePrelude(work, part as Extract<TaskPart, { kind: "chunk" }>, division);
    return made.then((prelude) => ({ ...prelude, said }));
  };

  test("is one segment, listed and checked", async () => {
    const { promises, indexes, judged, said } = await make(ffmpeg);
    expect(said).toEqual([]);
    const [promise] = promises;
    const file = `${track}.first.mp4`;
    expect(promises).toHaveLength(1);
    expect(promise).toMatchObject({ file, role: "part" });
    const index = indexes.get(file);
    if (index?.track !== "audio") throw new Error("no index of sound");
    expect(index.rendition).toBe(track);
    const seconds = index.segments.map(([, ticks]) => ticks / index.head.timescale);
    expect(seconds).toEqual([expect.closeTo(4, 1)]);
    expect(judged.get(file)?.media.audioCodec).toBe("aac");
  });

  test("is the same where little of the source is expected to be needed for it", async () => {
    const made = await make(ffmpeg);
    const [file = ""] = [...made.indexes.keys()];
    const bytes = readFileSync(join(dir, file));
    const { said } = await make(ffmpeg, { reads: { from: 0, to: 1 } });
    expect(said).toEqual([]);
    expect(readFileSync(join(dir, file)).equals(bytes)).toBe(true);
  });

  test("is left out, and said so, where it cannot be made or is refused", async () => {
    const failing: Engine["run"] = async () => ({
      ...{ status: "failed", code: "TRANSCODE_ERROR", detail: "no sound", retryable: true },
      ...{ exitCode: 1, log: [], hardwareFault: null },
    });
    const refusing: Engine["check"] = async (files) =>
      files.map(() => ({ status: "invalid", detail: "it does not decode" }));
    const throwing: Engine["run"] = async () => {
      throw new Error("no disk");
    };
    for (const [fault, why] of [
      [{ run: failing }, "no sound"],
      [{ check: refusing }, "it does not decode"],
      [{ run: throwing }, "no disk"],
    ] as const) {
      const { promises, indexes, said } = await make({ ...ffmpeg, ...fault });
      expect([promises.length, indexes.size]).toEqual([0, 0]);
      expect(said.join()).toContain(why);
    }
  });

  test("is made with the first chunk alone, and not where cues are waited for", async () => {
    const never: Engine["run"] = async () => {
      throw new Error("it was made");
    };
    for (const changed of [{ chunk: 1 }, { subtitles: true }]) {
      const { promises, said } = await make({ ...ffmpeg, run: never }, changed);
      expect([promises.length, said]).toEqual([0, []]);
    }
  });
});
