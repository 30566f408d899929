/** Runs one ffmpeg step of an attempt: what it moves renews the lease, and a standstill ends it. */
import type { FfmpegStep } from "../protocol/plan.ts";
import type { Work } from "./attempt-parts.ts";

/** An ffmpeg that stands still is killed after this share of the lease's time, so that the agent says so first. */
const STALL_SHARE = 2 / 3;

export function runFfmpeg(work: Work, step: FfmpegStep) {
  const { task, ttlMs } = work.assignment;
  const { encoder } = step;
  if (encoder !== null) work.tracker.chose({ device: encoder.device, encoder: encoder.name });
  let patience = 0;
  return work.engine.run(step, {
    inputUrl: (key, reads) => {
      const input = work.inputs.get(key);
      return reads === undefined ? input.url : input.urlFor(reads);
    },
    scratchDir: work.workDir,
    signal: work.signal,
    ...(work.threads === undefined ? {} : { threads: work.threads }),
    onProgress: work.tracker.stepMoved,
    stallMs: ttlMs * STALL_SHARE,
    movement: () => {
      // An ffmpeg that starves while its source is away does not stall: the source has its own patience.
      if (work.inputs.isAwaited()) patience += 1;
      return work.inputs.bytesServed() + patience;
    },
    maxOutputBytes: Math.min(task.maxOutputBytes, work.maxOutputBytes ?? task.maxOutputBytes),
  });
}
