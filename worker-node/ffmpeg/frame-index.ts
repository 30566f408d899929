/**
 * Lists when every frame of a source is shown, and where it lies in the file: from the sample tables of an MP4, which are a few bytes a frame, and
 * else from ffprobe, which reads the container through.
 */
import { tmpdir } from "node:os";
import type { FrameIndex, PacketPlaces } from "../../protocol/chunks/grid.ts";
import type { SourceInfo, VideoStreamInfo } from "../../protocol/media.ts";
import { loopbackUrl, MAX_ALLOC_BYTES, QUIET, sourceWhitelists } from "./argv.ts";
import type { Movie, Runs, Track } from "./mp4-boxes.ts";
import { readMovieOf } from "./mp4-facts.ts";
import { placesOf } from "./mp4-places.ts";
import { runProcess } from "./process.ts";
import type { Tools } from "./types.ts";

/** Ten hours at 60 frames a second are 2.2 million. */
const MAX_FRAMES = 5_000_000;
/** ffprobe reads a file of many gigabytes. */
const LIST_TIMEOUT_MS = 600_000;

export interface IndexRequest {
  /** The loopback URL of the source. */
  readonly url: string;
  readonly sizeBytes: number;
  readonly source: SourceInfo;
  readonly signal: AbortSignal;
}

export type IndexResult =
  /** `bytesRead`: about how much of the source was read for it. */
  | { readonly status: "ok"; readonly index: FrameIndex; readonly bytesRead: number }
  | { readonly status: "unknown"; readonly reason: string };

/** What listing the frames will read, in bytes; nothing to speak of where there are tables. */
export function indexBytes(source: SourceInfo): number {
  return source.mp4 !== null && !source.mp4.fragmented ? 0 : source.sizeBytes;
}

/** @throws the signal's reason when it is aborted. */
export async function readFrameIndex(tools: Tools, request: IndexRequest): Promise<IndexResult> {
  const { source, signal } = request;
  const { video } = source;
  if (video === null) return { status: "unknown", reason: "it has no video" };
  if (mayBeFields(video) && !(await hasWholeFrames(tools, request, video))) {
    return { status: "unknown", reason: "its packets are fields, not frames" };
  }
  if (indexBytes(source) === 0) {
    const loopback = { ...request, url: loopbackUrl(request.url) };
    const movie = await readMovieOf(loopback, { places: true });
    signal.throwIfAborted();
    const index = movie === null ? null : indexOfMovie(movie, video);
    if (index !== null) return { status: "ok", index, bytesRead: 0 };
  }
  return listPackets(tools, request, video);
}

/** Enough to see what a stream is made of, at any rate. */
const LOOK_SECONDS = 2;
/** Of the frames of packets that were read, some are decoded only with what follows. */
const DECODED_SHARE = 0.75;

/** Whether each packet at the beginning becomes a frame: fields that are coded apart become one together. */
async function hasWholeFrames(
  tools: Tools,
  { url, signal }: IndexRequest,
  video: VideoStreamInfo,
): Promise<boolean> {
  const counts: number[] = [];
  const result = await runProcess({
    command: tools.ffprobe,
    confinement: tools.confinement,
    args: [
      ...QUIET,
      ...["-max_alloc", String(MAX_ALLOC_BYTES), "-select_streams", String(video.index)],
      ...["-read_intervals", `%+${LOOK_SECONDS}`, "-count_frames", "-count_packets"],
      ...["-show_entries", "stream=nb_read_frames,nb_read_packets", "-of", "csv=p=0"],
      ...sourceWhitelists(),
      loopbackUrl(url),
    ],
    cwd: tmpdir(),
    signal,
    timeoutMs: LIST_TIMEOUT_MS,
    onStdoutLine: (line) => counts.push(...line.split(",").map(Number)),
  });
  signal.throwIfAborted();
  const [frames = 0, packets = 0] = counts;
  return result.end.kind === "exited" && isFrames(frames, packets);
}

/** Whether so many packets that became so many frames are one of each. */
function isFrames(frames: number, packets: number): boolean {
  return frames > 0 && frames >= packets * DECODED_SHARE && frames <= packets;
}

function mayBeFields({ interlaced, codec }: VideoStreamInfo): boolean {
  return interlaced && (codec === "h264" || codec === "hevc" || codec === "mpeg2video");
}

/** By the tables alone; null where they are not so simple that their reading here and ffmpeg's must agree. */
export function indexOfMovie(movie: Movie, video: VideoStreamInfo): FrameIndex | null {
  const tracks = movie.tracks.filter(({ handler }) => handler === "vide");
  const [track] = tracks;
  const { timeBase } = video;
  if (track === undefined || tracks.length !== 1 || movie.fragmented) return null;
  if (timeBase.num !== 1 || timeBase.den !== track.timescale) return null;
  const shown = shownRange(track, movie);
  if (shown === null) return null;
  const samples = samplesOf(track);
  if (samples === null || (video.frames !== null && video.frames !== samples.length)) return null;
  const keySet = track.keySamples === null ? null : new Set(track.keySamples);
  const keys: number[] = [];
  const times: number[] = [];
  let end = 0;
  for (const [at, { time, duration }] of samples.entries()) {
    const pts = time - shown.from;
    if (keySet === null || keySet.has(at + 1)) keys.push(pts);
    if (pts < 0 || time >= shown.to) continue;
    times.push(pts);
    end = Math.max(end, Math.min(pts + duration, shown.to - shown.from));
  }
  if (times.length === 0) return null;
  const index = { timeBase, times: sorted(times), keys: sorted(keys), end };
  const places = track.places === undefined ? null : placesOf(track.places, samples.length);
  if (places === null) return index;
  const shownAt = Float64Array.from(samples, ({ time }) => time - shown.from);
  return { ...index, packets: { times: shownAt, ...places } };
}

/** Of the media's time, what the one edit presents; null where there are several, or it is of another kind. */
function shownRange(
  { edits, timescale }: Track,
  movie: Movie,
): { readonly from: number; readonly to: number } | null {
  const [edit] = edits;
  if (edit === undefined) return { from: 0, to: Number.POSITIVE_INFINITY };
  if (edits.length > 1 || edit.rate !== 1 || edit.mediaTime < 0 || edit.duration <= 0) return null;
  const length = Math.round((edit.duration * timescale) / movie.timescale);
  return { from: edit.mediaTime, to: edit.mediaTime + length };
}

function samplesOf({ durations, offsets }: Track) {
  const count = countOf(durations);
  if (count === 0 || count > MAX_FRAMES) return null;
  if (offsets.length > 0 && countOf(offsets) !== count) return null;
  const samples: { time: number; duration: number }[] = [];
  let time = 0;
  for (const [run, duration] of durations) {
    for (let n = 0; n < run; n++) {
      samples.push({ time, duration });
      time += duration;
    }
  }
  let at = 0;
  for (const [run, offset] of offsets) {
    for (let n = 0; n < run; n++) {
      const sample = samples[at++];
      if (sample !== undefined) sample.time += offset;
    }
  }
  return samples;
}

function countOf(runs: Runs): number {
  return runs.reduce((sum, [count]) => sum + count, 0);
}

function sorted(numbers: readonly number[]): readonly number[] {
  return [...Float64Array.from(numbers).sort()];
}

async function listPackets(
  tools: Tools,
  { url, sizeBytes, signal }: IndexRequest,
  video: VideoStreamInfo,
): Promise<IndexResult> {
  const list = createPacketList();
  const result = await runProcess({
    command: tools.ffprobe,
    confinement: tools.confinement,
    args: [
      ...QUIET,
      ...["-max_alloc", String(MAX_ALLOC_BYTES), "-select_streams", String(video.index)],
      ...["-show_entries", "packet=pts,duration,size,pos,flags", "-of", "csv=p=0"],
      ...sourceWhitelists(),
      loopbackUrl(url),
    ],
    cwd: tmpdir(),
    signal,
    timeoutMs: LIST_TIMEOUT_MS,
    onStdoutLine: list.push,
  });
  signal.throwIfAborted();
  if (result.end.kind !== "exited") {
    return { status: "unknown", reason: `its frames were not listed: ${result.end.kind}` };
  }
  const { times, keys, end, fault, packets } = list.finish();
  if (fault !== null) return { status: "unknown", reason: fault };
  const index = { timeBase: video.timeBase, times: sorted(times), keys: sorted(keys), end };
  const places = packets === null ? {} : { packets };
  return { status: "ok", index: { ...index, ...places }, bytesRead: sizeBytes };
}

/** Takes ffprobe's lines: `pts,duration,size,pos,flags`. Pure. */
function createPacketList() {
  const places = { times: [] as number[], begins: [] as number[], ends: [] as number[] };
  let arePlaced = true;
  const times: number[] = [];
  const keys: number[] = [];
  let end = 0;
  let fault: string | null = null;
  return {
    push(line: string): void {
      const [ptsText, durationText, sizeText, posText, flags] = line.split(",");
      if (flags === undefined) return;
      const pts = Number(ptsText);
      if (!Number.isInteger(pts) || ptsText === "") {
        fault ??= "its packets do not say when they are shown";
        return;
      }
      const [size, pos] = [Number(sizeText), Number(posText)];
      // `N/A` of one makes what is known of the others worthless.
      arePlaced &&= Number.isInteger(size) && Number.isInteger(pos) && size >= 0 && pos >= 0;
      if (arePlaced && places.times.length < MAX_FRAMES) {
        places.times.push(pts);
        places.begins.push(pos);
        places.ends.push(pos + size);
      }
      if (flags.includes("K")) keys.push(pts);
      if (flags.includes("D")) return;
      if (times.length >= MAX_FRAMES) fault ??= "it has too many frames";
      else times.push(pts);
      const duration = Number(durationText);
      end = Math.max(end, pts + (Number.isFinite(duration) ? duration : 0));
    },
    finish: () => ({
      times,
      keys,
      end: times.every((time) => time < end) ? end : afterLast(times),
      fault: times.length < 2 ? (fault ?? "it has too few frames") : fault,
      packets: arePlaced ? (places satisfies PacketPlaces) : null,
    }),
  };
}

/** Where packets have no length, the last lasts as long as the one before. */
function afterLast(times: readonly number[]): number {
  const [last = 0, previous = 0] = [...times].sort((a, b) => b - a);
  return last + Math.max(1, last - previous);
}
