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
}

/** How long the source says it is; null where it does not (a picture alone may say 0). */
export function knownDuration(source: SourceInfo): number | null {
  const { durationSeconds } = source;
  return durationSeconds !== null && durationSeconds > 0 ? durationSeconds : null;
}

/** The part asked for, cut to what there is; a start at or beyond the end is a rejection that names both. */
export function spanOf(
  source: SourceInfo,
  request: SpanRequest,
  parameter = "startSeconds",
): Span | Rejection {
  const total = knownDuration(source);
  const { startSeconds } = request;
  if (total !== null && startSeconds >= total) {
    return unsupported(
      `${parameter} ${secondsText(startSeconds)} is beyond the end: the source lasts ${secondsText(total)} seconds.`,
    );
  }
  const lengthSeconds =
    request.durationSeconds ??
    (request.endSeconds === undefined ? null : request.endSeconds - startSeconds);
  if (total === null) return { startSeconds, lengthSeconds, expectedSeconds: null };
  const left = total - startSeconds;
  return { startSeconds, lengthSeconds, expectedSeconds: Math.min(lengthSeconds ?? left, left) };
}

/** Input options that read the part. */
export function spanOptions(span: Span): string[] {
  return [
    ...(span.startSeconds > 0 ? ["-ss", secondsText(span.startSeconds)] : []),
    ...(span.lengthSeconds === null ? [] : ["-t", secondsText(span.lengthSeconds)]),
  ];
}

/** A source that ends before its declared end by more than this is not completed silently. */
export function durationTolerance(seconds: number | null): number {
  return Math.max(1, (seconds ?? 0) * 0.02);
}
