import type { FfmpegStep } from "../../protocol/plan.ts";
import type { RunStepOptions, StepResult, Tools } from "./types.ts";

/** Runs one ffmpeg step of a plan to its end, its failure, its stall, or the abort of the signal. */
export function runStep(
  _tools: Tools,
  _step: FfmpegStep,
  _options: RunStepOptions,
): Promise<StepResult> {
  return Promise.reject(new Error("runStep is being written"));
}
