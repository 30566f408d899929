/**
 * Pictures whose size may change midway, as browsers record a shared window. ffmpeg builds its filter graph anew then, and
 * all that the filters hold is lost: frames in waiting, the count of a rate, a palette. Where that is safe it is told to
 * keep the graph, whose first filter that minds the size is a `scale` to the one planned.
 */
import type { SourceInfo, VideoStreamInfo } from "../../media.ts";
import { isMatroska } from "./span.ts";

/** Codecs of browsers. H.264 and HEVC may ask to be turned within their own data, and what ffmpeg puts first would do it. */
const CHANGING: readonly string[] = ["vp8", "vp9", "av1"];

/** Whether the size is to be said by a `scale` though it is the source's own. */
export function mayChangeSize({ codec, rotation, interlaced }: VideoStreamInfo): boolean {
  return CHANGING.includes(codec) && rotation === 0 && !interlaced;
}

/**
 * Options before `-i`. Turning and flipping, which ffmpeg does before all filters, would read beyond a picture that became
 * smaller: MP4 may ask for it without a word in `rotation`, and is left out.
 */
export function keptGraph({ format, video }: SourceInfo): readonly string[] {
  return video !== null && isMatroska(format) && mayChangeSize(video)
    ? ["-reinit_filter:v", "0"]
    : [];
}
