/** Frame rates and time bases: exact rationals, so that no frame is doubled, dropped or moved. */
import type { Rational, SourceInfo, VideoStreamInfo } from "../../media.ts";

/** Rates whose customary decimals stand for a rational (SMPTE ST 274, ST 296). */
const customary: readonly (readonly [number, Rational])[] = [
  [23.976, { num: 24_000, den: 1001 }],
  [23.98, { num: 24_000, den: 1001 }],
  [29.97, { num: 30_000, den: 1001 }],
  [47.952, { num: 48_000, den: 1001 }],
  [59.94, { num: 60_000, den: 1001 }],
  [119.88, { num: 120_000, den: 1001 }],
];

/** A frame rate as a client writes it: 29.97 is 30000/1001, 12.5 is 25/2. */
export function exactRate(fps: number): Rational {
  for (const [decimal, rate] of customary) if (Math.abs(fps - decimal) < 0.0015) return rate;
  const num = Math.round(fps * 1000);
  const divisor = gcd(num, 1000);
  return { num: num / divisor, den: 1000 / divisor };
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

function isKnown(rate: Rational): boolean {
  return rate.num > 0 && rate.den > 0;
}

/** Frames per second, on average; null where the container does not say. */
export function averageFps(video: VideoStreamInfo): number | null {
  const rate = isKnown(video.averageFrameRate) ? video.averageFrameRate : video.frameRate;
  return isKnown(rate) ? rate.num / rate.den : null;
}

/** Nominal and average rate agree: the frames lie evenly. */
export function isConstantRate(video: VideoStreamInfo): boolean {
  const { frameRate: a, averageFrameRate: b } = video;
  return isKnown(a) && isKnown(b) && a.num * b.den === b.num * a.den;
}

/** Ticks per second where the frames lie unevenly: a multiple of the common rates. */
const UNEVEN_TICKS = 90_000;
/** As ffmpeg's own muxer does: coarser tracks round audio and edit lists too much. */
const FEWEST_TICKS = 10_000;
const MOST_TICKS = 1_000_000;

/**
 * Ticks per second for encoder and track. A whole number of ticks per frame where the rate is constant, and fine
 * enough to keep uneven times: encoding in units of one frame, ffmpeg's default, doubles and drops frames.
 */
export function ticksPerSecond(rate: Rational | null): number {
  if (rate === null || !isKnown(rate)) return UNEVEN_TICKS;
  const { num } = rate;
  if (num > MOST_TICKS) return UNEVEN_TICKS;
  return num * Math.max(1, Math.ceil(FEWEST_TICKS / num));
}

/**
 * The frames are known to lie on the grid of their rate, without a hole or a late start: as many were counted as
 * the stream's length takes. Only MP4 tells: an edit list may hide frames, Matroska does not count them, and AVI
 * counts the ones that its writer dropped.
 */
export function isOnGrid(source: SourceInfo): boolean {
  const { video, mp4 } = source;
  if (video === null || video.frames === null || video.durationSeconds === null) return false;
  if (mp4 === null || !mp4.simpleEditList || mp4.fragmented) return false;
  if (!isConstantRate(video) || video.interlaced) return false;
  const fps = video.frameRate.num / video.frameRate.den;
  const late = ((video.startSeconds ?? source.startSeconds) - source.startSeconds) * fps;
  return Math.abs(video.frames - video.durationSeconds * fps) < 0.5 && Math.abs(late) < 0.5;
}

/**
 * How frames keep their times on the way to the encoder. On a grid, one after the other; else each at its own
 * time, in fine ticks. Only the first tells ffmpeg 4.1 how long the last frame lasts: without it, its MP4s end
 * before that frame, until the agent mends them.
 */
export function timingOptions(isEven: boolean, ticks: number): string[] {
  return isEven ? ["-fps_mode:v", "cfr"] : ["-fps_mode:v", "vfr", "-enc_time_base:v", `1:${ticks}`];
}

/** The rate that frames leave at: the one asked for, or the source's where it is constant; else null. */
export function outgoingRate(video: VideoStreamInfo, fps: number | undefined): Rational | null {
  if (fps !== undefined) return exactRate(fps);
  return isConstantRate(video) ? video.frameRate : null;
}

/** Longest time between key frames of an encode, for seeking: half of what webReady lets pass. */
const KEYFRAME_SECONDS = 5;
const FALLBACK_FPS = 25;

/** Frames from one key frame to the next, at most. */
export function gopFrames(fps: number | null): number {
  return Math.min(600, Math.max(1, Math.round((fps ?? FALLBACK_FPS) * KEYFRAME_SECONDS)));
}

/** A number of seconds as ffmpeg reads it: microseconds, never an exponent. */
export function secondsText(seconds: number): string {
  return String(Number(seconds.toFixed(6)));
}
