/**
 * Damaged files through a whole agent: probing, planning, encoding, the gate, the upload, in the sandbox where there
 * is one. Every job ends typed, no limit is passed, and the agent is there at the end.
 */
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import type { WorkerMessageOf } from "../../protocol/messages.ts";
import { planTask } from "../../protocol/plan-task.ts";
import type { TaskInput } from "../../protocol/task.ts";
import { createDevices } from "../../worker-node/devices.ts";
import { ffmpegEngine } from "../../worker-node/engine.ts";
import { resolveTools } from "../../worker-node/ffmpeg/index.ts";
import { openSandbox } from "../../worker-node/sandbox/index.ts";
import { openScratch } from "../../worker-node/scratch.ts";
import { startSourceServer } from "../../worker-node/source/server.ts";
import { software } from "../worker-node/command/support.ts";
import { startFakeEdge } from "../worker-node/support/fake-edge.ts";
import { sendRange } from "../worker-node/support/http-server.ts";
import {
  grantOf,
  leaseMessage,
  leaseRef,
  taskSpec,
  welcome,
} from "../worker-node/support/messages.ts";
import { runAgent } from "../worker-node/support/run-agent.ts";
import { countOf, indices, inLanes } from "./support/counts.ts";
import { damaged, hasZzuf, makeSamples } from "./support/damage.ts";
import { report, spread } from "./support/figures.ts";

const FILES = countOf("TELECINE_FAULTS_DAMAGED", { full: 2_000, smoke: 40 });
/** Where the seeds begin, so that a long run may be done in parts. */
const FIRST_SEED = Number(process.env.TELECINE_FAULTS_SEED ?? 0);
const LANES = 2;
/** No encode of a second of 160 × 90 takes a quarter of it. */
const MEMORY_BYTES = 768 * 1024 ** 2;
const MAX_OUTPUT_BYTES = 20_000_000;
/** Far beyond what any of them takes; an attempt that reaches it is a fault of ours. */
const RUN_LIMIT_MS = 120_000;

const WORK = [
  { recipe: { name: "transcode" }, filename: "out.mp4", format: "mp4" },
  { recipe: { name: "webReady" }, filename: "out.mp4", format: "mp4" },
  { recipe: { name: "extractAudio" }, filename: "out.mp3", format: "mp3" },
  { recipe: { name: "thumbnail" }, filename: "out.jpg", format: "jpg" },
] as const;

async function startSandboxedAgent() {
  const root = await mkdtemp(join(tmpdir(), "telecine-damaged-"));
  const tools = await resolveTools(process.env);
  const scratch = await openScratch(root);
  const server = await startSourceServer();
  const { signal } = new AbortController();
  const opened = await openSandbox({ mode: "auto", tools, scratch: scratch.path, server, signal });
  const { confinement } = opened.tools;
  const limits = { ...confinement.limits, memoryBytes: MEMORY_BYTES };
  const limited = { ...opened.tools, confinement: { ...confinement, limits } };
  onTestFinished(async () => {
    opened.close();
    await rm(root, { recursive: true, force: true });
  });
  const edge = await startFakeEdge();
  const agent = await runAgent(edge, ffmpegEngine(limited), {
    ...{ server, scratch, plan: planTask, slots: LANES, cores: LANES },
    devices: createDevices(software),
  });
  return { edge, agent, scratch, tools, level: opened.level };
}

const inputOf = (bytes: Buffer): TaskInput => ({
  kind: "video",
  videoId: "vid_01HZZZZZZZZZZZZZZZZZZZZZZZ",
  filename: "damaged.mp4",
  contentType: "video/mp4",
  sizeBytes: bytes.length,
});

type Ended = WorkerMessageOf<"complete"> | WorkerMessageOf<"fail"> | WorkerMessageOf<"release">;

test(
  `${FILES} damaged files in eight containers end typed, and the agent outlives them`,
  async () => {
    const { edge, agent, scratch, tools, level } = await startSandboxedAgent();
    const samplesDir = await mkdtemp(join(tmpdir(), "telecine-samples-"));
    onTestFinished(() => rm(samplesDir, { recursive: true, force: true }));
    const samples = await makeSamples(tools, samplesDir);
    const files = new Map<string, Buffer>();
    edge.source.handler = (request, response) => {
      const [, , , token = ""] = (request.url ?? "").split("/");
      sendRange(files.get(token) ?? Buffer.alloc(0), request, response);
    };
    const connection = await edge.connection();
    await connection.next("hello");
    connection.say(welcome());
    const waiting = new Map<string, (ended: Ended) => void>();
    connection.socket.on("message", () => {
      const last = connection.messages.at(-1);
      if (last?.type !== "complete" && last?.type !== "fail" && last?.type !== "release") return;
      waiting.get(last.lease.taskId)?.(last);
    });
    // An agent that hangs up, or dies, leaves every job without an end.
    const lost = Promise.withResolvers<never>();
    lost.promise.catch(() => {});
    connection.socket.once("close", (code) => lost.reject(new Error(`the agent left (${code})`)));
    const ends: Record<string, number> = {};
    const faults: string[] = [];
    const times: number[] = [];

    const send = async (index: number) => {
      const sample = samples[index % samples.length];
      const work = WORK[Math.floor(index / samples.length) % WORK.length];
      if (sample === undefined || work === undefined) throw new Error("there is no sample");
      const bytes = await damaged(sample, FIRST_SEED + index);
      const token = `grant-${index}`;
      files.set(token, bytes);
      const lease = leaseRef(index);
      const ended = new Promise<Ended>((resolve) => waiting.set(lease.taskId, resolve));
      const spec = taskSpec(index);
      const startedAt = performance.now();
      connection.say(
        leaseMessage(lease, {
          grant: grantOf(`/v1/leases/${token}`),
          runLimitMs: RUN_LIMIT_MS,
          task: {
            ...spec,
            work: { mode: "recipe", recipe: work.recipe },
            inputs: { in_1: inputOf(bytes) },
            outputs: { out_1: { filename: work.filename, format: work.format } },
            maxOutputBytes: MAX_OUTPUT_BYTES,
          },
        }),
      );
      const end = await Promise.race([ended, lost.promise]);
      times.push(performance.now() - startedAt);
      const name = end.type === "fail" ? end.code : end.type;
      ends[name] = (ends[name] ?? 0) + 1;
      const fault = faultOf(end);
      if (fault !== null) faults.push(`${sample.name}, seed ${FIRST_SEED + index}: ${fault}`);
      const of = end.type;
      connection.say({ type: "ack", of, lease: end.lease, status: "accepted" });
      files.delete(token);
      waiting.delete(lease.taskId);
    };
    await inLanes(indices(FILES), LANES, send);

    report("damaged files", {
      ...{ files: FILES, first_seed: FIRST_SEED, zzuf: hasZzuf ? "yes" : "no", sandbox: level },
      ...ends,
      ...spread("job", times),
    });
    expect(faults).toEqual([]);
    expect(agent.lines.filter((line) => line.includes('"level":"error"'))).toEqual([]);
    const left = await readdir(scratch.path);
    expect(left.filter((name) => name !== "lock.json" && name !== "root")).toEqual([]);
  },
  FILES * 10_000 + 60_000,
);

/** What is wrong with an end: not typed, without words, by the agent's own fault, or beyond a limit. */
function faultOf(end: Ended): string | null {
  if (end.type === "complete") {
    const tooLarge = end.outputs.some((output) => output.sizeBytes > MAX_OUTPUT_BYTES);
    return end.outputs.length === 0 || tooLarge ? "completed without outputs within limits" : null;
  }
  if (end.type === "release") return `given back: ${end.reason}`;
  if (end.detail.trim() === "") return `${end.code} says nothing`;
  if (end.code === "ENGINE_ERROR" || end.code === "SOURCE_UNAVAILABLE") return end.detail;
  return null;
}
