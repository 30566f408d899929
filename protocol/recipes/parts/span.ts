/** A part of a source's time, as clients ask for it. */
import type { SourceInfo } from "../../media.ts";
import type { Rejection } from "../../plan.ts";
import { unsupported } from "./rejections.ts";
import { secondsText } from "./timing.ts";

export interface SpanRequest {
  readonly startSeconds: number;
  readonly durationSeconds?: number | undefined;
  readonly endSeconds?: number | undefined;
}

export interface Span {
  readonly startSeconds: number;
  /** Asked for; null is to the end. */
  readonly lengthSeconds: number | null;
  /** What will be there; null where the source does not tell how long it is. */
  readonly expectedSeconds: number | null;
  /** How far from it the output may be. */
  readonly toleranceSeconds: number;
}

/** How long a source is, and by how much more it may be. */
export interface Length {
  readonly seconds: number;
  readonly slackSeconds: number;
}

/** Starts this small are encoder delay, not a late beginning. */
const NO_OFFSET_SECONDS = 0.1;

/**
 * From the first picture or sound to the last; null where the source does not tell (a single picture says 0).
 * A declared duration that counts from 0 includes a late start. In Matroska some muxers (ffmpeg) count so, others
 * (mkvmerge) from the first packet.
 */
export function lengthOf(source: SourceInfo): Length | null {
  const { durationSeconds: declared, startSeconds: offset } = source;
  if (declared === null || declared <= 0) return null;
  if (offset < NO_OFFSET_SECONDS || offset >= declared)
    return { seconds: declared, slackSeconds: 0 };
  const isEither = /matroska|webm/.test(source.format);
  return { seconds: declared - offset, slackSeconds: isEither ? offset : 0 };
}

/**
 * How long one stream is. Matroska's own tag counts from 0 as its declared duration does, and no stream is longer than
 * all of them together; null where it does not tell.
 */
export function lengthOfStream(source: SourceInfo, declared: number | null): Length | null {
  const whole = lengthOf(source);
  if (declared === null || whole === null) {
    return declared === null ? null : { seconds: declared, slackSeconds: 0 };
  }
  return { seconds: Math.min(declared, whole.seconds), slackSeconds: whole.slackSeconds };
}

/** The part asked for, cut to what there is; a start at or beyond the end is a rejection that names both. */
export function spanOf(
  source: SourceInfo,
  request: SpanRequest,
  parameter = "startSeconds",
): Span | Rejection {
  const total = lengthOf(source);
  const { startSeconds } = request;
  if (total !== null && startSeconds >= total.seconds + total.slackSeconds) {
    return unsupported(
      `${parameter} ${secondsText(startSeconds)} is beyond the end: the source lasts ${secondsText(total.seconds)} seconds.`,
    );
  }
  const lengthSeconds =
    request.durationSeconds ??
    (request.endSeconds === undefined ? null : request.endSeconds - startSeconds);
  const expectedSeconds = expected(total, startSeconds, lengthSeconds);
  return {
    startSeconds,
    lengthSeconds,
    expectedSeconds,
    toleranceSeconds: durationTolerance(expectedSeconds) + (total?.slackSeconds ?? 0),
  };
}

function expected(total: Length | null, start: number, length: number | null): number | null {
  if (total === null || start >= total.seconds) return null;
  return Math.min(length ?? Infinity, total.seconds - start);
}

/** All of the source, to its end. */
export function isWhole(span: Span): boolean {
  return span.startSeconds === 0 && span.lengthSeconds === null;
}

/** Input options that read the part. */
export function spanOptions(span: Span): string[] {
  return [
    ...(span.startSeconds > 0 ? ["-ss", secondsText(span.startSeconds)] : []),
    ...(span.lengthSeconds === null ? [] : ["-t", secondsText(span.lengthSeconds)]),
  ];
}

/** More than the frame that a cut may fall into. */
const LAST_FRAME_SECONDS = 0.1;

/**
 * Filters of pictures (`trim`) or sound (`atrim`) that end where the part does. ffmpeg's `-t` counts from the first frame
 * that it finds: in a hole of the source that is late, and as much of what nobody asked for would follow the part.
 */
export function endFilters(filter: "trim" | "atrim", { lengthSeconds }: Span): string[] {
  return lengthSeconds === null
    ? []
    : [`${filter}=end=${secondsText(lengthSeconds + LAST_FRAME_SECONDS)}`];
}

/** A source that ends before its declared end by more than this is not completed silently. */
export function durationTolerance(seconds: number | null): number {
  return Math.max(1, (seconds ?? 0) * 0.02);
}
