/** Fragments become segments, and segments have bit rates. Pure. */
import type { Fragment, TrackHead } from "./track.ts";

/** What playlists say of a track. */
export type HeadFacts = Omit<TrackHead, "defaults">;

export interface Segment {
  /** The file that it is in, where a rendition is of several; absent, the rendition's own. */
  readonly file?: string;
  /** In the file, in bytes. */
  readonly offset: number;
  readonly size: number;
  /** When its first sample is shown, in ticks of the track. */
  readonly start: number;
  /** In ticks. */
  readonly duration: number;
}

/** A picture that can be shown alone, for seeking with pictures. */
export interface KeyPicture {
  /** As of a segment. */
  readonly file?: string;
  /** From the fragment's head to the picture's last byte. */
  readonly offset: number;
  readonly size: number;
  /** To the next one, in ticks. */
  readonly duration: number;
}

/** A track, as playlists and manifests need it: one file, or files that follow each other under the head of one. */
export interface Rendition {
  readonly head: HeadFacts;
  /** The file that the head is in, where a rendition is of several. */
  readonly headFile?: string;
  /** Bytes before the first fragment. */
  readonly headSize: number;
  readonly segments: readonly Segment[];
  readonly keyPictures: readonly KeyPicture[];
  readonly samples: number;
}

/** A key frame may stand this much before its time, by rounding of ticks. */
const EARLY_SECONDS = 0.002;

/**
 * Segments begin at the first fragment at or after each multiple of `segmentSeconds` where decoding can begin, so
 * that all renditions of one source are cut alike.
 *
 * @param multiplesOf of the time since the first fragment, or of the time that is shown, which is the same in all
 *   files of a divided video.
 * @throws RangeError without a fragment, or where fragments overlap.
 */
export function renditionOf(
  head: TrackHead,
  headSize: number,
  given: readonly Fragment[],
  segmentSeconds: number,
  multiplesOf: "since_first" | "shown" = "since_first",
): Rendition {
  const fragments = timed(given);
  const [first] = fragments;
  if (first === undefined) throw new RangeError("A file without a fragment is not a rendition.");
  const shown = first.decodeTime + first.compositionOffset - head.mediaStart;
  const segments: Segment[] = [];
  const phase = multiplesOf === "shown" ? shown : 0;
  let boundary = 0;
  for (const fragment of fragments) {
    const elapsed = (phase + fragment.decodeTime - first.decodeTime) / head.timescale;
    const last = segments.at(-1);
    if (last === undefined || (fragment.isSync && elapsed >= boundary - EARLY_SECONDS)) {
      boundary = (Math.floor((elapsed + EARLY_SECONDS) / segmentSeconds) + 1) * segmentSeconds;
      const { offset, size, duration } = fragment;
      const start = shown + fragment.decodeTime - first.decodeTime;
      segments.push({ offset, size, start, duration });
      continue;
    }
    segments[segments.length - 1] = {
      ...last,
      size: fragment.offset + fragment.size - last.offset,
      duration: last.duration + fragment.duration,
    };
  }
  const samples = fragments.reduce((sum, fragment) => sum + fragment.samples, 0);
  return { head, headSize, segments, keyPictures: keyPicturesOf(fragments), samples };
}

/** Each fragment lasts until the next begins. */
function timed(fragments: readonly Fragment[]): readonly Fragment[] {
  return fragments.map((fragment, at) => {
    const next = fragments[at + 1];
    const duration = next === undefined ? fragment.duration : next.decodeTime - fragment.decodeTime;
    if (duration <= 0) throw new RangeError(`Fragment ${at + 1} does not end after it begins.`);
    return { ...fragment, duration };
  });
}

function keyPicturesOf(fragments: readonly Fragment[]): readonly KeyPicture[] {
  const pictures: KeyPicture[] = [];
  for (const { isSync, offset, firstSampleEnd, duration } of fragments) {
    const last = pictures.at(-1);
    if (isSync) pictures.push({ offset, size: firstSampleEnd - offset, duration });
    else if (last !== undefined) {
      pictures[pictures.length - 1] = { ...last, duration: last.duration + duration };
    }
  }
  return pictures;
}

export function secondsOf({ head }: Rendition, { duration }: Pick<Segment, "duration">): number {
  return duration / head.timescale;
}

/** Whole seconds that no segment's rounded length exceeds (RFC 8216 section 4.3.3.1). */
export function targetDuration(renditions: readonly Rendition[]): number {
  const longest = renditions.flatMap((one) =>
    one.segments.map((segment) => secondsOf(one, segment)),
  );
  return Math.max(1, ...longest.map((seconds) => Math.round(seconds)));
}

/** Bits per second over the whole. */
export function averageRate(one: Rendition): number {
  const bytes = one.segments.reduce((sum, { size }) => sum + size, 0);
  const seconds = one.segments.reduce((sum, segment) => sum + secondsOf(one, segment), 0);
  return Math.ceil((bytes * 8) / seconds);
}

/**
 * Bits per second of the heaviest run of segments that lasts between half and one and a half of the target
 * duration (RFC 8216 section 4.1, "peak segment bit rate").
 */
export function peakRate(one: Rendition, target: number): number {
  let peak = averageRate(one);
  for (const [at] of one.segments.entries()) {
    let bytes = 0;
    let seconds = 0;
    for (const segment of one.segments.slice(at)) {
      bytes += segment.size;
      seconds += secondsOf(one, segment);
      if (seconds > 1.5 * target) break;
      if (seconds >= 0.5 * target) peak = Math.max(peak, Math.ceil((bytes * 8) / seconds));
      else continue;
      if (seconds >= target) break;
    }
  }
  return peak;
}

/** Bits per second of the heaviest key picture. */
export function keyPictureRates(one: Rendition): {
  readonly peak: number;
  readonly average: number;
} {
  const rates = one.keyPictures.map((picture) => (picture.size * 8) / secondsOf(one, picture));
  const bytes = one.keyPictures.reduce((sum, { size }) => sum + size, 0);
  const seconds = one.keyPictures.reduce((sum, picture) => sum + secondsOf(one, picture), 0);
  return { peak: Math.ceil(Math.max(0, ...rates)), average: Math.ceil((bytes * 8) / seconds) };
}

/** Pictures per second, to three decimals. */
export function frameRateOf(one: Rendition): number {
  const seconds = one.segments.reduce((sum, segment) => sum + secondsOf(one, segment), 0);
  return Math.round((one.samples / seconds) * 1000) / 1000;
}
