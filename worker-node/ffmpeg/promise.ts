/** Compares what was found in an output with what the plan promised. Pure. */
import type { OutputFormat, SourceInfo } from "../../protocol/media.ts";
import type { PromisedOutput } from "../../protocol/plan.ts";
import type { StreamScan } from "./packet-scan.ts";
import type { ListedFile } from "./types.ts";

/** Demuxers that may open an output of a format: ffprobe's `-format_whitelist`, and what it must report. */
export const demuxersOf: Record<Exclude<OutputFormat, "hls">, string> = {
  mp4: "mov",
  mov: "mov",
  webm: "matroska",
  gif: "gif",
  mp3: "mp3",
  aac: "aac",
  wav: "wav",
  jpg: "image2,jpeg_pipe",
  png: "image2,png_pipe",
};

export interface FoundOutput {
  readonly source: SourceInfo;
  /** By stream index. */
  readonly packets: ReadonlyMap<number, StreamScan>;
  readonly durationSeconds: number | null;
}

/** What is not as promised, in words that name both; null when everything is. */
export function mismatch(promise: PromisedOutput, found: FoundOutput): string | null {
  return (
    videoMismatch(promise, found) ??
    audioMismatch(promise, found) ??
    subtitleMismatch(promise, found) ??
    durationMismatch(promise, found) ??
    timestampFault(found) ??
    emptiness(promise, found)
  );
}

/** The same for a file of pictures alone that is known without being read back. */
export function listedMismatch(
  { video, audio }: PromisedOutput,
  { codec, width, height, frames }: ListedFile,
): string | null {
  if (video === null || audio !== null) return "it has pictures alone, which was not promised";
  if (frames === 0) return "video was promised, but it has no frame";
  return (
    differs("video codec", video.codec, codec) ??
    differs("width", video.width, width) ??
    differs("height", video.height, height) ??
    differs("presented frames", video.frames, frames)
  );
}

function videoMismatch(
  { video: promised, unknown }: PromisedOutput,
  found: FoundOutput,
): string | null {
  const { video } = found.source;
  if (unknown?.includes("video")) return null;
  if (promised === null) return video === null ? null : "no video was promised, but it has video";
  if (video === null) return "video was promised, but it has none";
  const presented = found.packets.get(video.index)?.presented ?? 0;
  if (presented === 0) return "video was promised, but it has no frame";
  return (
    differs("video codec", promised.codec, video.codec) ??
    differs("width", promised.width, video.width) ??
    differs("height", promised.height, video.height) ??
    differs("presented frames", promised.frames, presented)
  );
}

function audioMismatch(
  { audio: promised, unknown }: PromisedOutput,
  found: FoundOutput,
): string | null {
  const [audio] = found.source.audio;
  if (unknown?.includes("audio")) return null;
  if (promised === null) {
    return audio === undefined ? null : "no audio was promised, but it has audio";
  }
  if (audio === undefined) return "audio was promised, but it has none";
  if ((found.packets.get(audio.index)?.presented ?? 0) === 0) {
    return "audio was promised, but it has no sample";
  }
  return (
    differs("audio codec", promised.codec, audio.codec) ??
    differs("audio channels", promised.channels, audio.channels)
  );
}

function subtitleMismatch({ subtitles: promised }: PromisedOutput, { source }: FoundOutput) {
  if (promised === undefined) return null;
  return differs("tracks of subtitles", promised, source.subtitles.length);
}

function durationMismatch(promise: PromisedOutput, found: FoundOutput): string | null {
  const { durationSeconds: promised, durationToleranceSeconds: tolerance } = promise;
  if (promised === null) return null;
  const { durationSeconds } = found;
  if (durationSeconds === null) return `a duration of ${promised} s was promised, but it has none`;
  if (Math.abs(durationSeconds - promised) <= tolerance) return null;
  return `a duration of ${round(promised)} s ± ${tolerance} s was promised, but it has ${round(durationSeconds)} s`;
}

/** Where the plan could not tell the streams, there must still be something to see or hear. */
function emptiness({ unknown }: PromisedOutput, { packets }: FoundOutput): string | null {
  if (unknown === undefined || unknown.length === 0) return null;
  const hasAny = [...packets.values()].some(({ presented }) => presented > 0);
  return hasAny ? null : "it has neither a frame nor a sample";
}

function timestampFault({ source, packets }: FoundOutput): string | null {
  const checked = [source.video, ...source.audio];
  for (const stream of checked) {
    const fault = stream === null ? null : (packets.get(stream.index)?.fault ?? null);
    if (fault !== null) return `stream ${stream?.index}: ${fault}`;
  }
  return null;
}

function differs<T extends string | number>(what: string, promised: T | null, found: T) {
  return promised === null || promised === found
    ? null
    : `${what} ${promised} was promised, but it has ${found}`;
}

function round(seconds: number): number {
  return Math.round(seconds * 1000) / 1000;
}
