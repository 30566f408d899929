/** When frames are shown, in whole ticks: where they are in the source, and where in every output. Pure. */
import type { Rational, SourceInfo } from "../media.ts";
import { exactRate, ticksPerSecond } from "../recipes/parts/timing.ts";
import type { Grid } from "./contract.ts";

/** Where the packets of a video lie in its file, in the order in which they are decoded; three lists of one length. */
export interface PacketPlaces {
  /** When each is shown, in ticks. */
  readonly times: ArrayLike<number>;
  /** In bytes from the file's beginning: where each begins, and where it has ended. */
  readonly begins: ArrayLike<number>;
  readonly ends: ArrayLike<number>;
}

/** The frames of a source as its container lists them. */
export interface FrameIndex {
  readonly timeBase: Rational;
  /** When each frame is shown, in order; those that an edit list leaves out are not among them. */
  readonly times: readonly number[];
  /** When key frames are shown, in order, those included that are only decoded. */
  readonly keys: readonly number[];
  /** When the last frame ends. */
  readonly end: number;
  /** Absent where the container does not say where they lie. */
  readonly packets?: PacketPlaces;
}

export type FoundGrid =
  | { readonly status: "ok"; readonly grid: Grid }
  | { readonly status: "none"; readonly reason: string };

/** The grid of a source's frames. Times that are even but for their rounding are even. */
export function findGrid(index: FrameIndex, source: SourceInfo): FoundGrid {
  const { timeBase, times } = index;
  const [first] = times;
  if (first === undefined) return { status: "none", reason: "it has no frame" };
  if (times.some((time, at) => at > 0 && time <= (times[at - 1] ?? time))) {
    return { status: "none", reason: "two frames are shown at one time" };
  }
  const origin = Math.round((source.startSeconds * timeBase.den) / timeBase.num);
  if (first < origin) return { status: "none", reason: "pictures begin before the file does" };
  return {
    status: "ok",
    grid: { timeBase, origin, first, frameRate: evenRate(index, source) },
  };
}

/** Ticks per second of the outputs' video tracks. */
export function outputTicks({ frameRate }: Pick<Grid, "frameRate">): number {
  return ticksPerSecond(frameRate);
}

/** The rate that every frame's time follows without a hole, or null. */
function evenRate(index: FrameIndex, { video }: SourceInfo): Rational | null {
  const candidates = [
    measuredRate(index),
    ...(video === null ? [] : [video.frameRate, video.averageFrameRate]),
    customaryRate(index),
  ];
  const rate = candidates.find((one) => one !== null && isEven(index, one)) ?? null;
  // Beyond this the tracks' ticks are no longer whole frames.
  return rate !== null && ticksPerSecond(rate) % rate.num === 0 ? rate : null;
}

function measuredRate({ times, timeBase }: FrameIndex): Rational | null {
  const gap = (times[1] ?? 0) - (times[0] ?? 0);
  return gap <= 0 ? null : reduced({ num: timeBase.den, den: timeBase.num * gap });
}

function customaryRate({ times, timeBase }: FrameIndex): Rational | null {
  const ticks = (times.at(-1) ?? 0) - (times[0] ?? 0);
  if (times.length < 2 || ticks <= 0) return null;
  const fps = ((times.length - 1) * timeBase.den) / (ticks * timeBase.num);
  const whole = Math.round(fps);
  return whole > 0 && Math.abs(fps - whole) < 0.0015 ? { num: whole, den: 1 } : exactRate(fps);
}

function isEven({ times, timeBase }: FrameIndex, rate: Rational): boolean {
  if (rate.num <= 0 || rate.den <= 0) return false;
  const gap = (rate.den * timeBase.den) / (rate.num * timeBase.num);
  const first = times[0] ?? 0;
  // Both ends of a time's distance are rounded to ticks; rounding must not hide a frame.
  const slack = Number.isInteger(gap) ? 0 : 1;
  if (gap < 4 * slack) return false;
  return times.every((time, at) => Math.abs(time - first - at * gap) <= slack + 1e-6);
}

function reduced({ num, den }: Rational): Rational {
  let [a, b] = [num, den];
  while (b !== 0) [a, b] = [b, a % b];
  return { num: num / a, den: den / a };
}

/** Ticks of the grid in units of `perSecond`, counted from the origin, to the nearest. */
function fromOrigin({ origin, timeBase }: Grid, tick: number, perSecond: Rational): number {
  const distance = BigInt(tick - origin) * BigInt(timeBase.num) * BigInt(perSecond.num);
  const per = BigInt(timeBase.den) * BigInt(perSecond.den);
  return Number((distance * 2n + per) / (per * 2n));
}

/** Which frame of another rate begins at a tick of the source: the nearest, as ffmpeg's `fps` filter counts them. */
export function resampledAt(grid: Grid, rate: Rational, tick: number): number {
  return fromOrigin(grid, tick, rate);
}

/** The grid of the outputs' frames, of a source's grid. */
export function resampled(grid: Grid, rate: Rational, { times, end }: FrameIndex): Grid {
  const { timeBase, origin } = grid;
  const lastFrames = resampledAt(grid, rate, end) - resampledAt(grid, rate, times.at(-1) ?? end);
  return {
    timeBase: { num: rate.den, den: rate.num },
    origin: 0,
    first: 0,
    frameRate: rate,
    source: { timeBase, origin, lastFrames },
  };
}

/** How late the first frame is, in ticks of the outputs. */
function phaseOf(grid: Grid): number {
  return fromOrigin(grid, grid.first, { num: outputTicks(grid), den: 1 });
}

/** When what the source shows at `tick` is shown in the outputs, in their ticks. */
export function shownAt(grid: Grid, tick: number): number {
  const ticks = outputTicks(grid);
  const { frameRate, timeBase, first } = grid;
  if (frameRate === null) return fromOrigin(grid, tick, { num: ticks, den: 1 });
  const seconds = ((tick - first) * timeBase.num) / timeBase.den;
  const frame = Math.round((seconds * frameRate.num) / frameRate.den);
  return frame * ((ticks / frameRate.num) * frameRate.den) + phaseOf(grid);
}

/**
 * Filters that give every frame its time in the outputs, before any other: the parts that are read are cut out by
 * the source's own ticks.
 */
export function timeFilters(grid: Grid, from: number | null, to: number | null): string[] {
  const ticks = outputTicks(grid);
  const { frameRate } = grid;
  const range = [
    ...(from === null ? [] : [`start_pts=${from}`]),
    ...(to === null ? [] : [`end_pts=${to}`]),
  ];
  const trim = range.length === 0 ? [] : [`trim=${range.join(":")}`];
  if (frameRate === null) return [...trim, `setpts=PTS-(${grid.origin})`];
  return [
    ...trim,
    `setpts=PTS-(${grid.first})`,
    `settb=expr=${frameRate.den}/${frameRate.num}`,
    `settb=expr=1/${ticks}`,
    `setpts=PTS+${phaseOf(grid)}`,
  ];
}
