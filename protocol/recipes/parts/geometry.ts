/** Sizes: what a player shows, what is asked for, and what an encoder can take. */

import type { VideoStreamInfo } from "../../media.ts";
import type { Rejection } from "../../plan.ts";
import { MAX_DIMENSION } from "./params.ts";
import { unsupported, unsupportedFormat } from "./rejections.ts";

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** What a client may give of a size. */
export interface Box {
  readonly width?: number | undefined;
  readonly height?: number | undefined;
}

/** How a picture gets to its size: scaled, then cut in the middle. Null is left out. */
export interface Framing {
  readonly scale: Size | null;
  readonly crop: Size | null;
  /** What comes out. */
  readonly size: Size;
}

export type Fit = "contain" | "cover" | "stretch";

/** Both sides of a 4:2:0 picture are even; still pictures need nothing. */
export type Grid = 1 | 2;

export interface FramingRequest {
  readonly box: Box;
  readonly fit: Fit;
  /** Whether the picture may become larger than it is shown now. */
  readonly enlarge: boolean;
  readonly grid: Grid;
}

/** The size a player shows: pixel aspect applied to the width, then turned. */
export function displaySize(video: VideoStreamInfo): Size {
  const { num, den } = video.sampleAspect;
  const aspect = num > 0 && den > 0 ? num / den : 1;
  const width = Math.max(1, Math.round(video.width * aspect));
  const turned = video.rotation === 90 || video.rotation === 270;
  return turned ? { width: video.height, height: width } : { width, height: video.height };
}

function hasSquarePixels(video: VideoStreamInfo): boolean {
  const { num, den } = video.sampleAspect;
  return num <= 0 || den <= 0 || num === den;
}

function nearest(value: number, grid: Grid): number {
  return Math.max(grid, Math.round(value / grid) * grid);
}

function below(value: number, grid: Grid): number {
  return Math.max(grid, Math.floor(value / grid) * grid);
}

function above(value: number, grid: Grid): number {
  return Math.max(grid, Math.ceil(value / grid) * grid);
}

function sameSize(a: Size, b: Size): boolean {
  return a.width === b.width && a.height === b.height;
}

/**
 * How the source's picture becomes what was asked. An odd size that is otherwise kept loses one row or column
 * rather than being resampled whole. A size beyond the limits is a rejection that names it.
 */
export function framing(video: VideoStreamInfo, request: FramingRequest): Framing | Rejection {
  if (video.width > MAX_DIMENSION || video.height > MAX_DIMENSION) {
    return unsupportedFormat(
      `The picture is ${video.width}x${video.height}; at most ${MAX_DIMENSION}x${MAX_DIMENSION} is supported.`,
    );
  }
  const found = frame(video, request);
  if (found.size.width > MAX_DIMENSION || found.size.height > MAX_DIMENSION) {
    const given = Object.entries(request.box)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => `${name} ${value}`);
    const cause = given.length > 0 ? given.join(" and ") : "the shape of its pixels";
    return unsupported(
      `${cause} would make the picture ${found.size.width}x${found.size.height}; at most ${MAX_DIMENSION}x${MAX_DIMENSION} is supported.`,
    );
  }
  return found;
}

function frame(video: VideoStreamInfo, request: FramingRequest): Framing {
  const display = displaySize(video);
  const { box, grid } = request;
  if (box.width !== undefined && box.height !== undefined) {
    const asked = { width: below(box.width, grid), height: below(box.height, grid) };
    if (request.fit === "cover") return cover(video, display, asked, request);
    if (request.fit === "stretch") return scaled(video, display, asked, grid);
  }
  const factor = containFactor(display, box, request.enlarge);
  if (factor === 1) return kept(video, display, grid);
  const within = (value: number, limit: number | undefined) => {
    const snapped = nearest(value, grid);
    return limit !== undefined && snapped > limit ? below(limit, grid) : snapped;
  };
  const size = {
    width: within(display.width * factor, box.width),
    height: within(display.height * factor, box.height),
  };
  return scaled(video, display, size, grid);
}

function containFactor(display: Size, box: Box, enlarge: boolean): number {
  const byWidth = box.width === undefined ? Infinity : box.width / display.width;
  const byHeight = box.height === undefined ? Infinity : box.height / display.height;
  const factor = Math.min(byWidth, byHeight);
  if (factor === Infinity) return 1;
  return enlarge ? factor : Math.min(1, factor);
}

/** The size as it is shown, made to fit the grid. */
function kept(video: VideoStreamInfo, display: Size, grid: Grid): Framing {
  const size = { width: below(display.width, grid), height: below(display.height, grid) };
  return scaled(video, display, size, grid);
}

function scaled(video: VideoStreamInfo, display: Size, size: Size, grid: Grid): Framing {
  if (hasSquarePixels(video)) {
    if (sameSize(display, size)) return { scale: null, crop: null, size };
    const lost = { width: display.width - size.width, height: display.height - size.height };
    const isOnlyParity = [lost.width, lost.height].every((by) => by >= 0 && by < grid);
    if (isOnlyParity) return { scale: null, crop: size, size };
  }
  return { scale: size, crop: null, size };
}

/** Fills the box and cuts what stands out; without leave to enlarge, the box shrinks with the picture. */
function cover(
  video: VideoStreamInfo,
  display: Size,
  asked: Size,
  { enlarge, grid }: FramingRequest,
): Framing {
  const factor = Math.max(asked.width / display.width, asked.height / display.height);
  const shrink = !enlarge && factor > 1 ? 1 / factor : 1;
  const size = {
    width: below(asked.width * shrink, grid),
    height: below(asked.height * shrink, grid),
  };
  const whole = {
    width: Math.max(size.width, above(display.width * factor * shrink - 0.01, grid)),
    height: Math.max(size.height, above(display.height * factor * shrink - 0.01, grid)),
  };
  const { scale } = scaled(video, display, whole, grid);
  return { scale, crop: sameSize(whole, size) ? null : size, size };
}
