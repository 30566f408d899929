/** How long an encode will be and how many frames it will have: what is promised, and what progress is measured by. */

import type { SourceInfo, VideoStreamInfo } from "../../media.ts";
import type { AudioTrack } from "./audio.ts";
import type { ContainerFormat } from "./container.ts";
import { endOfPictures, expectedOf, isWhole, reachedSeconds, type Span } from "./span.ts";
import { averageFps, isConstantRate, isOnGrid } from "./timing.ts";

/** The container's duration is that of its longest stream; one that is left out does not count. Null: unknown. */
export function promisedSeconds(
  source: SourceInfo,
  span: Span,
  hasVideo: boolean,
  hasAudio: boolean,
): number | null {
  const { video } = source;
  if (video !== null && hasVideo && !hasAudio && source.audio.length > 0) {
    return expectedOf(endOfPictures(source, video), span);
  }
  return span.expectedSeconds;
}

/** A WebM says how long it is (`lastPictureOptions`), and not of its last picture: packets end before. */
export function mayEndEarly({ video }: SourceInfo, span: Span, format: ContainerFormat): boolean {
  return format === "webm" && !isWhole(span) && video !== null && !isConstantRate(video);
}

/** How far, in seconds, ffmpeg's progress has to come; null where a hole in the pictures may end it anywhere. */
export function progressSeconds(
  source: SourceInfo,
  span: Span,
  hasVideo: boolean,
  tracks: readonly AudioTrack[],
): number | null {
  const { video } = source;
  if (video === null || !hasVideo) return span.expectedSeconds;
  const promised = promisedSeconds(source, span, hasVideo, tracks.length > 0);
  if (isWhole(span) || isConstantRate(video)) return reachedSeconds(source, promised);
  const end = span.startSeconds + (promised ?? Infinity);
  const isHeard = tracks.some(({ source: track }) => (track.durationSeconds ?? 0) >= end);
  return isHeard ? promised : null;
}

/** Frames that a player will show: known where the whole of an evenly timed MP4 is kept. */
export function presentedFrames(
  source: SourceInfo,
  span: Span,
  fps: number | undefined,
): number | null {
  const isCounted = isWhole(span) && fps === undefined && isOnGrid(source);
  return isCounted ? (source.video?.frames ?? null) : null;
}

/** Frames to be expected, for progress alone; null where rate or length is not known. */
export function estimatedFrames(
  video: VideoStreamInfo,
  span: Span,
  fps: number | undefined,
): number | null {
  const rate = fps ?? averageFps(video);
  if (rate === null || span.expectedSeconds === null) return null;
  return Math.max(1, Math.round(span.expectedSeconds * rate));
}
