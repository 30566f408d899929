/** What `webReady` has to know before it leaves an MP4 as it is. */
import type { SourceInfo } from "../../protocol/media.ts";
import { sourceWhitelists } from "./argv.ts";
import { decodeSpans } from "./decode-check.ts";
import { createHttpReader } from "./http-ranges.ts";
import { type Movie, type MovieWishes, readMovie } from "./mp4-boxes.ts";
import { hasRepeatedTimes, hasSimpleEdits, lastDuration, maxKeyframeGap } from "./mp4-tables.ts";
import type { ProbeRequest, Tools } from "./types.ts";

type Mp4Facts = NonNullable<SourceInfo["mp4"]>;

/** Length of the sample decoded at each of the three places, in seconds. */
const SAMPLE_SECONDS = 2;

/** Nothing is known in the file's favour: it is encoded again. */
const unknownFacts: Mp4Facts = {
  headFirst: false,
  fragmented: false,
  simpleEditList: false,
  maxKeyframeGapSeconds: null,
  sampleDecodesCleanly: false,
};

/** The boxes of a source that begins as an MP4 or QuickTime file does; null where it does not, or is unreadable. */
export async function readMovieOf(
  request: Pick<ProbeRequest, "url" | "sizeBytes" | "signal">,
  wishes: MovieWishes = {},
): Promise<Movie | null> {
  const reader = createHttpReader(request.url, request.sizeBytes, request.signal);
  try {
    const head = await reader.read(0, 8);
    return startsWithBox(head) ? await readMovie(reader, wishes) : null;
  } catch {
    return null;
  }
}

/** A size and a type in four small letters, as every top-level box has; other containers do not begin so. */
function startsWithBox(head: Uint8Array): boolean {
  return /^[a-z]{4}$/.test(String.fromCharCode(...head.subarray(4)));
}

/**
 * What the boxes say, and with `forPassthrough` a sample decoded at the beginning, middle and end. What could not
 * be read counts against leaving the file as it is; it is no failure of the probe.
 */
export async function readMp4Facts(
  tools: Tools,
  source: SourceInfo,
  movie: Movie | null,
  request: ProbeRequest,
): Promise<Mp4Facts> {
  if (movie === null) return unknownFacts;
  const facts = factsOf(movie);
  if (!request.forPassthrough || isOutOfTheQuestion(source, movie, facts)) return facts;
  return { ...facts, sampleDecodesCleanly: await sampleDecodes(tools, source, request) };
}

/** What the boxes alone say. */
export function factsOf(movie: Movie): Mp4Facts {
  const video = movie.tracks.find((track) => track.handler === "vide");
  return {
    headFirst: movie.headFirst,
    fragmented: movie.fragmented,
    simpleEditList: movie.tracks.every((track) => hasSimpleEdits(track, movie)),
    maxKeyframeGapSeconds: video && !movie.fragmented ? maxKeyframeGap(video) : null,
    lastPictureSeconds: video && !movie.fragmented ? lastDuration(video) : null,
    sampleDecodesCleanly: false,
  };
}

/** Decoding a sample could not change that the pictures have to be encoded, or the file written, anew. */
function isOutOfTheQuestion({ video }: SourceInfo, movie: Movie, facts: Mp4Facts): boolean {
  const isForeign = video !== null && video.codec !== "h264";
  const isBroken = movie.truncated || !facts.simpleEditList || movie.tracks.some(hasRepeatedTimes);
  return isForeign || isBroken;
}

async function sampleDecodes(
  tools: Tools,
  source: SourceInfo,
  request: ProbeRequest,
): Promise<boolean> {
  const duration = source.durationSeconds ?? 0;
  const places =
    duration > 3 * SAMPLE_SECONDS
      ? [null, duration / 2, duration - SAMPLE_SECONDS].map((place) => ({
          fromSeconds: place === null ? null : source.startSeconds + place,
          seconds: place === null || place < duration - SAMPLE_SECONDS ? SAMPLE_SECONDS : null,
        }))
      : [{ fromSeconds: null, seconds: null }];
  const spans = places.map((place) => ({
    ...place,
    input: [...sourceWhitelists(), "-i", request.url],
    hasVideo: source.video !== null,
    hasAudio: source.audio.length > 0,
  }));
  const { status } = await decodeSpans(tools, spans, request.signal);
  return status === "clean";
}
