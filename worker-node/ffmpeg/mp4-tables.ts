/** What an MP4's tables say about key frames, edits and timestamps. Pure. */
import type { Movie, Runs, Track } from "./mp4-boxes.ts";

/** AAC and Opus encoders prepend up to a few thousand samples; an edit skips them. */
const MAX_PRIMING_SAMPLES = 4_096;
/** For audio whose timescale is not its sample rate. */
const MAX_PRIMING_SECONDS = 0.1;
/** Rounding between the movie's and the track's timescales, and the encoder's padding at the end. */
const TAIL_TOLERANCE_SECONDS = 0.1;
/** The first presented frame is among these: no codec reorders over more. */
const REORDER_WINDOW = 64;

/** Longest time between two key frames, or from the last to the end, in seconds; null without samples. */
export function maxKeyframeGap(track: Track): number | null {
  const { durations, keySamples, timescale } = track;
  if (durations.length === 0 || timescale <= 0) return null;
  if (keySamples === null) {
    return durations.reduce((max, [, delta]) => Math.max(max, delta), 0) / timescale;
  }
  let gap = 0;
  let previous = 0;
  let passed = 0;
  let time = 0;
  let run = 0;
  for (const sample of keySamples) {
    // Walk the runs to the one that holds the sample; sample numbers only grow.
    for (
      let entry = durations[run];
      entry && passed + entry[0] < sample;
      entry = durations[++run]
    ) {
      passed += entry[0];
      time += entry[0] * entry[1];
    }
    const at = time + (sample - 1 - passed) * (durations[run]?.[1] ?? 0);
    gap = Math.max(gap, at - previous);
    previous = at;
  }
  const end = durations.reduce((sum, [count, delta]) => sum + count * delta, 0);
  return Math.max(gap, end - previous) / timescale;
}

/** How long the last sample stays, in seconds; null without samples. */
export function lastDuration({ durations, timescale }: Track): number | null {
  const last = durations.at(-1);
  return last === undefined || timescale <= 0 ? null : last[1] / timescale;
}

/** Whether two samples share a decode time; the last one's duration says nothing about that. */
export function hasRepeatedTimes({ durations }: Track): boolean {
  return durations.some(
    ([count, delta], i) => delta <= 0 && (count > 1 || i < durations.length - 1),
  );
}

/** At most one edit, at rate 1, that skips no picture, only encoder delay, and cuts nothing off the end. */
export function hasSimpleEdits(track: Track, movie: Pick<Movie, "timescale">): boolean {
  if (track.edits.length === 0) return true;
  const [edit] = track.edits;
  if (track.edits.length > 1 || !edit || edit.rate !== 1 || edit.mediaTime < 0) return false;
  return skipsOnlyDelay(track, edit.mediaTime) && reachesEnd(track, edit, movie.timescale);
}

function skipsOnlyDelay(track: Track, mediaTime: number): boolean {
  if (track.handler === "vide") return mediaTime <= firstPresented(track);
  if (track.handler !== "soun") return true;
  return track.timescale >= 8_000
    ? mediaTime <= MAX_PRIMING_SAMPLES
    : mediaTime <= MAX_PRIMING_SECONDS * track.timescale;
}

function reachesEnd(track: Track, edit: Track["edits"][number], movieTimescale: number): boolean {
  if (edit.duration === 0) return true;
  const presented = edit.duration / movieTimescale;
  const available = (track.duration - edit.mediaTime) / track.timescale;
  return presented >= available - TAIL_TOLERANCE_SECONDS;
}

/** The earliest presentation time of the first samples, in the track's timescale. */
function firstPresented({ durations, offsets }: Track): number {
  const deltas = expand(durations, REORDER_WINDOW);
  const shifts = expand(offsets, REORDER_WINDOW);
  let time = 0;
  let first = Number.POSITIVE_INFINITY;
  deltas.forEach((delta, i) => {
    first = Math.min(first, time + (shifts[i] ?? 0));
    time += delta;
  });
  return Number.isFinite(first) ? first : 0;
}

function expand(runs: Runs, limit: number): number[] {
  const values: number[] = [];
  for (const [count, value] of runs) {
    for (let i = 0; i < count && values.length < limit; i++) values.push(value);
    if (values.length >= limit) break;
  }
  return values;
}
