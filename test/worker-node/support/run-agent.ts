/** A whole agent against a fake edge, with an engine of the test's own in place of ffmpeg. */
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Agent as Dispatcher } from "undici";
import { onTestFinished } from "vitest";
import type { SourceInfo, VideoMetadata } from "../../../protocol/media.ts";
import type { FfmpegStep, PlanResult, Step } from "../../../protocol/plan.ts";
import { startAgent } from "../../../worker-node/agent.ts";
import type { AttemptDeps } from "../../../worker-node/attempt.ts";
import { createDevices } from "../../../worker-node/devices.ts";
import type { Engine } from "../../../worker-node/engine.ts";
import { createFetchGuard } from "../../../worker-node/fetch-guard.ts";
import type { RunStepOptions, StepResult } from "../../../worker-node/ffmpeg/index.ts";
import { createLog } from "../../../worker-node/log.ts";
import { openScratch, type Scratch } from "../../../worker-node/scratch.ts";
import { startSourceServer } from "../../../worker-node/source/server.ts";
import { type FakeEdge, TOKEN } from "./fake-edge.ts";

export const MEDIA: VideoMetadata = {
  format: "mp4",
  durationSeconds: 1,
  width: 320,
  height: 240,
  frameRate: 25,
  videoCodec: "h264",
  audioCodec: null,
  bitrateKbps: 100,
};

const SOURCE_INFO: SourceInfo = {
  format: "mov,mp4,m4a,3gp,3g2,mj2",
  sizeBytes: 1_000,
  durationSeconds: 1,
  startSeconds: 0,
  bitrateKbps: 100,
  video: null,
  audio: [],
  subtitles: [],
  attachedPictures: 0,
  mp4: null,
};

export const OUTPUT = Buffer.from("the output's bytes");

export const ENCODE: FfmpegStep = {
  kind: "ffmpeg",
  stage: "transcoding",
  inputs: [{ from: { source: "in_1" }, options: [] }],
  filterComplex: null,
  outputs: [{ file: "result.mp4", muxer: "mp4", options: [] }],
  expectedFrames: 100,
  expectedSeconds: null,
  encoder: { name: "libx264", device: "cpu" },
};

/** A plan of these steps that promises `result.mp4`. */
export function planOf(...steps: readonly Step[]): PlanResult {
  return {
    status: "planned",
    action: "encode",
    steps,
    outputs: [
      {
        key: "out_1",
        file: "result.mp4",
        format: "mp4",
        video: null,
        audio: null,
        durationSeconds: null,
        durationToleranceSeconds: 0.1,
      },
    ],
  };
}

export const progress = {
  frame: null,
  fps: null,
  speed: null,
  outTimeSeconds: null,
  totalSize: null,
};

/** An engine in which everything succeeds; tests replace what they are about. */
export function goodEngine(changes: Partial<Engine> = {}): Engine {
  return {
    index: async () => ({ status: "unknown", reason: "no frames are listed here" }),
    probe: async () => ({ status: "ok", source: SOURCE_INFO }),
    run: async (_step, options) => {
      await writeFile(join(options.scratchDir, "result.mp4"), OUTPUT);
      return { status: "ok", log: ["done"] };
    },
    check: async (files) => files.map(() => ({ status: "ok", media: MEDIA })),
    ...changes,
  };
}

/** An engine whose run lasts until the test lets it end, or the attempt is stopped. */
export function heldEngine() {
  const started = Promise.withResolvers<RunStepOptions>();
  const finish = Promise.withResolvers<void>();
  const aborted = Promise.withResolvers<void>();
  const run: Engine["run"] = async (_step, options): Promise<StepResult> => {
    const stopped = new Promise<void>((resolve) =>
      options.signal.addEventListener("abort", () => resolve()),
    );
    started.resolve(options);
    await Promise.race([finish.promise, stopped]);
    if (options.signal.aborted) {
      aborted.resolve();
      return { status: "aborted", log: [] };
    }
    await writeFile(join(options.scratchDir, "result.mp4"), OUTPUT);
    return { status: "ok", log: [] };
  };
  return {
    engine: goodEngine({ run }),
    started: started.promise,
    finish: () => finish.resolve(),
    aborted: aborted.promise,
  };
}

export interface AgentSetUp extends Partial<Omit<AttemptDeps, "engine" | "edgeUrl">> {
  readonly slots?: number;
  /** What scratch says is free, in bytes. */
  readonly freeBytes?: number;
}

/** Starts an agent on `edge`; its scratch lies in `root`. */
export async function runAgent(edge: FakeEdge, engine: Engine, setUp: AgentSetUp = {}) {
  const root = await mkdtemp(join(tmpdir(), "telecine-agent-"));
  const opened = await openScratch(root);
  const { freeBytes } = setUp;
  const scratch: Scratch =
    freeBytes === undefined ? opened : { ...opened, freeBytes: async () => freeBytes };
  const server = await startSourceServer();
  const guard = createFetchGuard({ allowLoopback: true });
  const dispatcher = new Dispatcher();
  const lines: string[] = [];
  const agent = startAgent({
    engine,
    devices: createDevices([]),
    plan: () => planOf(ENCODE),
    server,
    guard,
    dispatcher,
    edgeUrl: edge.url,
    scratch,
    maxOutputBytes: null,
    maxInputBytes: 1_000_000,
    token: TOKEN,
    name: "gpu-1",
    capabilities: { ffmpegVersion: "5.1", encoders: [] },
    cores: 8,
    log: createLog("json", (line) => lines.push(line)),
    ...setUp,
    slots: setUp.slots ?? 1,
  });
  onTestFinished(async () => {
    // Without an edge nobody waits for answers.
    await edge.stop();
    agent.abort();
    await agent.exited;
    await Promise.all([server.close(), guard.close(), dispatcher.destroy()]);
    await rm(root, { recursive: true, force: true });
  });
  return {
    agent,
    lines,
    /** Names of what is in the agent's directory beside its lock: attempts. */
    attempts: async () => (await readdir(scratch.path)).filter((name) => name !== "lock.json"),
  };
}
