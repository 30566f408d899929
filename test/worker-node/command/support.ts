/** Commands run as an agent runs them: probed sources, a plan, the steps, the gate. */
import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { extensionOf } from "../../../protocol/formats.ts";
import type { EncoderCapability, SourceInfo } from "../../../protocol/media.ts";
import type { PlanResult } from "../../../protocol/plan.ts";
import { planTask } from "../../../protocol/plan-task.ts";
import {
  checkOutput,
  probeSource,
  runStep,
  type Tools,
} from "../../../worker-node/ffmpeg/index.ts";
import type { Vector } from "../../protocol/command/vector.ts";
import { type ServedFile, serve } from "../ffmpeg/support.ts";

/** What any build in use has; each vector that runs proves it. */
export const software: readonly EncoderCapability[] = (
  [
    ["libx264", "h264"],
    ["libx265", "hevc"],
    ["libsvtav1", "av1"],
    ["libvpx-vp9", "vp9"],
  ] as const
).map(([encoder, codec]) => ({
  encoder,
  codec,
  device: "cpu",
  bitDepths: [8, 10],
  maxSessions: null,
}));

export interface Served extends ServedFile {
  readonly info: SourceInfo;
}

export async function serveClip(tools: Tools, path: string): Promise<Served> {
  const served = await serve(path);
  const { signal } = new AbortController();
  const probed = await probeSource(tools, { ...served, signal });
  if (probed.status !== "ok") throw new Error(`${path}: ${probed.detail}`);
  return { ...served, info: probed.source };
}

/** Every input is the same clip. */
export function planVector({ args, inputs, outputs }: Vector, source: SourceInfo): PlanResult {
  return planTask(
    { mode: "ffmpeg", args: [...args] },
    Object.fromEntries(inputs.map((key) => [key, source])),
    Object.entries(outputs).map(([key, format]) => ({
      key,
      file: `${key}.${extensionOf[format]}`,
      format,
    })),
    software,
  );
}

/** What went wrong on the way from a command to outputs that passed the gate; null when nothing did. */
export async function runVector(
  tools: Tools,
  dir: string,
  vector: Vector,
  clip: Served,
): Promise<string | null> {
  const plan = planVector(vector, clip.info);
  if (plan.status === "rejected") return plan.detail;
  const scratchDir = await mkdtemp(join(dir, "run-"));
  const { signal } = new AbortController();
  for (const step of plan.steps) {
    if (step.kind !== "ffmpeg") return `a command has a step of kind ${step.kind}`;
    const ran = await runStep(tools, step, {
      inputUrl: () => clip.url,
      scratchDir,
      signal,
      onProgress: () => {},
      stallMs: 60_000,
    });
    if (ran.status !== "ok") return JSON.stringify(ran);
  }
  for (const promise of plan.outputs) {
    const checked = await checkOutput(tools, join(scratchDir, promise.file), promise, signal);
    if (checked.status === "invalid") return checked.detail;
  }
  return null;
}
