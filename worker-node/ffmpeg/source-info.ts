/** ffprobe's view of a file as the protocol's `SourceInfo`. Pure. */
import type {
  AudioStreamInfo,
  SourceInfo,
  SubtitleStreamInfo,
  VideoMetadata,
  VideoStreamInfo,
} from "../../protocol/media.ts";
import {
  clockSeconds,
  kbps,
  numberOf,
  type ProbedFile,
  type ProbedStream,
  rationalOf,
} from "./ffprobe-json.ts";

/** ISO 639's "undetermined" is no language. */
const UNDETERMINED = "und";

/** A probed file as plans read it; `mp4` is filled in by whoever looks into the boxes. */
export function toSourceInfo(file: ProbedFile, sizeBytes: number): SourceInfo {
  const pictures = file.streams.filter((s) => s.codec_type === "video" && isAttachedPicture(s));
  const videos = file.streams.filter((s) => s.codec_type === "video" && !isAttachedPicture(s));
  const video = firstOf(videos, toVideo);
  const counted = file.format.format_name === "avi" ? countedSeconds(video) : 0;
  const duration = playedSeconds(file);
  return {
    format: file.format.format_name,
    sizeBytes,
    durationSeconds: counted > (duration ?? 0) ? counted : duration,
    startSeconds: numberOf(file.format.start_time) ?? 0,
    bitrateKbps: kbps(file.format.bit_rate),
    video,
    audio: file.streams.filter((s) => s.codec_type === "audio").flatMap((s) => toAudio(s) ?? []),
    subtitles: file.streams
      .filter((s) => s.codec_type === "subtitle")
      .flatMap((s) => toSubtitle(s) ?? []),
    attachedPictures: pictures.length,
    ...(file.chapters?.length === 0 ? { chapters: false } : {}),
    mp4: null,
  };
}

/**
 * How long there is something to see or hear. A container's own duration reaches to the end of its last cue or timed
 * datum, too, which may stand for seconds after the last picture.
 */
function playedSeconds({ format, streams }: ProbedFile): number | null {
  const declared = positive(numberOf(format.duration)) ?? longest(streams);
  const played = streams.filter(isPlayed);
  if (declared === null || played.length === 0 || played.length === streams.length) return declared;
  // Matroska's tags count from zero as its declared duration does.
  const countsFromZero = /matroska|webm/.test(format.format_name);
  const ends = played.map((stream) => {
    const seconds = durationOf(stream);
    const start = countsFromZero ? 0 : Math.max(0, numberOf(stream.start_time) ?? 0);
    return seconds === null ? Infinity : start + seconds;
  });
  return Math.min(declared, Math.max(...ends));
}

function isPlayed(stream: ProbedStream): boolean {
  const { codec_type: kind } = stream;
  return kind === "audio" || (kind === "video" && !isAttachedPicture(stream));
}

/**
 * What an AVI's header declares, in seconds: frames times their length. ffmpeg guesses the duration of one that was cut
 * off from the bytes that are left (libavformat/avidec.c), and so hides that the rest is missing.
 */
function countedSeconds(video: VideoStreamInfo | null): number {
  if (video === null || video.frames === null || video.frameRate.num === 0) return 0;
  return (video.frames * video.frameRate.den) / video.frameRate.num;
}

function isAttachedPicture(stream: ProbedStream): boolean {
  return stream.disposition?.attached_pic === 1;
}

function firstOf<T>(streams: readonly ProbedStream[], read: (s: ProbedStream) => T | null) {
  for (const stream of streams) {
    const info = read(stream);
    if (info !== null) return info;
  }
  return null;
}

/** Null when ffmpeg knows no decoder or could not make out a picture. */
function toVideo(stream: ProbedStream): VideoStreamInfo | null {
  const { codec_name: codec, pix_fmt: pixelFormat, width, height } = stream;
  if (!isKnown(codec) || !isKnown(pixelFormat) || !width || !height) return null;
  return {
    index: stream.index,
    codec,
    profile: profileOf(stream),
    level: stream.level !== undefined && stream.level > 0 ? stream.level : null,
    pixelFormat,
    bitDepth: bitDepthOf(pixelFormat),
    width,
    height,
    rotation: rotationOf(stream),
    ...(isTurned(stream) ? { isTurned: true } : {}),
    sampleAspect: rationalOf(stream.sample_aspect_ratio) ?? { num: 1, den: 1 },
    frameRate: rationalOf(stream.r_frame_rate) ?? { num: 0, den: 1 },
    averageFrameRate: rationalOf(stream.avg_frame_rate) ?? { num: 0, den: 1 },
    frames: positive(numberOf(stream.nb_frames)),
    interlaced: ["tt", "bb", "tb", "bt"].includes(stream.field_order ?? ""),
    color: {
      primaries: known(stream.color_primaries),
      transfer: known(stream.color_transfer),
      space: known(stream.color_space),
      range: rangeOf(stream.color_range),
    },
    timeBase: rationalOf(stream.time_base) ?? { num: 1, den: 1000 },
    extradataHash: stream.extradata_hash ?? null,
    startSeconds: numberOf(stream.start_time),
    durationSeconds: durationOf(stream),
    bitrateKbps: kbps(stream.bit_rate),
  };
}

function toAudio(stream: ProbedStream): AudioStreamInfo | null {
  const sampleRate = numberOf(stream.sample_rate);
  if (!isKnown(stream.codec_name) || !stream.channels || !sampleRate) return null;
  return {
    index: stream.index,
    codec: stream.codec_name,
    profile: profileOf(stream),
    channels: stream.channels,
    sampleRate,
    ...(stream.disposition?.default === 1 ? { isDefault: true } : {}),
    extradataHash: stream.extradata_hash ?? null,
    language: languageOf(stream),
    durationSeconds: durationOf(stream),
    bitrateKbps: kbps(stream.bit_rate),
  };
}

function toSubtitle(stream: ProbedStream): SubtitleStreamInfo | null {
  if (!isKnown(stream.codec_name)) return null;
  return { index: stream.index, codec: stream.codec_name, language: languageOf(stream) };
}

function isKnown(name: string | undefined): name is string {
  return known(name) !== null;
}

function known(name: string | undefined): string | null {
  return name === undefined || ["unknown", "unspecified", "none", ""].includes(name) ? null : name;
}

function positive(value: number | null): number | null {
  return value !== null && value > 0 ? value : null;
}

function profileOf(stream: ProbedStream): string | null {
  return stream.profile === undefined ? null : known(String(stream.profile));
}

function languageOf(stream: ProbedStream): string | null {
  const language = stream.tags?.language?.trim() || null;
  return language === UNDETERMINED ? null : language;
}

/**
 * The stream's own duration. Matroska has it in a tag; what ffprobe shows of its pictures is that of the whole
 * file, however soon they end.
 */
function durationOf(stream: ProbedStream): number | null {
  const shown = positive(numberOf(stream.duration));
  const tagged = positive(clockSeconds(stream.tags?.DURATION));
  return shown === null || tagged === null ? (shown ?? tagged) : Math.min(shown, tagged);
}

function longest(streams: readonly ProbedStream[]): number | null {
  return streams.reduce<number | null>((max, stream) => {
    const duration = durationOf(stream);
    return duration !== null && duration > (max ?? 0) ? duration : max;
  }, null);
}

/**
 * The display matrix gives degrees counter-clockwise (libavutil/display.h), the `rotate` tag of older files
 * clockwise. Odd angles go to the nearest quarter.
 */
function rotationOf(stream: ProbedStream): 0 | 90 | 180 | 270 {
  const matrix = stream.side_data_list?.find((data) => data.rotation !== undefined)?.rotation;
  const clockwise = matrix === undefined ? (numberOf(stream.tags?.rotate) ?? 0) : -matrix;
  const quarters = (((Math.round(clockwise / 90) % 4) + 4) % 4) as 0 | 1 | 2 | 3;
  return ([0, 90, 180, 270] as const)[quarters];
}

/** Of the display matrix (ISO/IEC 14496-12, 6.2.2) as ffprobe prints it, that which moves no point. */
const IDENTITY = [65_536, 0, 0, 0, 65_536, 0, 0, 0, 1_073_741_824].join();

function isTurned(stream: ProbedStream): boolean {
  const printed = stream.side_data_list?.find((data) => data.displaymatrix !== undefined);
  const matrix = printed?.displaymatrix?.replace(/^\d+:/gm, "").match(/-?\d+/g) ?? null;
  return rotationOf(stream) !== 0 || (matrix !== null && matrix.join() !== IDENTITY);
}

function rangeOf(range: string | undefined): "tv" | "pc" | null {
  return range === "tv" || range === "pc" ? range : null;
}

/**
 * Bits per component, from the name: the depth ends planar names (`yuv420p10le`, `gray12le`, `gbrp9be`);
 * the semi-planar and packed ones have it in places of their own. See libavutil/pixdesc.c.
 */
export function bitDepthOf(pixelFormat: string): number {
  const name = pixelFormat.replace(/(?:le|be)$/, "");
  const planar = /^(?:yuva?\d{3}p|yuvj\d{3}p|gbra?p|gray|ya|bayer_[a-z]+)(9|10|12|14|16)$/.exec(
    name,
  );
  if (planar) return Number(planar[1]);
  const semiPlanar = /^p[024](10|12|16)$/.exec(name) ?? /^[xy](?:2)?[a-z]*?(10|12)$/.exec(name);
  if (semiPlanar) return Number(semiPlanar[1]);
  if (/^y2(?:10|12)$/.test(name)) return Number(name.slice(2));
  if (/^nv20$/.test(name)) return 10;
  if (/^(?:rgb|bgr)48$|^(?:rgb|bgr)a64$|^ayuv64$/.test(name)) return 16;
  if (/^x2(?:rgb|bgr)10$/.test(name)) return 10;
  if (/^xyz12$/.test(name)) return 12;
  return 8;
}

/** A source as clients see it: `width` and `height` are those of the picture as it is shown, upright. */
export function metadataOf(source: SourceInfo): VideoMetadata {
  const { video } = source;
  const turned = video?.rotation === 90 || video?.rotation === 270;
  const rate = video?.averageFrameRate.num ? video.averageFrameRate : video?.frameRate;
  return {
    format: containerName(source.format),
    durationSeconds: source.durationSeconds,
    width: (turned ? video?.height : video?.width) ?? null,
    height: (turned ? video?.width : video?.height) ?? null,
    frameRate: rate?.num ? Math.round((rate.num / rate.den) * 1000) / 1000 : null,
    videoCodec: video?.codec ?? null,
    audioCodec: source.audio[0]?.codec ?? null,
    bitrateKbps: source.bitrateKbps,
  };
}

/** ffprobe names a demuxer by all it reads; people know one name of it. */
function containerName(format: string): string {
  const names = format.split(",");
  if (names.includes("mp4")) return "mp4";
  return names[0] ?? format;
}
