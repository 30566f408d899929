/**
 * How far an attempt is, put together from what its parts say. Movement is what renews the lease: frames
 * encoded, bytes served to ffmpeg, bytes written to scratch, bytes sent up. It only grows.
 */
import type { VideoMetadata } from "../protocol/media.ts";
import type { Step } from "../protocol/plan.ts";
import type { Stage } from "../protocol/stages.ts";
import type { Progress } from "./ffmpeg/index.ts";
import { measureScratch } from "./ffmpeg/scratch-usage.ts";
import { type AttemptReport, NOT_STARTED } from "./session-model.ts";

const SAMPLE_MS = 500;
/** Of the last stage, what is left for checking and sending the outputs. */
const DELIVERY_SHARE = 0.05;

export interface Tracker {
  readonly stage: () => Stage;
  readonly enter: (stage: Stage) => void;
  readonly planned: (steps: readonly Step[]) => void;
  /** Called before each step; its progress is then told to `stepMoved`. */
  readonly beginStep: (step: Step) => void;
  readonly stepMoved: (progress: Progress) => void;
  /** Bytes copied or sent by the agent itself. */
  readonly addBytes: (count: number) => void;
  /** Of all the outputs' bytes, how much has gone up: 0 to 1. */
  readonly delivered: (fraction: number) => void;
  readonly found: (source: VideoMetadata) => void;
  readonly chose: (engine: { readonly device: string; readonly encoder: string }) => void;
  /** While true the agent itself is at work on a local file, which no counter shows: time counts. */
  readonly setChecking: (isChecking: boolean) => void;
  readonly stop: () => void;
}

export interface TrackerOptions {
  readonly scratchDir: string;
  readonly bytesServed: () => number;
  readonly onReport: (report: AttemptReport) => void;
}

export function startTracker(options: TrackerOptions): Tracker {
  const sampler = createSampler(options);
  let steps: readonly Step[] = [];
  let step: Step | null = null;
  let isChecking = false;
  let report = NOT_STARTED;
  const change = (next: Partial<AttemptReport>) => {
    const movement = sampler.movement();
    const isSameStage = (next.stage ?? report.stage) === report.stage;
    const fraction = clamp(next.fraction ?? (isSameStage ? report.fraction : 0));
    const merged = { ...report, ...next, movement };
    report = {
      ...merged,
      fraction: isSameStage ? Math.max(report.fraction, fraction) : fraction,
    };
    options.onReport(report);
  };
  const timer = setInterval(async () => {
    if (isChecking) sampler.add(1);
    await sampler.look();
    if (sampler.movement() > report.movement) change({});
  }, SAMPLE_MS);

  return {
    stage: () => report.stage,
    enter: (stage) => change({ stage }),
    planned: (all) => {
      steps = all;
      change({ slots: slotsOf(all) });
    },
    beginStep: (next) => {
      step = next;
      sampler.beginFrames();
      change({ stage: next.stage, fraction: stageFraction(steps, next, 0) });
    },
    stepMoved: (progress) => {
      sampler.frames(progress.frame ?? 0);
      const { frame, fps, speed } = progress;
      const done = step === null ? 0 : stageFraction(steps, step, stepFraction(step, progress));
      change({ frame, fps, speed, fraction: done });
    },
    addBytes: (count) => sampler.add(count),
    delivered: (fraction) =>
      change({ fraction: 1 - DELIVERY_SHARE + DELIVERY_SHARE * clamp(fraction) }),
    found: (source) => change({ source }),
    chose: (engine) => change({ engine }),
    setChecking: (value) => {
      isChecking = value;
    },
    stop: () => clearInterval(timer),
  };
}

/** How far one step is, by frames where their number is known, else by time; 0 where neither is. */
function stepFraction(step: Step, progress: Progress): number {
  if (step.kind !== "ffmpeg") return 0;
  if (step.expectedFrames !== null && step.expectedFrames > 0 && progress.frame !== null) {
    return clamp(progress.frame / step.expectedFrames);
  }
  if (step.expectedSeconds !== null && step.expectedSeconds > 0) {
    return clamp((progress.outTimeSeconds ?? 0) / step.expectedSeconds);
  }
  return 0;
}

/** How far the step's stage is when the step is at `fraction`: stages may have several steps. */
function stageFraction(steps: readonly Step[], step: Step, fraction: number): number {
  const peers = steps.filter((other) => other.stage === step.stage);
  const done = Math.max(0, peers.indexOf(step));
  const share = steps.at(-1)?.stage === step.stage ? 1 - DELIVERY_SHARE : 1;
  return (share * (done + clamp(fraction))) / Math.max(1, peers.length);
}

/** The most encoder sessions that any step of a plan has open at once; a plan without one takes a slot all the same. */
function slotsOf(steps: readonly Step[]): number {
  const sessions = steps.map((step) =>
    step.kind === "ffmpeg" && step.encoder !== null ? (step.encoder.sessions ?? 1) : 1,
  );
  return Math.max(1, ...sessions);
}

interface Sampler {
  movement(): number;
  add(count: number): void;
  beginFrames(): void;
  frames(count: number): void;
  look(): Promise<void>;
}

function createSampler(options: TrackerOptions): Sampler {
  let counted = 0;
  let stepFrames = 0;
  let last = { bytes: 0, mark: 0 };
  return {
    movement: () => Math.floor(counted) + options.bytesServed(),
    add: (count) => {
      counted += count;
    },
    beginFrames: () => {
      stepFrames = 0;
    },
    frames: (count) => {
      counted += Math.max(0, count - stepFrames);
      stepFrames = Math.max(stepFrames, count);
    },
    look: async () => {
      const usage = await measureScratch(options.scratchDir);
      counted += Math.max(0, usage.bytes - last.bytes);
      // A second pass (`+faststart`) rewrites without growing: only the time of the last write shows it.
      if (usage.mark !== last.mark) counted += 1;
      last = usage;
    },
  };
}

function clamp(fraction: number): number {
  return Math.min(1, Math.max(0, fraction));
}
