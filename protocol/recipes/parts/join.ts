/** Sources that agree, joined without encoding. */
import type { AudioStreamInfo, Rational, SourceInfo, VideoStreamInfo } from "../../media.ts";
import type { FfmpegStep, PlanResult, PromisedOutput } from "../../plan.ts";
import type { PlannedOutput } from "../define.ts";
import { canCopyAudio, planAudio } from "./audio.ts";
import { type ContainerFormat, containerOptions, muxers } from "./container.ts";
import { presentedFrames } from "./encode-length.ts";
import { hasPlainTimes, mayHaveHole } from "./encode-sound.ts";
import { canCopyVideo, copiedReference, copiedVideo } from "./remux.ts";
import { durationTolerance, lengthOf, reachedSeconds, spanOf } from "./span.ts";
import { isConstantRate } from "./timing.ts";

export interface JoinContext {
  readonly inputs: readonly (readonly [key: string, source: SourceInfo])[];
  readonly output: PlannedOutput & { readonly format: ContainerFormat };
}

/** A stream that begins later than this after the others would begin too early once joined. */
const MAX_OFFSET_SECONDS = 0.1;

/** In what the sources differ, so that they cannot be joined as they are; null where they agree. */
export function whyNotJoined(
  sources: readonly SourceInfo[],
  format: ContainerFormat,
): string | null {
  const [first] = sources;
  if (first === undefined) return "there is no input";
  for (const source of sources) {
    if (!canCopyVideo(source, format)) return "video codec";
    if (!source.audio.every((track) => canCopyAudio(track, format))) return "audio codec";
    if (
      !hasPlainTimes(source) ||
      mayHaveHole(source) ||
      isLate(source) ||
      lengthOf(source) === null
    )
      return "times";
    const difference = videoDifference(first.video, source.video) ?? audioDifference(first, source);
    if (difference !== null) return difference;
  }
  return null;
}

function isLate({ video, startSeconds }: SourceInfo): boolean {
  const late = (video?.startSeconds ?? startSeconds) - startSeconds;
  return Math.abs(late) > MAX_OFFSET_SECONDS;
}

function videoDifference(a: VideoStreamInfo | null, b: VideoStreamInfo | null): string | null {
  if (a === null || b === null) return a === b ? null : "video";
  // Parameter sets stand once, at the head: pictures of another encode would be read by the wrong ones.
  if (a.extradataHash !== b.extradataHash || !a.extradataHash) return "codec configuration";
  const isSame =
    a.codec === b.codec &&
    a.width === b.width &&
    a.height === b.height &&
    a.pixelFormat === b.pixelFormat &&
    a.rotation === b.rotation &&
    a.interlaced === b.interlaced &&
    isEqual(a.sampleAspect, b.sampleAspect) &&
    isEqual(a.timeBase, b.timeBase) &&
    isEqual(a.frameRate, b.frameRate) &&
    isConstantRate(a) &&
    isConstantRate(b);
  return isSame ? null : "video";
}

function audioDifference(a: SourceInfo, b: SourceInfo): string | null {
  if (a.audio.length !== b.audio.length) return "number of audio tracks";
  const isSame = a.audio.every((track, at) => isSameAudio(track, b.audio[at]));
  return isSame ? null : "audio";
}

function isSameAudio(a: AudioStreamInfo, b: AudioStreamInfo | undefined): boolean {
  return (
    b !== undefined &&
    a.codec === b.codec &&
    a.channels === b.channels &&
    a.sampleRate === b.sampleRate &&
    (a.extradataHash ?? null) === (b.extradataHash ?? null)
  );
}

function isEqual(a: Rational, b: Rational): boolean {
  return a.num * b.den === b.num * a.den;
}

const LIST = "parts.ffconcat";

/**
 * Each source becomes a file of its own streams alone, and the files are read one after the other: what begins
 * the next is where the longest stream of the last ended, so that sound and pictures stay together.
 */
export function planJoin({ inputs, output }: JoinContext): PlanResult {
  const parts = inputs.map(([key, source], at) => part(key, source, output.format, at));
  const [head] = inputs;
  if (head === undefined) throw new RangeError("There is no input to join.");
  const seconds = inputs.reduce((sum, [, source]) => sum + (lengthOf(source)?.seconds ?? 0), 0);
  const [, first] = head;
  const [, last] = inputs.at(-1) ?? head;
  return {
    status: "planned",
    action: "join",
    steps: [
      ...parts.map(({ step }) => step),
      {
        kind: "write",
        stage: "merging",
        file: LIST,
        text: ["ffconcat version 1.0", ...parts.map(({ file }) => `file '${file}'`), ""].join("\n"),
      },
      joining(first, output, reachedSeconds(last, seconds) ?? seconds),
    ],
    outputs: [
      {
        ...output,
        video: joinedVideo(inputs.map(([, source]) => source)),
        audio: planAudio(tracksOf(first)).promise,
        durationSeconds: seconds,
        durationToleranceSeconds: durationTolerance(seconds),
        ...copiedReference(inner(first), LISTED),
      },
    ],
  };
}

function tracksOf({ audio }: SourceInfo) {
  return audio.map((source) => ({ source, encoding: null }));
}

function joinedVideo(sources: readonly SourceInfo[]): PromisedOutput["video"] {
  const [first] = sources;
  const whole = {
    startSeconds: 0,
    lengthSeconds: null,
    expectedSeconds: null,
    toleranceSeconds: 0,
  };
  const video = first === undefined ? null : copiedVideo(first, whole);
  if (video === null) return null;
  const counts = sources.map((source) => presentedFrames(source, whole, undefined));
  const isCounted = counts.every((count) => count !== null);
  const frames = isCounted ? counts.reduce<number>((sum, count) => sum + (count ?? 0), 0) : null;
  return { ...video, frames };
}

function part(key: string, source: SourceInfo, format: ContainerFormat, at: number) {
  const file = `part-${at + 1}.${muxers[format]}`;
  const span = spanOf(source, { startSeconds: 0 });
  const step: FfmpegStep = {
    kind: "ffmpeg",
    stage: "transcoding",
    inputs: [{ from: { source: key }, options: [] }],
    filterComplex: null,
    outputs: [
      {
        file,
        muxer: muxers[format],
        options: [
          ...videoCopy(source, format),
          ...planAudio(tracksOf(source), format).options,
          ...PLAIN,
        ],
      },
    ],
    expectedFrames: null,
    expectedSeconds: "status" in span ? null : reachedSeconds(source, span.expectedSeconds),
    encoder: null,
  };
  return { file, step };
}

/** Chapters of one source would be read as those of the whole. */
const PLAIN = ["-map_metadata", "-1", "-map_chapters", "-1"];

function videoCopy({ video }: SourceInfo, format: ContainerFormat): string[] {
  if (video === null) return [];
  const tag = video.codec === "hevc" && format !== "webm" ? ["-tag:v", "hvc1"] : [];
  return ["-map", `0:${video.index}`, "-c:v", "copy", ...tag];
}

/** The parts one after the other. Written by this plan alone; `safe` refuses absolute and odd names all the same. */
const LISTED = [{ from: { list: LIST }, options: ["-f", "concat", "-safe", "1"] }];

/** The streams as a part holds them: pictures first. */
function inner(first: SourceInfo): SourceInfo {
  const video = first.video === null ? null : { ...first.video, index: 0 };
  const offset = video === null ? 0 : 1;
  const audio = first.audio.map((track, at) => ({ ...track, index: offset + at }));
  return { ...first, video, audio };
}

function joining(
  first: SourceInfo,
  output: JoinContext["output"],
  expectedSeconds: number,
): FfmpegStep {
  const part = inner(first);
  return {
    kind: "ffmpeg",
    stage: "merging",
    inputs: LISTED,
    filterComplex: null,
    outputs: [
      {
        file: output.file,
        muxer: muxers[output.format],
        options: [
          ...videoCopy(part, output.format),
          ...planAudio(tracksOf(part), output.format).options,
          ...containerOptions({ format: output.format, ticks: null }),
        ],
      },
    ],
    expectedFrames: null,
    expectedSeconds,
    encoder: null,
  };
}
