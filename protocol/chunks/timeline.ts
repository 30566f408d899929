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
  /** Where ffmpeg is told to seek, so that it begins at that key frame. */
  aimFor(key: number): number;
  /** When what is shown is no longer looked at to know that a frame has begun, in the source's ticks; null: all of it is. */
  doneFor(frame: number): number | null;
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
  const aimFor = (key: number) => aimAt(index, source, key);
  const doneAt = (frame: number) => index.times[frame + reach + 1] ?? null;
  if (rate === null) {
    return { status: "ok", grid, frames: index, seekFor: seekAt, aimFor, doneFor: doneAt };
  }
  const outputs = resampled(grid, rate, index);
  if ((outputs.source?.lastFrames ?? 0) * rate.den > rate.num * MAX_HELD_SECONDS) {
    return { status: "none", reason: "its last picture stays for long" };
  }
  const count = resampledAt(grid, rate, index.end);
  const shownFor = (frame: number) =>
    shownIn(index, (time) => resampledAt(grid, rate, time) <= frame);
  const frames = {
    timeBase: { num: rate.den, den: rate.num },
    times: Array.from({ length: count }, (_, at) => at),
    end: count,
  };
  return {
    status: "ok",
    grid: outputs,
    frames,
    seekFor: (frame) => seekAt(shownFor(frame)),
    aimFor,
    // `fps` gives a frame away when it sees the one after it.
    doneFor: (frame) => doneAt(shownFor(frame) + 1),
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

/**
 * Where frames may be reordered ffmpeg seeks 3/23 s before what it is told (fftools/ffmpeg_opt.c, 5.1; ffmpeg_demux.c), but for
 * demuxers that seek by presentation, as that of MP4 does: it begins a whole group of pictures early.
 */
const EARLY_SEEK_SECONDS = 3 / 23;

/** So much later than the key frame, unless another begins by then. */
function aimAt({ keys, timeBase }: FrameIndex, { format }: SourceInfo, key: number): number {
  if (!format.startsWith("matroska")) return key;
  const later = key + Math.ceil((EARLY_SEEK_SECONDS * timeBase.den) / timeBase.num) + 1;
  const next = keys[firstAfter(keys, key)];
  return next === undefined || next > later ? later : key;
}

function firstAfter(keys: readonly number[], time: number): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((keys[middle] ?? 0) <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The last key frame at or before a time; null reads from the beginning. */
function keyBefore({ keys, times }: FrameIndex, time: number | undefined): number | null {
  const key = keys[firstAfter(keys, time ?? 0) - 1];
  return key === undefined || key <= (times[0] ?? 0) ? null : key;
}
