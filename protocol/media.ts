/** What is known of media: formats, a source as ffprobe sees it, and what an agent's encoders proved. */
import { z } from "zod";

export const outputFormats = [
  "mp4",
  "webm",
  "mov",
  "gif",
  "mp3",
  "aac",
  "wav",
  "jpg",
  "png",
  "hls",
] as const;
export const outputFormatSchema = z.enum(outputFormats);
export type OutputFormat = z.infer<typeof outputFormatSchema>;

/** What a file of an output may be: some outputs bring tracks of cues and manifests along. */
const fileFormats = [...outputFormats, "vtt", "dash"] as const;
export const fileFormatSchema = z.enum(fileFormats);
export type FileFormat = z.infer<typeof fileFormatSchema>;

/** File extensions accepted at upload, with the content type each is stored under. */
export const sourceExtensions = {
  mp4: "video/mp4",
  mov: "video/quicktime",
  avi: "video/x-msvideo",
  mkv: "video/x-matroska",
  webm: "video/webm",
} as const;
export type SourceExtension = keyof typeof sourceExtensions;

export const contentTypeOf: Record<FileFormat, string> = {
  mp4: "video/mp4",
  webm: "video/webm",
  mov: "video/quicktime",
  gif: "image/gif",
  mp3: "audio/mpeg",
  aac: "audio/aac",
  wav: "audio/wav",
  jpg: "image/jpeg",
  png: "image/png",
  hls: "application/vnd.apple.mpegurl",
  vtt: "text/vtt",
  dash: "application/dash+xml",
};

/** A video's `metadata` as clients see it. */
export const videoMetadataSchema = z.object({
  format: z.string(),
  durationSeconds: z.number().nullable(),
  width: z.number().int().nullable(),
  height: z.number().int().nullable(),
  frameRate: z.number().nullable(),
  videoCodec: z.string().nullable(),
  audioCodec: z.string().nullable(),
  bitrateKbps: z.number().nullable(),
});
export type VideoMetadata = z.infer<typeof videoMetadataSchema>;

export interface Rational {
  readonly num: number;
  readonly den: number;
}

export interface VideoStreamInfo {
  readonly index: number;
  readonly codec: string;
  readonly profile: string | null;
  readonly level: number | null;
  readonly pixelFormat: string;
  readonly bitDepth: number;
  /** Coded size in pixels, before rotation and pixel aspect. */
  readonly width: number;
  readonly height: number;
  /** Clockwise degrees a player turns the picture by. */
  readonly rotation: 0 | 90 | 180 | 270;
  /** The container turns or mirrors the picture, be it by what `rotation` cannot say. */
  readonly isTurned?: true;
  readonly sampleAspect: Rational;
  /** Nominal and average frame rates; they differ for variable frame rates. `0/1` where unknown. */
  readonly frameRate: Rational;
  readonly averageFrameRate: Rational;
  /** Frames the container declares, or null where it does not say. */
  readonly frames: number | null;
  readonly interlaced: boolean;
  readonly color: {
    readonly primaries: string | null;
    readonly transfer: string | null;
    readonly space: string | null;
    readonly range: "tv" | "pc" | null;
  };
  readonly timeBase: Rational;
  /** Of the codec's configuration; equal ones can be joined without encoding. Null or absent: there is none. */
  readonly extradataHash?: string | null;
  readonly startSeconds: number | null;
  readonly durationSeconds: number | null;
  readonly bitrateKbps: number | null;
}

export interface AudioStreamInfo {
  readonly index: number;
  readonly codec: string;
  readonly profile: string | null;
  readonly channels: number;
  readonly sampleRate: number;
  /** The container marks it as the one to be played unless another is chosen. */
  readonly isDefault?: true;
  /** As for video. */
  readonly extradataHash?: string | null;
  readonly language: string | null;
  readonly durationSeconds: number | null;
  readonly bitrateKbps: number | null;
}

export interface SubtitleStreamInfo {
  readonly index: number;
  readonly codec: string;
  readonly language: string | null;
}

/** A source as the agent's probe found it. Cover art is in `attachedPictures`, never in `video`. */
export interface SourceInfo {
  /** ffprobe's `format_name`, e.g. `mov,mp4,m4a,3gp,3g2,mj2`. */
  readonly format: string;
  readonly sizeBytes: number;
  readonly durationSeconds: number | null;
  /** The container declares no length, as a browser's recording does not: it was found at its end. There is no index. */
  readonly isLengthFound?: true;
  readonly startSeconds: number;
  readonly bitrateKbps: number | null;
  readonly video: VideoStreamInfo | null;
  readonly audio: readonly AudioStreamInfo[];
  readonly subtitles: readonly SubtitleStreamInfo[];
  readonly attachedPictures: number;
  /** False: it has none. */
  readonly chapters?: false;
  /** False: copies of its streams would be wrong, or were made and refused, so it is to be encoded. */
  readonly copies?: false;
  /** What `webReady` needs to know before it leaves a file as it is; null for anything but MP4/MOV. */
  readonly mp4: {
    /** The `moov` box stands before `mdat`. */
    readonly headFirst: boolean;
    readonly fragmented: boolean;
    /** At most one edit per track, at rate 1, that skips only encoder delay. */
    readonly simpleEditList: boolean;
    readonly maxKeyframeGapSeconds: number | null;
    /** How long the last picture stays. Null or absent: the file does not say. */
    readonly lastPictureSeconds?: number | null;
    /** A sample from the beginning, middle and end decoded without a complaint. */
    readonly sampleDecodesCleanly: boolean;
  } | null;
}

export const codecSchema = z.enum(["h264", "hevc", "av1", "vp9"]);
export type VideoCodec = z.infer<typeof codecSchema>;

/** One encoder that encoded real frames on one device of the agent's machine. */
const encoderCapabilitySchema = z.object({
  /** ffmpeg's name, e.g. `libx264`, `h264_nvenc`. */
  encoder: z.string().max(64),
  codec: codecSchema,
  /** `cpu`, `cuda:0`, `vaapi:/dev/dri/renderD128`, ... */
  device: z.string().max(128),
  bitDepths: z.array(z.union([z.literal(8), z.literal(10)])).min(1),
  /** Simultaneous sessions that were proved; null where only the CPU bounds it. */
  maxSessions: z.number().int().positive().nullable(),
  /**
   * What the device was seen to decode into its own memory and scale there, as `h264:8`, `hevc:10`. Present, though
   * empty, where it scales what is moved there; absent where pictures are handed over at the encoder.
   */
  decodes: z.array(z.string().max(32)).max(32).optional(),
  /** It refused B-frames that others refer to, as cards before Turing do, and is driven without. */
  plain: z.boolean().optional(),
});
export type EncoderCapability = z.infer<typeof encoderCapabilitySchema>;

/**
 * What an agent understands beyond version 1 as it was first spoken: an edge uses none that was not declared, and
 * ignores those it does not know. `chunks`: tasks of parts, `fleet` in a task, and the message `plan`.
 */
export const CHUNKS_FEATURE = "chunks";

export const capabilitiesSchema = z.object({
  ffmpegVersion: z.string().max(128),
  encoders: z.array(encoderCapabilitySchema).max(64),
  features: z.array(z.string().max(32)).max(32).exactOptional(),
});
export type Capabilities = z.infer<typeof capabilitiesSchema>;
