/** Runs one ffmpeg step of a plan: argv → process → progress → verdict. */
import path from "node:path";
import type { FfmpegStep } from "../../protocol/plan.ts";
import { deviceEnv, isEarlyEnd, readsOn, stepArgv } from "./argv.ts";
import { cleanLog, diagnose } from "./failure.ts";
import { giveLastFrameTime } from "./last-frame.ts";
import { memoryAdvice } from "./memory-advice.ts";
import { type ProcessResult, runProcess } from "./process.ts";
import { createProgressReader } from "./progress.ts";
import { measureScratch } from "./scratch-usage.ts";
import { truncationDetail } from "./truncation.ts";
import type {
  EngineFailure,
  HardwareFault,
  Progress,
  RunStepOptions,
  StepResult,
  Tools,
} from "./types.ts";
import { describeLimit } from "./usage-watch.ts";
import { createWatchdog } from "./watchdog.ts";

/** Longest time between two looks at what moves. */
const WATCH_INTERVAL_MS = 1_000;

const STALLED = "stalled";
const TOO_LARGE = "too_large";

const noProgress: Progress = {
  frame: null,
  fps: null,
  speed: null,
  outTimeSeconds: null,
  totalSize: null,
};

/**
 * Runs one step to its end, its failure, its stall, or the abort of the signal. When it returns, no
 * process of the run is left. A success means that ffmpeg said so and reached the end of what the plan
 * expected; whether the files are good is the gate's to say.
 *
 * @throws RangeError when the plan names a file or an input that is not harmless.
 */
export async function runStep(
  tools: Tools,
  step: FfmpegStep,
  options: RunStepOptions,
): Promise<StepResult> {
  const device = step.encoder?.device ?? null;
  const readLine = createProgressReader();
  let progress = noProgress;
  let hasEnded = false;
  let stopWatching = () => {};
  const result = await runProcess({
    command: tools.ffmpeg,
    confinement: tools.confinement,
    usesDevice: device !== null && device !== "cpu",
    args: stepArgv(step, {
      inputUrl: options.inputUrl,
      features: tools.features,
      ...(options.threads === undefined ? {} : { threads: options.threads }),
    }),
    cwd: options.scratchDir,
    signal: options.signal,
    env: deviceEnv(device, process.env.CUDA_VISIBLE_DEVICES),
    ...(options.maxOutputBytes === undefined ? {} : { maxFileBytes: options.maxOutputBytes }),
    onStdoutLine(line) {
      const report = readLine(line);
      if (report === null) return;
      progress = report.progress;
      hasEnded = report.ended;
      options.onProgress(progress);
    },
    onStarted(stop) {
      stopWatching = watch(options, () => progress, stop);
    },
  }).finally(() => stopWatching());
  const { memoryBytes } = tools.confinement.limits;
  // Without its last word it is not known how far it came: the gate sees what is there.
  const reached = hasEnded ? progress : noProgress;
  const stderr = readsOn(step) ? result.stderr.filter((line) => !isEarlyEnd(line)) : result.stderr;
  const ended = verdict(step, options, { ...result, stderr }, reached, memoryBytes);
  if (ended.status === "ok" && !tools.features.fpsMode) await mendLastFrames(step, options);
  return ended;
}

/** Only where pictures were encoded: those of a stream copy keep the times that their source gives them. */
async function mendLastFrames(step: FfmpegStep, { scratchDir }: RunStepOptions): Promise<void> {
  if (step.encoder === null) return;
  for (const { file, muxer } of step.outputs) {
    if (muxer === "mp4" || muxer === "mov") await giveLastFrameTime(path.join(scratchDir, file));
  }
}

/** Looks at intervals whether anything moves and how much was written; returns the means to end that. */
function watch(
  options: RunStepOptions,
  progress: () => Progress,
  stop: (reason: string) => void,
): () => void {
  const watchdog = createWatchdog(options.stallMs, performance.now());
  const limit = options.maxOutputBytes ?? Number.POSITIVE_INFINITY;
  let over = false;
  const look = async () => {
    const usage = await measureScratch(options.scratchDir);
    if (over) return;
    const { frame, outTimeSeconds, totalSize } = progress();
    const sample = [
      frame,
      outTimeSeconds,
      totalSize,
      usage.bytes,
      usage.mark,
      options.movement?.() ?? 0,
    ];
    if (usage.bytes > limit) stop(TOO_LARGE);
    else if (watchdog.isStalled(sample, performance.now())) stop(STALLED);
  };
  const timer = setInterval(() => void look(), Math.min(WATCH_INTERVAL_MS, options.stallMs / 4));
  return () => {
    over = true;
    clearInterval(timer);
  };
}

function verdict(
  step: FfmpegStep,
  options: RunStepOptions,
  result: ProcessResult,
  reached: Progress,
  memoryBytes: number | null,
): StepResult {
  const log = cleanLog(result.stderr);
  const failed = (
    failure: EngineFailure,
    hardwareFault: HardwareFault | null = null,
  ): StepResult => ({
    ...failure,
    status: "failed",
    exitCode: result.exitCode,
    log,
    hardwareFault,
  });

  switch (result.end.kind) {
    case "aborted":
      return { status: "aborted", log };
    case "not_started":
      return failed({
        code: "ENGINE_INVOCATION_ERROR",
        detail: `FFmpeg could not be started: ${result.end.message}`,
        retryable: true,
      });
    case "timeout":
    case "too_much_output":
      return failed({
        code: "ENGINE_INVOCATION_ERROR",
        detail: `FFmpeg was stopped: ${result.end.kind}.`,
        retryable: true,
      });
    case "limit":
      return failed({
        code: "TRANSCODE_ERROR",
        detail: [
          `FFmpeg was stopped: it took ${describeLimit(result.end.passed)}.`,
          ...(result.end.passed.limit === "memory" ? [memoryAdvice(step)] : []),
        ].join(" "),
        // A larger machine of the same fleet may allow more.
        retryable: true,
      });
    case "stopped":
      // A driver that hangs stands still like this.
      return failed(
        stoppedFailure(result.end.reason, options),
        usesHardware(step) && result.end.reason === STALLED ? "driver" : null,
      );
    case "exited":
      if (result.exitCode === 0) {
        const short = shortfall(step, reached);
        if (short === null) return { status: "ok", log };
        // A driver may take every frame and give none back; or there was none in this part: that is not its fault.
        const isMute = usesHardware(step) && short.code === "ENGINE_EMPTY_RESPONSE";
        return failed(short, isMute ? "unsupported" : null);
      }
      return diagnosed(step, result, memoryBytes, failed);
  }
}

function diagnosed(
  step: FfmpegStep,
  { exitCode, signal, stderr }: ProcessResult,
  memoryBytes: number | null,
  failed: (failure: EngineFailure, fault: HardwareFault | null) => StepResult,
): StepResult {
  const ending = {
    ...{ exitCode, signal, stderr, usesHardware: usesHardware(step), memoryBytes },
    memoryAdvice: memoryAdvice(step),
  };
  const { hardwareFault, ...failure } = diagnose(ending);
  return failed(failure, hardwareFault);
}

function usesHardware({ encoder }: FfmpegStep): boolean {
  return encoder !== null && encoder.device !== "cpu";
}

function stoppedFailure(reason: string, options: RunStepOptions): EngineFailure {
  if (reason === TOO_LARGE) {
    return {
      code: "TRANSCODE_ERROR",
      detail: `FFmpeg was stopped because its output grew beyond ${options.maxOutputBytes} bytes.`,
      retryable: false,
    };
  }
  return {
    code: "ENGINE_INVOCATION_ERROR",
    detail: `FFmpeg made no progress for ${options.stallMs / 1000} s and was stopped.`,
    retryable: true,
  };
}

/** Exit code 0 is not success: an encode of nothing has it, and so has one of half a source. */
function shortfall(step: FfmpegStep, { frame, outTimeSeconds }: Progress): EngineFailure | null {
  if (step.expectedFrames !== null && step.expectedFrames > 0 && frame === 0) {
    return {
      code: "ENGINE_EMPTY_RESPONSE",
      detail: `FFmpeg exited with code 0 but wrote none of ${step.expectedFrames} frames.`,
      retryable: true,
    };
  }
  const detail = truncationDetail(outTimeSeconds, step.expectedSeconds);
  return detail === null ? null : { code: "TRANSCODE_ERROR", detail, retryable: false };
}
