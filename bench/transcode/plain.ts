/** The rival: plain ffmpeg, told to make what Telecine's plan makes, from and to a file. */
import { spawn } from "node:child_process";
import { stat } from "node:fs/promises";
import type { EncoderCapability } from "../../protocol/media.ts";
import type { FfmpegStep } from "../../protocol/plan.ts";
import { planWork, recipeRequestSchema } from "../../protocol/recipes/index.ts";
import { probeSource, type Tools } from "../../worker-node/ffmpeg/index.ts";
import { fileUpstream } from "../../worker-node/source/file-upstream.ts";
import { startSourceServer } from "../../worker-node/source/server.ts";
import { endedChildrenCpuSeconds } from "../cpu-time.ts";

export interface Spent {
  readonly wallSeconds: number;
  readonly cpuSeconds: number;
}

/** The one ffmpeg run that the agent plans for the request. @throws Error where it plans another number of runs. */
export async function planStep(
  tools: Tools,
  file: string,
  request: unknown,
  encoders: readonly EncoderCapability[],
): Promise<FfmpegStep> {
  const recipe = recipeRequestSchema.parse(request);
  const server = await startSourceServer();
  try {
    const { size: sizeBytes } = await stat(file);
    const { url } = server.serve(fileUpstream(file, sizeBytes, "video/mp4"));
    const signal = AbortSignal.timeout(60_000);
    const probed = await probeSource(tools, { url, sizeBytes, signal });
    if (probed.status === "failed") throw new Error(probed.detail);
    const output = { key: "out_1", file: "result.mp4", format: "mp4" } as const;
    const plan = planWork({ mode: "recipe", recipe }, { in_1: probed.source }, output, encoders);
    if (plan.status === "rejected") throw new Error(plan.detail);
    const [step] = plan.steps;
    if (step?.kind !== "ffmpeg" || plan.steps.length !== 1) {
      throw new Error(`The plan has ${plan.steps.length} steps; one of ffmpeg is compared.`);
    }
    return step;
  } finally {
    await server.close();
  }
}

/** The step as a person would type it: the plan's own options, from file to file, threads left to ffmpeg. */
export function plainArgv(step: FfmpegStep, input: string, output: string): readonly string[] {
  return [
    ...["-nostdin", "-hide_banner", "-v", "error", "-y"],
    ...step.inputs.flatMap(({ options }) => [...options, "-i", input]),
    ...(step.filterComplex === null ? [] : ["-filter_complex", step.filterComplex]),
    ...step.outputs.flatMap(({ options, muxer }) => [...options, "-f", muxer, output]),
  ];
}

/** Runs it and says what it took. */
export async function runPlain(ffmpeg: string, argv: readonly string[]): Promise<Spent> {
  const cpuBefore = await endedChildrenCpuSeconds();
  const startedAt = performance.now();
  const child = spawn(ffmpeg, argv, { stdio: ["ignore", "ignore", "inherit"] });
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  const wallSeconds = (performance.now() - startedAt) / 1000;
  if (exitCode !== 0) throw new Error(`ffmpeg ended with ${exitCode}: ${argv.join(" ")}`);
  return { wallSeconds, cpuSeconds: (await endedChildrenCpuSeconds()) - cpuBefore };
}
