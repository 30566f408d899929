/** Which tracks of sound an output carries, and whether each is copied or encoded. */

import type { AudioStreamInfo, SourceInfo } from "../../media.ts";
import type { Rejection } from "../../plan.ts";
import { type AudioTrack, canCopyAudio, defaultAudio, isAacLc } from "./audio.ts";
import type { ContainerFormat } from "./container.ts";
import { unsupported } from "./rejections.ts";
import { isWhole, type Span, soundOfPart } from "./span.ts";

/** `keep` copies what already is the format's own codec and encodes the rest. */
export type AudioChoice = "keep" | "aac" | "opus" | "mp3" | "copy" | "none";

export interface SoundRequest {
  readonly audio: AudioChoice;
  readonly audioKbps?: number | undefined;
  readonly span: Span;
}

/** Sound as the source has it can be copied only where its times can be trusted. */
export function hasPlainTimes(source: SourceInfo): boolean {
  return source.mp4 === null ? /matroska|webm/.test(source.format) : source.mp4.simpleEditList;
}

/** As far as sound that is heard beside the pictures is seen to be beside them. */
const LIP_SECONDS = 0.04;

/**
 * Whether the sound has a hole that a copy would keep and players run over. ffmpeg writes one after the first packet of a
 * fragmented MP4 with `empty_moov`, as long as the pictures are late because of their order (movenc.c shifts all later).
 */
export function mayHaveHole({ mp4, video, startSeconds }: SourceInfo): boolean {
  const late = (video?.startSeconds ?? startSeconds) - startSeconds;
  return mp4?.fragmented === true && late > LIP_SECONDS;
}

/** The source's tracks, each with what becomes of it; a rejection where one cannot be copied as asked. */
export function audioTracks(
  source: SourceInfo,
  format: ContainerFormat,
  { audio: choice, audioKbps: bitrateKbps, span }: SoundRequest,
): readonly AudioTrack[] | Rejection {
  if (choice === "none") return [];
  const part = soundOfPart(source, span);
  if (choice === "copy") {
    const alien = source.audio.find((track) => !canCopyAudio(track, format));
    return alien === undefined
      ? source.audio.map((track) => ({ source: track, encoding: null }))
      : unsupported(`audioCodec copy: ${alien.codec} cannot stand in ${format}.`);
  }
  if (choice !== "keep") {
    return source.audio.map((track) => ({ source: track, encoding: choice, bitrateKbps, part }));
  }
  const encoding = defaultAudio(format);
  // Copied packets begin before the cut; a part is encoded so that it begins with its first picture.
  const copies = isWhole(span) && hasPlainTimes(source) && !mayHaveHole(source);
  const isOwn = (track: AudioStreamInfo) =>
    encoding === "aac" ? isAacLc(track) : track.codec === "opus";
  return source.audio.map((track) => ({
    source: track,
    encoding: copies && isOwn(track) ? null : encoding,
    part,
  }));
}
