/**
 * Whether dividing pays, and into what lengths: a model of how long a job takes whole and in parts, in seconds of
 * video encoded. Pure; docs/CHUNKS.md explains the numbers.
 */

/** Shorter videos are never divided. */
export const CHUNK_MIN_SECONDS = 30;
/** A chunk of more would cost too much when it is lost; more in a row per slot make up for slow workers. */
const PREFERRED_SECONDS = 60;
/** Below this the overlap weighs more than what is won. */
const SHORTEST_SECONDS = 10;
/** What a lease, the start of ffmpeg and the upload of a chunk take: seconds of video that could be encoded meanwhile. */
const TASK_SECONDS = 1.5;
/** Deciding, asking, and merging at the end. */
const FIXED_SECONDS = 4;
/** Dividing costs messages, rows and requests: it must win something worth them. */
const LEAST_GAIN = 1.2;
/** Bytes of a source that are read in the time in which a second of video is encoded. */
const READ_BYTES_PER_SECOND = 40_000_000;
const MAX_CHUNKS = 1000;

export interface CostFacts {
  readonly seconds: number;
  /** Slots that would work on it. */
  readonly slots: number;
  /** Of frames that are encoded and thrown away, per chunk. */
  readonly overlapSeconds: number;
  /** Chunks are multiples of it, and the first one is one; null where they may end anywhere. */
  readonly segmentSeconds: number | null;
  /** What has to be read to list the frames: nothing to speak of where the container has tables. */
  readonly indexBytes: number;
}

export type Division =
  /** Where chunks begin but for the first, in seconds, ascending. */
  | { readonly status: "divided"; readonly cuts: readonly number[] }
  | { readonly status: "whole"; readonly reason: string };

/** Equal shares for all slots; a first chunk that is short makes the last one short as well. */
export function divideByCost(facts: CostFacts): Division {
  const { seconds, slots, segmentSeconds } = facts;
  if (seconds < CHUNK_MIN_SECONDS) return whole(`it is shorter than ${CHUNK_MIN_SECONDS} s`);
  const working = Math.min(slots, Math.floor(seconds / SHORTEST_SECONDS));
  if (working < 2) return whole("no other slot is free");
  const length = chunkSeconds(seconds, working, segmentSeconds);
  const cuts = cutsOf(seconds, length, segmentSeconds);
  if (cuts.length === 0) return whole("it is too short for its segments");
  const listing = facts.indexBytes / READ_BYTES_PER_SECOND;
  const divided = FIXED_SECONDS + listing + makespan(facts, cuts, working);
  if (divided * LEAST_GAIN > seconds) return whole("parts would not be done sooner");
  return { status: "divided", cuts };
}

/** How long the slots take when each, as it becomes free, takes the next chunk. */
function makespan(
  { seconds, overlapSeconds }: CostFacts,
  cuts: readonly number[],
  slots: number,
): number {
  const busy = Array.from({ length: slots }, () => 0);
  const edges = [0, ...cuts, seconds];
  for (const [at, from] of edges.slice(0, -1).entries()) {
    const length = (edges[at + 1] ?? seconds) - from;
    const next = busy.indexOf(Math.min(...busy));
    busy[next] = (busy[next] ?? 0) + length + overlapSeconds + TASK_SECONDS;
  }
  return Math.max(...busy);
}

function chunkSeconds(seconds: number, slots: number, segment: number | null): number {
  const share = seconds / slots;
  const rounds = Math.max(1, Math.round(share / PREFERRED_SECONDS));
  const length = Math.max(SHORTEST_SECONDS, share / rounds, seconds / (MAX_CHUNKS - 2));
  return segment === null ? length : Math.max(1, Math.ceil(length / segment - 0.01)) * segment;
}

/** A last chunk of less than half the shortest is the end of the one before. */
function cutsOf(seconds: number, length: number, segment: number | null): readonly number[] {
  const start = segment ?? length;
  const cuts: number[] = [];
  for (let n = 0; start + n * length < seconds - SHORTEST_SECONDS / 2; n++) {
    cuts.push(start + n * length);
  }
  return cuts;
}

function whole(reason: string): Division {
  return { status: "whole", reason };
}
