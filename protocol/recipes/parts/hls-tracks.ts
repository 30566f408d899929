/** Sound and subtitles of an adaptive presentation: each track a rendition of its own. */
import type { AudioStreamInfo, SourceInfo } from "../../media.ts";
import type { PromisedOutput, Rejection } from "../../plan.ts";
import { byChoice, planAudio } from "./audio.ts";
import { unsupported } from "./rejections.ts";
import { durationTolerance, lengthOf, lengthOfStream } from "./span.ts";
import { textTracks } from "./subtitles.ts";

export type MediaPromise = Pick<
  PromisedOutput,
  "video" | "audio" | "durationSeconds" | "durationToleranceSeconds" | "reference"
>;

export interface SoundRendition {
  readonly name: string;
  readonly language: string | null;
  readonly label: string;
  readonly options: readonly string[];
  readonly promise: MediaPromise;
}

export interface TextRendition {
  readonly name: string;
  readonly language: string | null;
  readonly label: string;
  readonly options: readonly string[];
}

interface SoundRequest {
  readonly audioLanguages?: readonly string[] | undefined;
  readonly segmentSeconds: number;
}

/**
 * Every track, the one that players begin with first, which the playlists mark as the default; or those of the languages
 * asked for, the first language first.
 */
export function audioRenditions(
  source: SourceInfo,
  { audioLanguages, segmentSeconds }: SoundRequest,
  stem: string,
): readonly SoundRendition[] | Rejection {
  const all = byChoice(source.audio);
  const tracks =
    audioLanguages === undefined
      ? all
      : audioLanguages.flatMap((asked) => all.filter(({ language }) => language === asked));
  if (tracks.length === 0 && audioLanguages !== undefined && source.audio.length > 0) {
    const there = source.audio.map(({ language }) => language ?? "unknown").join(", ");
    return unsupported(`audioLanguages: the source has sound in ${there} alone.`);
  }
  return tracks.map((track, at): SoundRendition => {
    const audio = planAudio([{ source: stereo(track), encoding: "aac" }]);
    const length = lengthOfStream(source, track.durationSeconds);
    const seconds = length?.seconds ?? null;
    return {
      name: `${stem}-audio-${at + 1}`,
      ...naming("Audio", track.language, at),
      options: [
        ...audio.options,
        ...["-frag_duration", String(Math.round(segmentSeconds * 1e6))],
        ...["-movflags", "+cmaf+delay_moov+skip_trailer"],
      ],
      promise: {
        video: null,
        audio: audio.promise,
        durationSeconds: seconds,
        durationToleranceSeconds:
          durationTolerance(seconds) + lateness(source, seconds) + (length?.slackSeconds ?? 0),
      },
    };
  });
}

/** Players that read no edit list hear an AAC encoder's 1,024 samples of delay: an eighth of a second at 8 kHz. */
const LEAST_RATE = 44_100;

/** What every player has loudspeakers for, at a rate that hardware takes. */
function stereo(track: AudioStreamInfo): AudioStreamInfo {
  const sampleRate = track.sampleRate < LEAST_RATE ? 48_000 : track.sampleRate;
  return { ...track, sampleRate, channels: Math.min(track.channels, 2) };
}

/** Sound that begins late is filled with silence from the start. */
function lateness(source: SourceInfo, seconds: number | null): number {
  return Math.max(0, (lengthOf(source)?.seconds ?? 0) - (seconds ?? 0));
}

export function textRenditions(source: SourceInfo, stem: string): readonly TextRendition[] {
  return textTracks(source).map((track, at) => ({
    name: `${stem}-subtitles-${at + 1}`,
    ...naming("Subtitles", track.language, at),
    options: ["-map", `0:${track.index}`, "-c:s", "webvtt"],
  }));
}

/** The tag is free text in some containers: what is no ISO 639 code is not passed on. */
function naming(kind: string, tag: string | null, at: number) {
  const language = tag !== null && /^[a-z]{2,3}$/.test(tag) ? tag : null;
  const number = `${kind} ${at + 1}`;
  return { language, label: language === null ? number : `${number} (${language})` };
}
