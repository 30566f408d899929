/** Our side: what an agent does between its lease and its uploads, in this very process: probe, plan, run, package, check. */
import { mkdir, stat } from "node:fs/promises";
import path from "node:path";
import type { EncoderCapability } from "../../protocol/media.ts";
import type { FfmpegStep, Plan } from "../../protocol/plan.ts";
import { planWork, recipeRequestSchema } from "../../protocol/recipes/index.ts";
import { checkOutputs, probeSource, runStep, type Tools } from "../../worker-node/ffmpeg/index.ts";
import { packageFiles } from "../../worker-node/packaging/package-files.ts";
import { fileUpstream } from "../../worker-node/source/file-upstream.ts";
import { startSourceServer } from "../../worker-node/source/server.ts";
import { endedChildrenCpuSeconds } from "../cpu-time.ts";
import type { Spent } from "../transcode/plain.ts";

const LIMIT_MS = 600_000;
const STALL_MS = 60_000;

export interface Ladder extends Spent {
  readonly plan: Plan;
  /** Of the rungs' files together. */
  readonly bytes: number;
  /** CPU seconds of this process: the loopback source, the packaging, the reading of what ffmpeg says. */
  readonly agentCpuSeconds: number;
  /** Wall clock of all that is not the ffmpeg that encodes. */
  readonly aroundSeconds: number;
}

/** Makes the ladder of a file as the agent does. @throws Error where a part of it fails. */
export async function runLadder(
  tools: Tools,
  encoders: readonly EncoderCapability[],
  {
    file,
    folder,
    preset,
  }: { readonly file: string; readonly folder: string; readonly preset: string },
): Promise<Ladder> {
  await mkdir(folder, { recursive: true });
  const childrenBefore = await endedChildrenCpuSeconds();
  const ownBefore = process.cpuUsage();
  const startedAt = performance.now();
  const signal = AbortSignal.timeout(LIMIT_MS);
  const server = await startSourceServer();
  let encodingMs = 0;
  try {
    const { size: sizeBytes } = await stat(file);
    const { url } = server.serve(fileUpstream(file, sizeBytes, "video/mp4"));
    const plan = await planLadder(tools, encoders, { url, sizeBytes, preset, signal });
    for (const step of plan.steps) {
      if (step.kind === "package") {
        const packaged = await packageFiles(folder, step, signal);
        if (packaged.status === "failed") throw new Error(packaged.detail);
        continue;
      }
      if (step.kind !== "ffmpeg") throw new Error(`A ladder has no step ${step.kind}.`);
      const stepAt = performance.now();
      await runFfmpeg(tools, step, url, folder, signal);
      encodingMs += performance.now() - stepAt;
    }
    const bytes = await checkAll(tools, plan, folder, signal);
    const wallMs = performance.now() - startedAt;
    const { user, system } = process.cpuUsage(ownBefore);
    const agentCpuSeconds = (user + system) / 1e6;
    const children = (await endedChildrenCpuSeconds()) - childrenBefore;
    return {
      plan,
      bytes,
      agentCpuSeconds,
      wallSeconds: wallMs / 1000,
      cpuSeconds: agentCpuSeconds + children,
      aroundSeconds: (wallMs - encodingMs) / 1000,
    };
  } finally {
    await server.close();
  }
}

interface Request {
  readonly url: string;
  readonly sizeBytes: number;
  readonly preset: string;
  readonly signal: AbortSignal;
}

async function planLadder(
  tools: Tools,
  encoders: readonly EncoderCapability[],
  { url, sizeBytes, preset, signal }: Request,
): Promise<Plan> {
  const recipe = recipeRequestSchema.parse({ name: "hls", preset });
  const probed = await probeSource(tools, { url, sizeBytes, signal });
  if (probed.status === "failed") throw new Error(probed.detail);
  const output = { key: "out_1", file: "result.m3u8", format: "hls" } as const;
  const plan = planWork({ mode: "recipe", recipe }, { in_1: probed.source }, output, encoders);
  if (plan.status === "rejected") throw new Error(plan.detail);
  return plan;
}

async function runFfmpeg(
  tools: Tools,
  step: FfmpegStep,
  url: string,
  scratchDir: string,
  signal: AbortSignal,
): Promise<void> {
  const done = await runStep(tools, step, {
    inputUrl: () => url,
    scratchDir,
    signal,
    onProgress: () => {},
    stallMs: STALL_MS,
  });
  if (done.status !== "ok") throw new Error(`The ladder ended as ${JSON.stringify(done)}.`);
}

/** Takes every file through the gate; the bytes of the media. */
async function checkAll(tools: Tools, plan: Plan, folder: string, signal: AbortSignal) {
  const files = plan.outputs.map((promise) => ({ file: path.join(folder, promise.file), promise }));
  for (const gate of await checkOutputs(tools, files, signal)) {
    if (gate.status === "invalid") throw new Error(gate.detail);
  }
  let bytes = 0;
  for (const { file, promise } of files) {
    if (promise.format === "mp4") bytes += (await stat(file)).size;
  }
  return bytes;
}
