/** How the parts of a job that makes one file become it: streams copied, times as they are. Pure. */
import type { SourceInfo } from "../media.ts";
import type { Divisible, FfmpegStep, PromisedOutput } from "../plan.ts";
import { secondsText } from "../recipes/parts/timing.ts";

/** Keys under which the agent serves what it joins, beside the task's own inputs. */
export const JOINED_PICTURES = "in_joined_pictures";
export const JOINED_SOUND = "in_joined_sound";

/**
 * Read as it comes. Of a file that can be sought in, ffmpeg's MP4 demuxer visits every fragment before it reads the first
 * (libavformat/mov.c, 5.1), each by a request of its own, and whatever flows before that is closed flows for nothing.
 */
const IN_ONE_GO = ["-seekable", "0"];

/** Of a job that makes one file; null for a presentation, which is written from indexes. */
export function mergeStep(
  division: Divisible,
  source: SourceInfo,
  promise: PromisedOutput,
  frames: number,
): FfmpegStep | null {
  const { result } = division;
  if (result.kind !== "file") return null;
  // Or cues, or both.
  const hasSound = result.soundFile !== null;
  const hasChapters = source.chapters !== false;
  const chapters = hasSound ? 2 : 1;
  return {
    kind: "ffmpeg",
    stage: "merging",
    inputs: [
      { from: { source: JOINED_PICTURES }, options: ["-copyts", ...IN_ONE_GO] },
      ...(hasSound ? [{ from: { source: JOINED_SOUND }, options: [] }] : []),
      ...(hasChapters ? [chaptersOf(division, source)] : []),
    ],
    filterComplex: null,
    outputs: [
      {
        file: promise.file,
        muxer: result.muxer,
        options: [
          ...["-map", "0:v:0", ...(hasSound ? ["-map", "1"] : [])],
          ...["-c", "copy", "-map_chapters", hasChapters ? String(chapters) : "-1"],
          ...result.options,
        ],
      },
    ],
    expectedFrames: frames,
    expectedSeconds: null,
    encoder: null,
  };
}

/** The source for its chapters alone, whose times count from where the file begins. Opened, megabytes of it flow unread. */
function chaptersOf(
  { source: key }: Divisible,
  { startSeconds }: SourceInfo,
): FfmpegStep["inputs"][number] {
  return {
    from: { source: key },
    options: ["-itsoffset", secondsText(-startSeconds)],
  };
}
