/** What `webReady` has to know before it leaves an MP4 as it is. */
import type { SourceInfo } from "../../protocol/media.ts";
import { sourceWhitelists } from "./argv.ts";
import { decodeSpan } from "./decode-check.ts";
import { createHttpReader } from "./http-ranges.ts";
import { type Movie, readMovie } from "./mp4-boxes.ts";
import { hasRepeatedTimes, hasSimpleEdits, maxKeyframeGap } from "./mp4-tables.ts";
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

/**
 * Reads the boxes, and with `forPassthrough` decodes a sample of the beginning, middle and end. What cannot
 * be read counts against leaving the file as it is; it is no failure of the probe.
 */
export async function readMp4Facts(
  tools: Tools,
  source: SourceInfo,
  request: ProbeRequest,
): Promise<Mp4Facts> {
  const reader = createHttpReader(request.url, request.sizeBytes, request.signal);
  const movie = await readMovie(reader).catch(() => null);
  request.signal.throwIfAborted();
  if (movie === null) return unknownFacts;
  const facts = factsOf(movie);
  if (!request.forPassthrough || isOutOfTheQuestion(movie, facts)) return facts;
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
    sampleDecodesCleanly: false,
  };
}

/** Decoding a sample could not change that the file has to be written anew. */
function isOutOfTheQuestion(movie: Movie, facts: Mp4Facts): boolean {
  return movie.truncated || !facts.simpleEditList || movie.tracks.some(hasRepeatedTimes);
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
  for (const place of places) {
    const result = await decodeSpan(tools, {
      ...place,
      input: [...sourceWhitelists(), "-i", request.url],
      hasVideo: source.video !== null,
      signal: request.signal,
    });
    if (result.status !== "clean") return false;
  }
  return true;
}
