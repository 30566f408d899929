/** What an attempt needs of ffmpeg. The real one is `ffmpeg/`; tests of the attempt bring their own. */
import type { FfmpegStep } from "../protocol/plan.ts";
import {
  checkOutputs,
  type GateResult,
  type IndexRequest,
  type IndexResult,
  type OutputFile,
  type ProbeRequest,
  type ProbeResult,
  probeSource,
  type RunStepOptions,
  readFrameIndex,
  runStep,
  type StepResult,
  type Tools,
} from "./ffmpeg/index.ts";

export interface Engine {
  /** Whether it was proved to measure VMAF. Absent: not. */
  readonly hasVmaf?: boolean;
  probe(request: ProbeRequest): Promise<ProbeResult>;
  run(step: FfmpegStep, options: RunStepOptions): Promise<StepResult>;
  /** When the frames of a source are shown. */
  index(request: IndexRequest): Promise<IndexResult>;
  /** In the files' order. */
  check(files: readonly OutputFile[], signal: AbortSignal): Promise<readonly GateResult[]>;
}

export function ffmpegEngine(tools: Tools): Engine {
  return {
    hasVmaf: tools.features.vmaf,
    probe: (request) => probeSource(tools, request),
    index: (request) => readFrameIndex(tools, request),
    run: (step, options) => runStep(tools, step, options),
    check: (files, signal) => checkOutputs(tools, files, signal),
  };
}
