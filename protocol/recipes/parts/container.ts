/** Muxers and what they are told. */
import type { OutputFormat, VideoCodec } from "../../media.ts";

/** Formats that hold pictures and sound. */
export type ContainerFormat = Extract<OutputFormat, "mp4" | "mov" | "webm">;

export function isContainer(format: OutputFormat): format is ContainerFormat {
  return format === "mp4" || format === "mov" || format === "webm";
}

export const muxers: Readonly<Record<Exclude<OutputFormat, "hls">, string>> = {
  mp4: "mp4",
  mov: "mov",
  webm: "webm",
  gif: "gif",
  mp3: "mp3",
  aac: "adts",
  wav: "wav",
  jpg: "image2",
  png: "image2",
};

const videoCodecs: Readonly<Record<ContainerFormat, readonly VideoCodec[]>> = {
  mp4: ["h264", "hevc", "av1", "vp9"],
  mov: ["h264", "hevc"],
  webm: ["vp9", "av1"],
};

const audioCodecs: Readonly<Record<ContainerFormat, readonly string[]>> = {
  mp4: ["aac", "opus", "mp3"],
  mov: ["aac", "mp3"],
  webm: ["opus"],
};

/** Why a codec cannot stand in a format, or null. */
export function refuseCodec(
  field: string,
  codec: string | undefined,
  format: OutputFormat,
): string | null {
  if (codec === undefined || codec === "none" || codec === "copy" || !isContainer(format))
    return null;
  const allowed: readonly string[] = field === "codec" ? videoCodecs[format] : audioCodecs[format];
  return allowed.includes(codec)
    ? null
    : `${field} must be one of ${allowed.join(", ")} for ${format}`;
}

/** The codec that a format is given where none is asked for. */
export function defaultCodec(format: OutputFormat): VideoCodec {
  return format === "webm" ? "vp9" : "h264";
}

/**
 * Titles, places, devices and makers stay behind; chapters and dispositions are carried by ffmpeg itself, and
 * languages are set track by track.
 */
export const privacyOptions: readonly string[] = ["-map_metadata:g", "-1", "-map_metadata:s", "-1"];

export interface ContainerRequest {
  readonly format: ContainerFormat;
  /** Ticks per second of the video track; null where it is copied, or there is none. */
  readonly ticks: number | null;
}

/** Options of the muxer: head first, no timecode track, exact ticks. */
export function containerOptions({ format, ticks }: ContainerRequest): string[] {
  return [
    ...privacyOptions,
    // Sound that begins late holds pictures back until its encoder has started.
    "-max_muxing_queue_size",
    "4096",
    ...(format === "webm"
      ? []
      : [
          "-movflags",
          "+faststart",
          "-write_tmcd",
          "0",
          ...(ticks === null ? [] : ["-video_track_timescale", String(ticks)]),
        ]),
  ];
}
