/** A part of a source's time, as clients ask for it. */
import type { SourceInfo, VideoStreamInfo } from "../../media.ts";
import type { Rejection } from "../../plan.ts";
import { unsupported } from "./rejections.ts";
import { averageFps, isConstantRate, isOnGrid, secondsText } from "./timing.ts";

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
  if (beginsEarly(source)) {
    return { seconds: declared - offset, slackSeconds: -offset };
  }
  if (offset < NO_OFFSET_SECONDS || offset >= declared)
    return { seconds: declared, slackSeconds: 0 };
  const isEither = isMatroska(source.format);
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

/** When the last picture stops being shown, from where the source begins; null where it does not tell. */
export function endOfPictures(source: SourceInfo, video: VideoStreamInfo): Length | null {
  const length = lengthOfStream(source, video.durationSeconds);
  if (length === null || isMatroska(source.format)) return length;
  const late = latenessOf(source);
  const whole = lengthOf(source)?.seconds ?? Infinity;
  return { ...length, seconds: Math.min(length.seconds + late, whole) };
}

/** Shorter ones are within every tolerance. */
const LONG_PICTURE_SECONDS = 0.1;

/**
 * How far ffmpeg's progress comes of what is expected: it says when the last picture begins. A slide show's may stay for
 * minutes, and a source is not cut off because of that.
 */
export function reachedSeconds({ video, mp4 }: SourceInfo, expected: number | null): number | null {
  if (expected === null || video === null) return expected;
  const fps = averageFps(video);
  const last = mp4?.lastPictureSeconds ?? (fps === null ? 0 : 1 / fps);
  return last < LONG_PICTURE_SECONDS ? expected : Math.max(0, expected - last);
}

/** As `spanOf`, of a source whose pictures alone are asked for: its sound may last longer. */
export function spanOfPictures(
  source: SourceInfo,
  video: VideoStreamInfo,
  request: SpanRequest,
): Span | Rejection {
  const span = spanOf(source, request);
  const end = endOfPictures(source, video);
  if ("status" in span) return span;
  if (end === null) return source.audio.length > 0 ? { ...span, expectedSeconds: null } : span;
  const { startSeconds, lengthSeconds } = span;
  const expectedSeconds = expected(end, startSeconds, lengthSeconds);
  const toleranceSeconds = durationTolerance(expectedSeconds) + end.slackSeconds;
  return { ...span, expectedSeconds, toleranceSeconds };
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

/** What will be there of a part, of something that ends so. */
export function expectedOf(end: Length | null, span: Span): number | null {
  return expected(end, span.startSeconds, span.lengthSeconds);
}

/** Input options that read the part, for what is copied. */
export function spanOptions(span: Span): string[] {
  return [
    ...(span.startSeconds > 0 ? ["-ss", secondsText(span.startSeconds)] : []),
    ...(span.lengthSeconds === null ? [] : ["-t", secondsText(span.lengthSeconds)]),
  ];
}

/**
 * Input options for a part that filters cut to its very ends (`heldPictures`, `soundOfPart`): ffmpeg's own cut drops the
 * picture that is on display at the start, and counts the length from the first frame that it finds.
 */
export function partOptions(source: SourceInfo, { startSeconds }: Span): string[] {
  return isSought(source, startSeconds)
    ? ["-noaccurate_seek", "-ss", secondsText(startSeconds)]
    : [];
}

/**
 * Before its first picture there is none to be found: ffmpeg would go on from there, and the sound before it be lost. Where
 * packets before zero have no times, a seek lands behind what it looks for, or finds nothing.
 */
function isSought(source: SourceInfo, startSeconds: number): boolean {
  return startSeconds > latenessOf(source) && !beginsEarly(source);
}

/**
 * Whether time begins before zero, by more than the delay of an encoder of sound. Matroska's demuxer gives such packets no
 * times (libavformat/matroskadec.c): they can be decoded, each after the other, but neither sought nor copied.
 */
export function beginsEarly({ format, startSeconds }: SourceInfo): boolean {
  return startSeconds <= -NO_OFFSET_SECONDS && isMatroska(format);
}

export function isMatroska(format: string): boolean {
  return /matroska|webm/.test(format);
}

/** Whether time goes by before the first picture: more than the delay of an encoder of sound. */
export function beginsLate(source: SourceInfo): boolean {
  return latenessOf(source) > NO_OFFSET_SECONDS;
}

function latenessOf({ video, startSeconds }: SourceInfo): number {
  return video === null ? 0 : Math.max(0, (video.startSeconds ?? startSeconds) - startSeconds);
}

/** Filters that count time from where the part begins, where no seek has. */
function fromStart(filter: "setpts" | "asetpts", source: SourceInfo, span: Span): string[] {
  const { startSeconds } = span;
  if (startSeconds === 0 || isSought(source, startSeconds)) return [];
  return [`${filter}=PTS-${secondsText(startSeconds)}/TB`];
}

/** A picture that begins this near to the start is the first, rather than what is shown so shortly before it. */
const NEAREST_SECONDS = 0.02;
const ROUNDING_SECONDS = 0.0005;
const FALLBACK_FPS = 25;
/** Decoders tell no more; beyond are units of time in place of a rate. */
const MOST_FPS = 1000;

/**
 * Filters that cut pictures to a part, and show from its first moment what is on display then: in a hole of the source the
 * picture before it, before the first picture that one, after the last the last. Empty for the whole.
 *
 * One branch ends where the part has begun. Squeezed into less than a frame, its last picture is the one that `fps` lets
 * through; it has the source's rate, so that what is joined has it too, and encoders are told one.
 */
export function heldPictures(source: SourceInfo, span: Span): string[] {
  const { video } = source;
  if (isWhole(span) || video === null) return [];
  const { num, den } = video.frameRate;
  const isRate = num > 0 && den > 0 && num / den <= MOST_FPS;
  const [fps, rate] = isRate ? [num / den, `${num}/${den}`] : [FALLBACK_FPS, String(FALLBACK_FPS)];
  const begun = secondsText(Math.min(NEAREST_SECONDS, 0.5 / fps + ROUNDING_SECONDS));
  const end =
    span.lengthSeconds === null
      ? ""
      : `:end=${secondsText(Math.max(ROUNDING_SECONDS, span.lengthSeconds - ROUNDING_SECONDS))}`;
  const quarter = Math.round(250_000 / fps);
  return [
    ...fromStart("setpts", source, span),
    [
      "setpts='if(eq(N,0),min(PTS,0),PTS)',split[begun][rest]",
      `[begun]trim=end=${begun},settb=expr=1/1000000,setpts=PTS/1000000000+${quarter},fps=fps=${rate}:start_time=0:eof_action=pass,trim=end_frame=1[held]`,
      `[rest]trim=start=${begun}${end}[after]`,
      "[held][after]concat",
    ].join(";"),
  ];
}

/** Enough that a part whose sound has not begun, or is over, has a track. */
const LEAST_SAMPLES = 1024;

/** Filters before and after the mixdown that cut sound to a part. None for the whole. */
export function soundOfPart(
  source: SourceInfo,
  span: Span,
): { readonly cut: string[]; readonly filled: string[] } {
  if (isWhole(span)) return { cut: [], filled: [] };
  const end = span.lengthSeconds === null ? "" : `:end=${secondsText(span.lengthSeconds)}`;
  const counted = fromStart("asetpts", source, span);
  return { cut: [...counted, `atrim=start=0${end}`], filled: [`apad=whole_len=${LEAST_SAMPLES}`] };
}

/**
 * Options that show the last picture until the part's own end, or its source's: encoders let it last a frame. Nothing where
 * every picture lasts one.
 */
export function lastPictureOptions(
  source: SourceInfo,
  video: VideoStreamInfo,
  span: Span,
  layout: "file" | "fragments",
): string[] {
  // Frames on a grid last as long as each other; what a container calls constant may have a hole all the same.
  if (isOnGrid(source) && (isWhole(span) || !isSlow(video))) return [];
  // A whole of another container may say more than there is.
  const isTold = source.mp4?.lastPictureSeconds != null || !isWhole(span);
  const end = endOfPictures(source, video);
  if (!isTold || end === null || end.seconds <= span.startSeconds) return [];
  if (isConstantRate(video) && end.slackSeconds > 0) return [];
  const seconds = secondsText(
    Math.min(span.lengthSeconds ?? Infinity, end.seconds - span.startSeconds),
  );
  const least = isConstantRate(video) ? "DURATION" : "1";
  const isLast = "eq(NEXT_PTS,NOPTS)";
  // In decoding order the last may be one that is shown before others. A file's head says when the last to be shown ends;
  // fragments say it by their samples' lengths alone, and decoding goes on for as long as showing does.
  const begun = layout === "file" ? "PTS" : "DTS-STARTPTS+STARTDTS";
  return [
    "-bsf:v",
    `setts=pts=PTS:dts=DTS:duration='if(${isLast},max(${seconds}/TB-${begun},${least}),DURATION)'`,
  ];
}

/** Pictures that a cut may fall into and be seen to. */
function isSlow(video: VideoStreamInfo): boolean {
  return (averageFps(video) ?? FALLBACK_FPS) < 10;
}

/** A source that ends before its declared end by more than this is not completed silently. */
export function durationTolerance(seconds: number | null): number {
  return Math.max(1, (seconds ?? 0) * 0.02);
}
