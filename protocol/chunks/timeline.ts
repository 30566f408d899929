/**
 * The frames that chunks are made of, as the outputs show them, and from where the source is read for one of them: the
 * source's own, or those of another rate, each the source's last at its time. Pure.
 */
import type { SourceInfo } from "../media.ts";
import type { Temporal } from "../plan.ts";
import type { Grid } from "./contract.ts";
import { type FrameIndex, findGrid, resampled, resampledAt } from "./grid.ts";

export interface Timeline {
  readonly grid: Grid;
  /** When each frame is shown, in the grid's ticks, and when the last one ends. */
  readonly frames: Pick<FrameIndex, "timeBase" | "times" | "end">;
  /** A key frame, in the source's ticks, from which on all is there that the frame is made of; null is the beginning. */
  seekFor(frame: number): number | null;
}

export type FoundTimeline =
  | ({ readonly status: "ok" } & Timeline)
  | { readonly status: "none"; readonly reason: string };

/** ffmpeg may not know how long the last picture stays: so long another may be seen in its place, and no longer. */
const MAX_HELD_SECONDS = 1;

/** @param temporal what is done to frames before any is cut out. */
export function timelineOf(
  index: FrameIndex,
  source: SourceInfo,
  temporal: Temporal | undefined,
): FoundTimeline {
  const found = findGrid(index, source);
  if (found.status === "none") return found;
  const { grid } = found;
  if (mayTurnToFields(source) && grid.frameRate === null) {
    return { status: "none", reason: "it is interlaced, and its packets may be fields" };
  }
  // Deinterlacing looks at the frame before as well.
  const reach = temporal?.deinterlaces === true ? 1 : 0;
  const seekAt = (frame: number) => keyBefore(index, index.times[Math.max(0, frame - reach)]);
  const rate = temporal?.rate ?? null;
  if (rate === null) return { status: "ok", grid, frames: index, seekFor: seekAt };
  const outputs = resampled(grid, rate, index);
  if ((outputs.source?.lastFrames ?? 0) * rate.den > rate.num * MAX_HELD_SECONDS) {
    return { status: "none", reason: "its last picture stays for long" };
  }
  const count = resampledAt(grid, rate, index.end);
  const frames = {
    timeBase: { num: rate.den, den: rate.num },
    times: Array.from({ length: count }, (_, at) => at),
    end: count,
  };
  return {
    status: "ok",
    grid: outputs,
    frames,
    seekFor: (frame) => seekAt(shownIn(index, (time) => resampledAt(grid, rate, time) <= frame)),
  };
}

/**
 * A field that is coded as a picture has a packet of its own, and a stream may turn from frames to fields at any: at even
 * times they are over the whole what they are at first.
 */
function mayTurnToFields({ video }: SourceInfo): boolean {
  return video?.interlaced === true && (video.codec === "h264" || video.codec === "hevc");
}

/** The last frame for which it holds, which holds of none after; the first where it holds of none. */
function shownIn({ times }: FrameIndex, hasBegun: (time: number) => boolean): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (hasBegun(times[middle] ?? 0)) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}

/** The last key frame at or before a time; null reads from the beginning. */
function keyBefore({ keys, times }: FrameIndex, time: number | undefined): number | null {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] ?? 0) <= (time ?? 0)) low = middle + 1;
    else high = middle;
  }
  const key = keys[low - 1];
  return key === undefined || key <= (times[0] ?? 0) ? null : key;
}
