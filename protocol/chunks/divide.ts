/** From a plan and the list of a source's frames to the plan of its chunks, or why it stays whole. Pure. */
import type { SourceInfo, VideoStreamInfo } from "../media.ts";
import type { Divisible, Plan } from "../plan.ts";
import type { Chunk, ChunkPlan, Grid, PresentationPlan } from "./contract.ts";
import { divideByCost } from "./cost.ts";
import { type FrameIndex, outputTicks, shownAt } from "./grid.ts";
import { commonOverlap, type Overlap, overlapOf } from "./overlap.ts";
import { type ReadTimes, readsOf } from "./reads.ts";
import { type Timeline, timelineOf } from "./timeline.ts";

export type Divided =
  | { readonly status: "divided"; readonly plan: ChunkPlan }
  /** In words, for the log. */
  | { readonly status: "whole"; readonly reason: string };

/** Codecs of which every packet of a container is one picture that is shown. */
const framedCodecs: ReadonlySet<string> = new Set([
  ...["h264", "hevc", "av1", "vp9", "mpeg4", "mpeg2video", "mpeg1video"],
  ...["mjpeg", "prores", "dnxhd", "ffv1", "rawvideo", "dvvideo"],
  ...["msmpeg4v1", "msmpeg4v2", "msmpeg4v3", "wmv1", "wmv2", "h263", "cinepak"],
]);

/** Those that may show frames in another order than they are stored in. */
const reorderingCodecs: ReadonlySet<string> = new Set([
  ...["h264", "hevc", "av1", "mpeg4", "mpeg2video", "mpeg1video"],
]);

type Frames = Timeline["frames"];

/**
 * Why the frames need not even be listed; null where it may pay to.
 *
 * @param freeSlots beside the one that has the work, of those that `roomFor` counts.
 * @param indexBytes how much of the source would be read for it.
 */
export function mayDivide(
  plan: Plan,
  sources: Readonly<Record<string, SourceInfo>>,
  freeSlots: number,
  indexBytes: number,
): string | null {
  if (freeSlots < 1) return "no other slot is free";
  if (plan.division === undefined) return "what is asked for does not divide";
  const source = sources[plan.division.source];
  const video = source?.video ?? null;
  if (source === undefined || video === null || Object.keys(sources).length !== 1) {
    return "it is not one video";
  }
  const seconds = video.durationSeconds ?? source.durationSeconds ?? 0;
  const refusal = refuseVideo(source, video);
  if (refusal !== null) return refusal;
  const slots = freeSlots + 1;
  const hasSound = plan.division.sound !== null;
  const guess = { seconds, slots, hasSound, overlapSeconds: 0, segmentSeconds: null, indexBytes };
  const costs = divideByCost(guess);
  return costs.status === "whole" ? costs.reason : null;
}

function refuseVideo({ format }: SourceInfo, video: VideoStreamInfo): string | null {
  if (!framedCodecs.has(video.codec)) return `packets of ${video.codec} may be no pictures`;
  // AVI has no times of its own: with B-frames only a decoder knows them.
  if (format === "avi" && reorderingCodecs.has(video.codec)) {
    return "the AVI does not say when its frames are shown";
  }
  return null;
}

interface DivideRequest {
  readonly division: Divisible;
  readonly sources: Readonly<Record<string, SourceInfo>>;
  readonly index: FrameIndex;
  /** As in `mayDivide`. */
  readonly freeSlots: number;
  /** Bytes that were read to list the frames. */
  readonly indexBytes: number;
}

/** The plan of the chunks; the caller has asked `mayDivide`. */
export function divide(request: DivideRequest): Divided {
  const { division, sources } = request;
  const source = sources[division.source];
  if (source === undefined) return whole("it is not one video");
  const found = timelineOf(request.index, source, division.temporal);
  if (found.status === "none") return whole(found.reason);
  const { grid, frames: index } = found;
  const overlap = commonOverlap(
    division.renditions.map(({ encoder, options }) =>
      overlapOf(encoder.name, division.preset, options),
    ),
  );
  const seconds = secondsOf(grid, index);
  const segmentSeconds =
    division.result.kind === "package" ? division.result.step.segmentSeconds : null;
  const costs = divideByCost({
    seconds: seconds(index.times.length),
    slots: request.freeSlots + 1,
    hasSound: division.sound !== null,
    overlapSeconds: overlapSeconds(index, overlap),
    segmentSeconds,
    indexBytes: request.indexBytes,
  });
  if (costs.status === "whole") return costs;
  const starts = costs.cuts.map((cut) => frameAt(index, seconds, cut));
  const chunks = chunksAt(found, onGroups(starts, division), overlap, request.index);
  if (chunks.length < 2) return whole("it has too few frames");
  const presentation =
    division.result.kind === "package"
      ? presentationOf(division, source, segmentLengths(index, seconds, segmentSeconds ?? 1))
      : null;
  const facts = {
    version: 1 as const,
    sources: { ...sources },
    grid,
    renditions: division.renditions.map(({ name }) => name),
    audio: division.sound !== null,
    presentation,
  };
  return { status: "divided", plan: { ...facts, chunks } };
}

function whole(reason: string): Divided {
  return { status: "whole", reason };
}

/** When the n-th frame is shown, in seconds; after the last, when it ends. */
function secondsOf(grid: Grid, { times, end }: Frames): (frame: number) => number {
  const ticks = outputTicks(grid);
  return (frame) => shownAt(grid, times[frame] ?? end) / ticks;
}

function overlapSeconds({ times, timeBase }: Frames, { before, after }: Overlap): number {
  const ticks = (times.at(-1) ?? 0) - (times[0] ?? 0);
  return ((before + after) * (ticks / times.length) * timeBase.num) / timeBase.den;
}

/** What a forced key frame of that time falls on: encoders are told times this much early, for rounding. */
export const EARLY_SECONDS = 2e-6;

/** The first frame at or after a time. */
function frameAt({ times }: Frames, seconds: (frame: number) => number, cut: number): number {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (seconds(middle) < cut - EARLY_SECONDS) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Where no segments say where key frames are, chunks begin where the whole would have one: another group of pictures
 * in between costs bits and quality (2 % and 0.17 dB in footage of 10 frames a second with groups of 50).
 */
function onGroups(starts: readonly number[], division: Divisible): readonly number[] {
  const { options = [] } = division.renditions[0] ?? {};
  const group = Number(options[options.indexOf("-g") + 1]);
  if (division.alignedSeconds !== null || !(group > 1)) return starts;
  return starts.map((frame) => Math.round(frame / group) * group);
}

function chunksAt(
  timeline: Timeline,
  starts: readonly number[],
  overlap: Overlap,
  { packets }: FrameIndex,
): Chunk[] {
  const { times, end } = timeline.frames;
  const inner = starts.filter((frame) => frame > 0 && frame < times.length);
  const edges = [0, ...new Set(inner), times.length];
  const reading: ReadTimes[] = [];
  const chunks = edges.slice(0, -1).map((begin, at): Chunk => {
    const stop = edges[at + 1] ?? times.length;
    const from = times[begin] ?? 0;
    const leadFrame = Math.max(0, begin - overlap.before);
    const lead = times[leadFrame] ?? from;
    const tail = times[stop + overlap.after] ?? null;
    const key = leadFrame === 0 ? null : timeline.seekFor(leadFrame);
    const until = tail === null ? null : timeline.doneFor(stop + overlap.after);
    reading.push({ seek: key, until });
    return {
      index: at,
      from,
      to: times[stop] ?? end,
      seek: key === null ? null : timeline.aimFor(key),
      overlap: { lead, tail },
      frames: stop - begin,
    };
  });
  if (packets === undefined) return chunks;
  const spans = readsOf(packets, reading);
  return chunks.map((chunk, at) => {
    const reads = spans[at];
    return reads === undefined ? chunk : { ...chunk, reads };
  });
}

/** In seconds, of a ladder whose segments begin at the first frame at or after each multiple. */
function segmentLengths(
  index: Frames,
  seconds: (frame: number) => number,
  segmentSeconds: number,
): readonly number[] {
  const end = seconds(index.times.length);
  const starts = new Set<number>([0]);
  for (let cut = segmentSeconds; cut < end; cut += segmentSeconds) {
    starts.add(frameAt(index, seconds, cut));
  }
  const edges = [...starts, index.times.length];
  return edges.slice(1).map((edge, at) => seconds(edge) - seconds(edges[at] ?? 0));
}

/** A piece of sound ends with its last packet: up to a tenth of a second after the multiple. */
const SOUND_SLACK_SECONDS = 0.1;

function presentationOf(
  division: Divisible,
  source: SourceInfo,
  lengths: readonly number[],
): PresentationPlan | null {
  if (division.result.kind !== "package") return null;
  const { step } = division.result;
  const longest = lengths.reduce((most, length) => Math.max(most, length), 0);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  const sound = source.audio.map(({ durationSeconds }) => durationSeconds ?? 0);
  return {
    segmentSeconds: step.segmentSeconds,
    targetSeconds: Math.max(
      1,
      Math.round(longest + 1e-3),
      step.audio.length === 0 ? 1 : Math.round(step.segmentSeconds + SOUND_SLACK_SECONDS),
    ),
    durationSeconds: Math.max(total, ...sound),
    master: step.master,
    manifest: step.manifest,
    video: division.renditions.map(({ name, peakRate }) => ({ name, peakRate })),
    audio: step.audio.map((track) => ({ ...track })),
    subtitles: step.subtitles.map((track) => ({ ...track })),
  };
}
