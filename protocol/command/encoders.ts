/** Encoders that commands may name, what they make, and which formats hold that. */
import type { OutputFormat, VideoCodec } from "../media.ts";
import type { PromisedOutput } from "../plan.ts";

export interface VideoEncoder {
  readonly codec: NonNullable<NonNullable<PromisedOutput["video"]>["codec"]> | null;
  readonly formats: readonly OutputFormat[];
  /** Agents prove it before they offer it; the others are ffmpeg's own. */
  readonly isProved: boolean;
}

const h264: readonly OutputFormat[] = ["mp4", "mov"];
const web: readonly OutputFormat[] = ["webm", "mp4"];

function proved(codec: VideoCodec, formats: readonly OutputFormat[]): VideoEncoder {
  return { codec, formats, isProved: true };
}

export const videoEncoders: ReadonlyMap<string, VideoEncoder> = new Map([
  ["libx264", proved("h264", h264)],
  ["libx265", proved("hevc", h264)],
  ["libsvtav1", proved("av1", web)],
  ["libvpx-vp9", proved("vp9", web)],
  ["h264_nvenc", proved("h264", h264)],
  ["hevc_nvenc", proved("hevc", h264)],
  ["av1_nvenc", proved("av1", web)],
  ["h264_videotoolbox", proved("h264", h264)],
  ["hevc_videotoolbox", proved("hevc", h264)],
  ["libaom-av1", { codec: "av1", formats: web, isProved: false }],
  ["libvpx", { codec: null, formats: ["webm"], isProved: false }],
  ["mpeg4", { codec: null, formats: h264, isProved: false }],
  ["prores_ks", { codec: null, formats: ["mov"], isProved: false }],
  ["prores", { codec: null, formats: ["mov"], isProved: false }],
  ["dnxhd", { codec: null, formats: ["mov"], isProved: false }],
  ["qtrle", { codec: null, formats: ["mov"], isProved: false }],
  ["ffv1", { codec: null, formats: ["mov"], isProved: false }],
  ["mjpeg", { codec: "mjpeg", formats: ["jpg", "mov", "mp4"], isProved: false }],
  ["png", { codec: "png", formats: ["png", "mov", "mp4"], isProved: false }],
  ["gif", { codec: "gif", formats: ["gif"], isProved: false }],
]);

/** Codec names that people write where an encoder is meant. */
export const encoderNames: Readonly<Record<string, string>> = {
  h264: "libx264",
  x264: "libx264",
  h265: "libx265",
  hevc: "libx265",
  x265: "libx265",
  av1: "libsvtav1",
  vp9: "libvpx-vp9",
  vp8: "libvpx",
  mp3: "libmp3lame",
  opus: "libopus",
  vorbis: "libvorbis",
};

/** The values of a command's codec options, as people write them (`-c:v x265`, `-vcodec h264_nvenc`), by their own names. */
export function encoderTokens(args: readonly string[]): readonly string[] {
  return args.flatMap((value, at) => {
    const isCodec = /^-(?:c|codec|vcodec)(?::|$)/.test(args[at - 1] ?? "");
    return isCodec ? [encoderNames[value] ?? value] : [];
  });
}

const pcm = ["pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_u8"];

/** Encoders of sound by the format they can stand in. */
const audioEncoders: Readonly<Record<OutputFormat, readonly string[]>> = {
  mp4: ["aac", "libfdk_aac", "libmp3lame", "libopus", "ac3", "eac3", "alac", "flac"],
  mov: ["aac", "libfdk_aac", "libmp3lame", "ac3", "alac", ...pcm, "pcm_s16be", "pcm_s24be"],
  webm: ["libopus", "libvorbis"],
  mp3: ["libmp3lame"],
  aac: ["aac", "libfdk_aac"],
  wav: pcm,
  gif: [],
  jpg: [],
  png: [],
  hls: [],
};

const subtitleEncoders: Readonly<Partial<Record<OutputFormat, readonly string[]>>> = {
  mp4: ["mov_text"],
  mov: ["mov_text"],
  webm: ["webvtt"],
};

export const audioEncoderNames: readonly string[] = [
  ...new Set(Object.values(audioEncoders).flat()),
];
export const subtitleEncoderNames: readonly string[] = ["mov_text", "webvtt"];

/** Decoders that may be asked for; none of them is a device's. */
export const decoders: readonly string[] = [
  ...["h264", "hevc", "vp8", "vp9", "libvpx", "libvpx-vp9", "av1", "libdav1d", "mpeg4", "prores"],
  ...["mjpeg", "dnxhd", "ffv1", "png", "aac", "mp3", "mp3float", "opus", "libopus", "vorbis"],
  ...["flac", "alac", "ac3", "eac3", ...pcm, "pcm_s16be", "pcm_s24be"],
];

/** What a format's pictures are made with where the command does not say. */
export const defaultVideoEncoder: Readonly<Partial<Record<OutputFormat, string>>> = {
  mp4: "libx264",
  mov: "libx264",
  webm: "libvpx-vp9",
  gif: "gif",
  jpg: "mjpeg",
  png: "png",
};

/** Which kinds of stream ffmpeg chooses by itself for a format. */
export function kindsOf(format: OutputFormat): readonly ("video" | "audio")[] {
  switch (format) {
    case "mp4":
    case "mov":
    case "webm":
    case "hls":
      return ["video", "audio"];
    case "gif":
    case "jpg":
    case "png":
      return ["video"];
    case "mp3":
    case "aac":
    case "wav":
      return ["audio"];
  }
}

/** Why an encoder cannot make this format, or null. */
export function refuseEncoder(encoder: string, format: OutputFormat): string | null {
  if (encoder === "copy") return null;
  const video = videoEncoders.get(encoder);
  const fits =
    video === undefined
      ? audioEncoders[format].includes(encoder) ||
        (subtitleEncoders[format]?.includes(encoder) ?? false)
      : video.formats.includes(format);
  return fits ? null : `cannot be made into ${format}`;
}
