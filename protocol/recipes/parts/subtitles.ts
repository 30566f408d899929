/** Text subtitles that go along into a file, as each container writes them. */
import type { SourceInfo, SubtitleStreamInfo } from "../../media.ts";
import type { ContainerFormat } from "./container.ts";
import { languageOption } from "./language.ts";
import { isWhole, type Span } from "./span.ts";

/** Subtitles of pictures cannot be made text. */
const textCodecs: ReadonlySet<string> = new Set([
  "subrip",
  "srt",
  "ass",
  "ssa",
  "webvtt",
  "mov_text",
  "text",
]);

/** The tracks that can be written as text, in order. */
export function textTracks({ subtitles }: SourceInfo): readonly SubtitleStreamInfo[] {
  return subtitles.filter(({ codec }) => textCodecs.has(codec));
}

const encoders: Readonly<Record<ContainerFormat, string>> = {
  mp4: "mov_text",
  mov: "mov_text",
  webm: "webvtt",
};

/**
 * The tracks that an output of this part keeps. A part loses them: a cue that began before it would have a time
 * below zero, which moves every other stream.
 */
export function keptTracks(source: SourceInfo, span: Span): readonly SubtitleStreamInfo[] {
  return isWhole(span) ? textTracks(source) : [];
}

/** Maps and encodes the tracks. */
export function subtitleOptions(
  tracks: readonly SubtitleStreamInfo[],
  format: ContainerFormat,
): string[] {
  return [
    ...tracks.flatMap(({ index }, at) => ["-map", `0:${index}`, `-c:s:${at}`, encoders[format]]),
    ...cueLanguageOptions(tracks, format),
  ];
}

/** The languages of the tracks, for a copy of what was written elsewhere. */
export function cueLanguageOptions(
  tracks: readonly SubtitleStreamInfo[],
  format: ContainerFormat,
): string[] {
  return tracks.flatMap(({ language }, at) => languageOption(language, `s:${at}`, format));
}
