/**
 * Whether dividing pays, and into what lengths: a model of how long a job takes whole and in parts, in seconds of
 * video encoded. Pure; docs/CHUNKS.md explains the numbers.
 */
import { MAX_CHUNKS } from "./contract.ts";

/** Shorter videos are never divided. */
const CHUNK_MIN_SECONDS = 30;
/** A chunk of more would cost too much when it is lost; more in a row per slot make up for slow workers. */
const PREFERRED_SECONDS = 60;
/** Below this the overlap weighs more than what is won. */
const SHORTEST_SECONDS = 10;
/** What a lease, the start of ffmpeg and the upload of a chunk take: seconds of video that could be encoded meanwhile. */
const TASK_SECONDS = 1.5;
/** Of the sound, the time in which this share of the pictures is encoded. */
const SOUND_SHARE = 0.03;
/** Deciding, asking, and merging at the end. */
const FIXED_SECONDS = 4;
/** Dividing costs messages, rows and requests: it must win something worth them. */
const LEAST_GAIN = 1.2;
/** Bytes of a source that are read in the time in which a second of video is encoded. */
const READ_BYTES_PER_SECOND = 40_000_000;

export interface CostFacts {
  readonly seconds: number;
  /** Slots that would work on it. */
  readonly slots: number;
  /** Sound is a task of its own, which a slot does before its chunks. */
  readonly hasSound: boolean;
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

/** Shares with which all slots end together, the sound and a short first chunk counted to those who make them. */
export function divideByCost(facts: CostFacts): Division {
  const { seconds, slots } = facts;
  if (seconds < CHUNK_MIN_SECONDS) return whole(`it is shorter than ${CHUNK_MIN_SECONDS} s`);
  const working = Math.min(slots, Math.floor(seconds / SHORTEST_SECONDS));
  if (working < 2) return whole("no other slot is free");
  const cuts = cutsOf(facts, working);
  if (cuts.length === 0) return whole("it is too short for its segments");
  const listing = facts.indexBytes / READ_BYTES_PER_SECOND;
  const divided = FIXED_SECONDS + listing + makespan(facts, cuts, working);
  if (divided * LEAST_GAIN > seconds + soundSeconds(facts)) {
    return whole("parts would not be done sooner");
  }
  return { status: "divided", cuts };
}

function soundSeconds({ seconds, hasSound }: CostFacts): number {
  return hasSound ? seconds * SOUND_SHARE : 0;
}

/**
 * Chunks at the beginning of a ladder: one segment, and then each twice as long as the one before, up to half of a usual
 * one. Who watches from the first on has the next when it is over, wherever encoding is quicker than watching.
 */
function openingOf({ segmentSeconds }: CostFacts, usual: number): readonly number[] {
  const lengths: number[] = [];
  if (segmentSeconds === null) return lengths;
  for (let length = segmentSeconds; length <= usual / 2 || lengths.length === 0; length *= 2) {
    lengths.push(length);
  }
  return lengths;
}

/** Slots of which each, as it becomes free, takes the next task. */
function createSlots(count: number, overlapSeconds: number) {
  const busy = Array.from({ length: count }, () => 0);
  const freest = (among: readonly number[]) =>
    among.reduce((best, slot) => ((busy[slot] ?? 0) < (busy[best] ?? 0) ? slot : best));
  return {
    all: [...busy.keys()],
    busy: (slot: number) => busy[slot] ?? 0,
    freest,
    take: (slot: number, length: number) => {
      busy[slot] = (busy[slot] ?? 0) + length + overlapSeconds + TASK_SECONDS;
    },
    end: () => Math.max(...busy),
  };
}

/** How long the slots take in all. */
function makespan(facts: CostFacts, cuts: readonly number[], count: number): number {
  const slots = createSlots(count, facts.overlapSeconds);
  const edges = [0, ...cuts, facts.seconds];
  const chunks = edges.slice(1).map((edge, at) => edge - (edges[at] ?? 0));
  for (const length of withSound(chunks, facts)) slots.take(slots.freest(slots.all), length);
  return slots.end();
}

/** In the order in which tasks are leased: the sound after the first chunk of a ladder, and before any other. */
function withSound(chunks: readonly number[], facts: CostFacts): readonly number[] {
  if (!facts.hasSound) return chunks;
  const before = facts.segmentSeconds === null ? 0 : 1;
  return [...chunks.slice(0, before), soundSeconds(facts), ...chunks.slice(before)];
}

/**
 * The opening and the sound go to slots first; what is left of the video fills each up to the same height, in pieces of
 * about one length. They stand in the order in which slots become free for them.
 */
function cutsOf(facts: CostFacts, count: number): readonly number[] {
  const { seconds, segmentSeconds } = facts;
  const slots = createSlots(count, facts.overlapSeconds);
  const longest = Math.max(PREFERRED_SECONDS, seconds / (MAX_CHUNKS - 2 * count));
  const rounds = Math.max(1, Math.round(seconds / count / longest));
  const opening = openingOf(facts, seconds / count / rounds);
  for (const length of withSound(opening, facts)) slots.take(slots.freest(slots.all), length);
  const start = opening.reduce((sum, length) => sum + length, 0);
  const shares = shareOut(seconds - start, slots.all.map(slots.busy));
  const left = piecesOf(shares, rounds, segmentSeconds);
  const lengths = [...opening];
  for (;;) {
    const waiting = slots.all.filter((slot) => (left[slot]?.length ?? 0) > 0);
    if (waiting.length === 0) break;
    const slot = slots.freest(waiting);
    const length = left[slot]?.pop() ?? 0;
    if (length === 0) continue;
    slots.take(slot, length);
    lengths.push(length);
  }
  let position = 0;
  const cuts = lengths.map((length) => {
    position += length;
    return position;
  });
  // A last chunk of less than half the shortest is the end of the one before.
  return cuts.filter((cut) => cut < seconds - SHORTEST_SECONDS / 2);
}

/** Each slot's share in so many pieces; of a ladder, in whole segments. */
function piecesOf(shares: readonly number[], rounds: number, segment: number | null): number[][] {
  const cut = (share: number) => Array.from({ length: rounds }, () => share / rounds);
  return segment === null
    ? shares.map((share) => (share > 0 ? cut(share) : []))
    : inSegments(shares, segment).map((share) => inSegments(cut(share), segment));
}

/** The lengths as whole segments, together as many as they need: what is cut off goes to those that lost most. */
function inSegments(lengths: readonly number[], segment: number): number[] {
  const exact = lengths.map((length) => length / segment);
  const counts = exact.map((length) => Math.floor(length + 1e-9));
  const total = Math.ceil(exact.reduce((sum, length) => sum + length, 0) - 1e-9);
  const missing = total - counts.reduce((sum, count) => sum + count, 0);
  const lost = (at: number) => (exact[at] ?? 0) - (counts[at] ?? 0);
  const most = [...counts.keys()].sort((a, b) => lost(b) - lost(a));
  const given = new Set(most.slice(0, missing));
  return counts.map((count, at) => (count + (given.has(at) ? 1 : 0)) * segment);
}

/** So much for each slot that all are busy equally long; a slot that is to get too little gets nothing. */
function shareOut(length: number, busy: readonly number[]): readonly number[] {
  let takers = [...busy.keys()];
  for (;;) {
    const already = takers.reduce((sum, slot) => sum + (busy[slot] ?? 0), 0);
    const height = (length + already) / takers.length;
    const able = takers.filter((slot) => height - (busy[slot] ?? 0) >= SHORTEST_SECONDS / 2);
    if (able.length === takers.length || able.length === 0) {
      return busy.map((time, slot) => (takers.includes(slot) ? height - time : 0));
    }
    takers = able;
  }
}

function whole(reason: string): Division {
  return { status: "whole", reason };
}
