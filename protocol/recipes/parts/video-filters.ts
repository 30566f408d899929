/** The filter chain between decoder and encoder, in the order in which the parts must stand. */
import type { Rational, VideoStreamInfo } from "../../media.ts";
import type { Temporal } from "../../plan.ts";
import { mayChangeSize } from "./changing-size.ts";
import {
  type ColorTags,
  carriedTags,
  isHdr,
  isRgb,
  sdrTags,
  sourceMatrix,
  toneMapFilters,
} from "./color.ts";
import type { Framing, Size } from "./geometry.ts";

export interface PictureRequest {
  readonly video: VideoStreamInfo;
  readonly framing: Framing;
  /** Constant rate to leave at; undefined leaves every frame where it is. */
  readonly fps: Rational | undefined;
  readonly bitDepth: 8 | 10;
}

export interface Picture {
  readonly filters: readonly string[];
  /** Those of them that choose frames and touch no picture: they work wherever the pictures lie. */
  readonly timing: readonly string[];
  /** What they begin with and makes of several frames; null where nothing does. */
  readonly temporal: Temporal | null;
  readonly tags: ColorTags;
}

/**
 * ffmpeg turns rotated sources upright before the first of these. One filter to all who cut chains: fields mind the size. Of
 * pictures that changed it the lines are scaled as one frame's: field by field (`interl`) ffmpeg 5.1 writes beyond the end
 * of pictures whose height 4 does not divide.
 */
function deinterlace(video: VideoStreamInfo): string[] {
  if (!video.interlaced) return [];
  const { width, height } = video;
  const sized = mayChangeSize(video) ? `scale=w=${width}:h=${height},` : "";
  return [`${sized}bwdif=mode=send_frame:parity=auto:deint=all`];
}

/** A video shorter than one frame at the new rate would have none: then its last one stays. */
function frameRate(video: VideoStreamInfo, fps: Rational | undefined): string[] {
  if (fps === undefined) return [];
  const isOne = (video.durationSeconds ?? Infinity) * fps.num < fps.den;
  const last = isOne ? ":eof_action=pass" : "";
  return [`fps=fps=${fps.num}/${fps.den}:start_time=0${last}`];
}

function temporalOf(video: VideoStreamInfo, fps: Rational | undefined): Temporal | null {
  const filters = [...deinterlace(video), ...frameRate(video, fps)];
  if (filters.length === 0) return null;
  return { filters, deinterlaces: video.interlaced, rate: fps ?? null };
}

/** What it is scaled to; null where it has that size from its first picture to its last. */
function scaleOf(video: VideoStreamInfo, { scale: size }: Framing): Size | null {
  const { width, height } = video;
  return size ?? (mayChangeSize(video) && !video.interlaced ? { width, height } : null);
}

function crop({ crop: size }: Framing): string[] {
  return size === null ? [] : [`crop=w=${size.width}:h=${size.height}`];
}

function scale(size: { width: number; height: number } | null, extra: readonly string[]): string[] {
  if (size === null && extra.length === 0) return [];
  const sides = size === null ? ["w=iw", "h=ih"] : [`w=${size.width}`, `h=${size.height}`];
  return [`scale=${[...sides, "flags=bicubic+accurate_rnd+full_chroma_int", ...extra].join(":")}`];
}

/** A 4:2:0 picture for a video encoder: upright, square pixels, colours as they were, or tone-mapped to SDR. */
export function pictureFor({ video, framing, fps, bitDepth }: PictureRequest): Picture {
  const toneMapped = isHdr(video) && bitDepth === 8;
  const tags = toneMapped ? sdrTags : carriedTags(video, framing.size);
  const pixelFormat = bitDepth === 10 ? "yuv420p10le" : "yuv420p";
  return {
    tags,
    timing: frameRate(video, fps),
    temporal: temporalOf(video, fps),
    filters: [
      ...deinterlace(video),
      // Rate before size: frames that are dropped need no scaling.
      ...frameRate(video, fps),
      ...scale(scaleOf(video, framing), toneMapped ? [] : conversion(video, tags)),
      ...crop(framing),
      ...(toneMapped ? toneMapFilters(video) : []),
      "setsar=sar=1",
      `format=pix_fmts=${pixelFormat}`,
    ],
  };
}

/** ffmpeg squeezes full range and guesses RGB's matrix unless both are said. */
function conversion(video: VideoStreamInfo, tags: ColorTags): string[] {
  if (isRgb(video)) return [`out_color_matrix=${swsMatrix(tags.matrix)}`, "out_range=tv"];
  return tags.range === "pc" ? ["in_range=pc", "out_range=pc"] : [];
}

/** swscale knows five matrices; the rest are near enough to BT.601. */
function swsMatrix(matrix: string | null): string {
  switch (matrix) {
    case "bt709":
    case "fcc":
    case "smpte240m":
      return matrix;
    case "bt2020nc":
    case "bt2020c":
      return "bt2020";
    default:
      return "bt601";
  }
}

/** Filters for a still picture, which is never cropped: RGB for png and gif; for jpg full-range BT.601, which is what JFIF means. */
export function stillFilters(
  video: VideoStreamInfo,
  framing: Framing,
  format: "jpg" | "png" | "gif",
): string[] {
  const toneMapped = isHdr(video);
  const from = toneMapped ? "bt709" : swsMatrix(sourceMatrix(video));
  const range = toneMapped ? "tv" : carriedTags(video, framing.size).range;
  const input = isRgb(video) ? [] : [`in_color_matrix=${from}`, `in_range=${range}`];
  const output = format === "jpg" ? ["out_color_matrix=bt601", "out_range=pc"] : [];
  return [
    ...deinterlace(video),
    ...(toneMapped
      ? // zscale refuses an odd size whose colour has half of it.
        [
          ...scale(scaleOf(video, framing), []),
          "format=pix_fmts=yuv444p10le|gbrp10le",
          ...toneMapFilters(video),
        ]
      : []),
    ...scale(toneMapped ? null : scaleOf(video, framing), [...input, ...output]),
    `format=pix_fmts=${format === "jpg" ? "yuvj420p" : "rgb24"}`,
    "setsar=sar=1",
  ];
}

export interface CommonPicture {
  /** What every picture is brought to; what does not fill it gets black bars. */
  readonly size: { readonly width: number; readonly height: number };
  readonly fps: Rational;
}

/**
 * Filters that make pictures of any source alike: size, rate, square pixels, 8-bit 4:2:0 BT.709 of limited range.
 * A late beginning is filled with the first picture, so that sound stays where it was.
 */
export function commonFilters(
  video: VideoStreamInfo,
  framing: Framing,
  { size, fps }: CommonPicture,
): string[] {
  const toneMapped = isHdr(video);
  const inner = framing.size;
  const from = isRgb(video)
    ? []
    : [
        `in_color_matrix=${swsMatrix(sourceMatrix(video))}`,
        `in_range=${carriedTags(video, inner).range}`,
      ];
  const conversion = [...from, "out_color_matrix=bt709", "out_range=tv"];
  const isFull = inner.width === size.width && inner.height === size.height;
  return [
    ...deinterlace(video),
    `fps=fps=${fps.num}/${fps.den}:start_time=0`,
    ...scale(inner, toneMapped ? [] : conversion),
    ...(toneMapped ? toneMapFilters(video) : []),
    ...(isFull ? [] : [`pad=w=${size.width}:h=${size.height}:x=(ow-iw)/2:y=(oh-ih)/2`]),
    "setsar=sar=1",
    "format=pix_fmts=yuv420p",
  ];
}
