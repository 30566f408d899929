/** Sound: which tracks go into an output, copied or encoded, with which channels. */
import type { AudioStreamInfo, OutputFormat } from "../../media.ts";
import { LOUDNESS_FILTER } from "../../plan.ts";
import { languageOption } from "./language.ts";

export type AudioEncoding = "aac" | "opus" | "mp3" | "pcm_s16le";

export interface AudioTrack {
  readonly source: AudioStreamInfo;
  /** Null copies. */
  readonly encoding: AudioEncoding | null;
  readonly bitrateKbps?: number | undefined;
  /** Brought to a loudness that an earlier step has measured. */
  readonly isNormalised?: boolean;
  /** Filters before and after the mixdown that cut it to the part it is of. */
  readonly part?: { readonly cut: readonly string[]; readonly filled: readonly string[] };
}

export interface PlannedAudio {
  readonly options: readonly string[];
  /** The first track as the gate will find it. */
  readonly promise: { readonly codec: string; readonly channels: number } | null;
}

export const audioEncoders: Readonly<Record<AudioEncoding, string>> = {
  aac: "aac",
  opus: "libopus",
  mp3: "libmp3lame",
  pcm_s16le: "pcm_s16le",
};

/** Low complexity: what every browser and phone decodes. ffprobe prints the profile as `LC`. */
export function isAacLc(track: AudioStreamInfo): boolean {
  return track.codec === "aac" && track.profile === "LC";
}

/**
 * The one that players begin with stands first, the others as they were: the first that the container marks as its default,
 * and where none is marked the first of all. Where Matroska says nothing, every track is marked (RFC 9559, 5.1.4.1.5).
 */
export function byChoice(tracks: readonly AudioStreamInfo[]): readonly AudioStreamInfo[] {
  const chosen = tracks.find(({ isDefault }) => isDefault === true);
  return chosen === undefined ? tracks : [chosen, ...tracks.filter((track) => track !== chosen)];
}

/** Mono, stereo and 5.1 are what every player takes; what has more is mixed down. MP3 ends at stereo. */
export function outgoingChannels(channels: number, encoding: AudioEncoding): 1 | 2 | 6 {
  if (channels <= 1) return 1;
  return channels >= 6 && encoding !== "mp3" ? 6 : 2;
}

/** By name: 5.1 with side speakers (AC-3's) is refused or written oddly by the encoders of AAC and Opus. */
export const layouts = { 1: "mono", 2: "stereo", 6: "5.1" } as const;

export const kbpsByChannels: Readonly<Record<"aac" | "opus" | "mp3", Record<1 | 2 | 6, number>>> = {
  aac: { 1: 96, 2: 160, 6: 384 },
  opus: { 1: 64, 2: 128, 6: 320 },
  mp3: { 1: 96, 2: 192, 6: 192 },
};

/** Rates that each encoder takes without a word; others are brought to 48 kHz. */
export function sampleRate(rate: number, encoding: AudioEncoding): number {
  if (encoding === "opus") return 48_000;
  if (encoding === "pcm_s16le") return Math.min(Math.max(rate, 8000), 192_000);
  return [8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000].includes(rate)
    ? rate
    : 48_000;
}

/** Below these an encoder of that many channels refuses or rounds up; above, it refuses. */
function clampKbps(kbps: number, encoding: "aac" | "opus" | "mp3", channels: number): number {
  const most = encoding === "mp3" ? 320 : 256 * channels;
  return Math.min(kbps, most);
}

/**
 * Maps and encodes the tracks, in order. Encoded sound is padded to begin with the picture and filled where the
 * source has holes, for players that add up packets instead of reading times.
 *
 * @param format of the container, where it has words of its own for languages.
 */
export function planAudio(tracks: readonly AudioTrack[], format?: OutputFormat): PlannedAudio {
  const [first] = tracks;
  return {
    options: tracks.flatMap((track, at) => [
      "-map",
      `0:${track.source.index}`,
      ...codecOptions(track, at),
      ...languageOption(track.source.language, `a:${at}`, format),
    ]),
    promise:
      first === undefined
        ? null
        : {
            codec: first.encoding ?? first.source.codec,
            channels:
              first.encoding === null
                ? first.source.channels
                : outgoingChannels(first.source.channels, first.encoding),
          },
  };
}

/**
 * Arguments of `aresample`: sound from the beginning, its holes filled with silence and what overlaps left out, from the
 * length on at which lips and voice are seen to part. ffmpeg's own limit, a tenth of a second, lets the hole pass that it
 * writes itself after the first packet of a fragmented MP4 with `empty_moov`: two frames less the delay of AAC.
 */
export const gapless = "async=1:min_hard_comp=0.04:first_pts=0";

/** From the beginning, without holes, in the channels that are left. */
export function mixdown(source: AudioStreamInfo, encoding: AudioEncoding): string {
  const channels = outgoingChannels(source.channels, encoding);
  return `aresample=${gapless},aformat=channel_layouts=${layouts[channels]}`;
}

function codecOptions(
  { source, encoding, bitrateKbps, isNormalised, part }: AudioTrack,
  at: number,
): string[] {
  if (encoding === null) {
    // In MP4 ffmpeg before 6 calls it experimental; every browser plays it.
    const isNew = source.codec === "flac";
    return [`-c:a:${at}`, "copy", ...(isNew ? ["-strict", "experimental"] : [])];
  }
  const channels = outgoingChannels(source.channels, encoding);
  const rate = sampleRate(source.sampleRate, encoding);
  const kbps =
    encoding === "pcm_s16le"
      ? null
      : clampKbps(bitrateKbps ?? kbpsByChannels[encoding][channels], encoding, channels);
  return [
    `-c:a:${at}`,
    audioEncoders[encoding],
    ...(kbps === null ? [] : [`-b:a:${at}`, `${kbps}k`]),
    `-ar:a:${at}`,
    String(rate),
    `-filter:a:${at}`,
    // loudnorm leaves 192 kHz; the encoder's own rate is set above.
    [
      ...(part?.cut ?? []),
      mixdown(source, encoding),
      ...(part?.filled ?? []),
      ...(isNormalised ? [LOUDNESS_FILTER] : []),
    ].join(","),
    ...(encoding === "opus" && channels > 2 ? [`-mapping_family:a:${at}`, "1"] : []),
  ];
}

/** The languages of the tracks, for a copy of what was encoded elsewhere. */
export function languageOptions(
  tracks: readonly AudioTrack[],
  format: OutputFormat | undefined,
): string[] {
  return tracks.flatMap(({ source }, at) => languageOption(source.language, `a:${at}`, format));
}

const copyable: Partial<Record<OutputFormat, ReadonlySet<string>>> = {
  mp4: new Set(["aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"]),
  mov: new Set(["aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s24le", "pcm_s16be"]),
  webm: new Set(["opus", "vorbis"]),
  mp3: new Set(["mp3"]),
  wav: new Set(["pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_u8"]),
};

/** Whether the track can stand in that format as it is. */
export function canCopyAudio(track: AudioStreamInfo, format: OutputFormat): boolean {
  // ADTS has no words for the object types after HE-AAC v2.
  if (format === "aac") return track.codec === "aac" && /^(LC|HE-AAC)/.test(track.profile ?? "");
  return copyable[format]?.has(track.codec) ?? false;
}

/** What an encoder of sound a format takes where none is asked for. */
export function defaultAudio(format: OutputFormat): "aac" | "opus" {
  return format === "webm" ? "opus" : "aac";
}
