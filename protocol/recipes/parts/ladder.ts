/** The rungs of an adaptive ladder: sizes and peak bit rates, chosen from the source. */
import type { VideoCodec, VideoStreamInfo } from "../../media.ts";
import type { Rejection } from "../../plan.ts";
import { displaySize, type Framing, framing } from "./geometry.ts";
import { MAX_DIMENSION } from "./params.ts";

/** Short sides of the usual rungs. */
const SHORT_SIDES = [2160, 1440, 1080, 720, 480, 360, 240];
/** A rung nearer than this to the one above is the same to the eye. */
const LEAST_STEP = 1.2;

export interface Rung {
  readonly framing: Framing;
  /** Of the shorter side, as in `1080p`. */
  readonly short: number;
}

/**
 * The source's own size (within `maxHeight`), and below it the usual sizes. Nothing grows, no size comes twice;
 * a picture upright has its rungs by its width.
 */
export function ladderOf(
  video: VideoStreamInfo,
  maxHeight: number | undefined,
): readonly Rung[] | Rejection {
  const frame = (box: { readonly width?: number; readonly height?: number }) =>
    framing(video, { box, fit: "contain", enlarge: false, grid: 2 });
  const top = frame(maxHeight === undefined ? {} : { height: maxHeight });
  if ("status" in top) return top;
  const rungs: Rung[] = [{ framing: top, short: shortOf(top) }];
  const shown = displaySize(video);
  for (const side of SHORT_SIDES) {
    const last = rungs.at(-1);
    if (last === undefined || side * LEAST_STEP > last.short) continue;
    const next = frame(shown.width < shown.height ? { width: side } : { height: side });
    // Pictures a thousand times as long as wide end where the shorter side can no longer shrink.
    if ("status" in next || shortOf(next) >= last.short) continue;
    rungs.push({ framing: next, short: shortOf(next) });
  }
  return rungs;
}

/**
 * As many rungs as any source can have: known before the source is.
 *
 * @param maxHeight of the top rung; a source may be as large as pictures can be.
 */
export function mostRungs(maxHeight: number = MAX_DIMENSION): number {
  let last = Math.min(maxHeight, MAX_DIMENSION);
  let rungs = 1;
  for (const side of SHORT_SIDES) {
    if (side * LEAST_STEP > last) continue;
    last = side;
    rungs += 1;
  }
  return rungs;
}

function shortOf({ size }: Framing): number {
  return Math.min(size.width, size.height);
}

/** What 1080p of 30 pictures a second is given at most with H.264. */
const REFERENCE = { kbps: 6000, pixels: 1920 * 1080 };
/** Larger pictures take fewer bits a pixel. */
const PIXEL_EXPONENT = 0.75;
/** Bits for about the same look. */
const shareOf: Readonly<Record<VideoCodec, number>> = { h264: 1, hevc: 0.7, vp9: 0.7, av1: 0.6 };

/** The peak bit rate of a rung, in kbit/s. */
export function peakKbps(
  { framing: { size } }: Rung,
  codec: VideoCodec,
  fps: number | null,
): number {
  const pixels = (size.width * size.height) / REFERENCE.pixels;
  const fast = (fps ?? 30) > 31 ? 1.5 : 1;
  return Math.max(
    80,
    Math.round(REFERENCE.kbps * pixels ** PIXEL_EXPONENT * fast * shareOf[codec]),
  );
}
