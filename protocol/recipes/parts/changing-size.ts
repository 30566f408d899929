/**
 * Pictures whose size may change midway: a shared window that a browser records, a broadcast's next programme, files that
 * were put one behind the other. No head tells it. ffmpeg builds its filter graph anew then, and all that the filters hold
 * is lost: frames in waiting, the count of a rate, a palette. So it is told to keep the graph, whose first filter that minds
 * the size is a `scale` to the one that the head tells: nothing where a picture has it.
 */
import type { SourceInfo, VideoStreamInfo } from "../../media.ts";

/**
 * Turning and flipping, which ffmpeg does before all filters, would read beyond a picture that became smaller. Where the
 * container asks for it the graph is not kept; cameras' sizes do not change.
 */
export function mayChangeSize({ rotation, isTurned }: VideoStreamInfo): boolean {
  return rotation === 0 && isTurned !== true;
}

/** Options before `-i`. H.264 and HEVC may ask to be turned within their own data; as most players, nobody listens. */
export function keptGraph({ video }: SourceInfo): readonly string[] {
  return video !== null && mayChangeSize(video) ? ["-noautorotate", "-reinit_filter:v", "0"] : [];
}
