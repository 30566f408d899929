/** Which bytes of a source a chunk is made of: from the key frame before it to the last packet that a decoder asks for. Pure. */
import type { ByteSpan } from "./contract.ts";
import type { PacketPlaces } from "./grid.ts";

/**
 * Packets that are read beyond the last that is shown: a decoder holds back as many as it reorders, and one for each of
 * its threads. Too few cost a request or two, too many their bytes at the end of each chunk.
 */
const AHEAD = 16;

/** What is read for a chunk, in the source's ticks. */
export interface ReadTimes {
  /** The key frame that reading begins at; null is the file's beginning. */
  readonly seek: number | null;
  /** All that is shown before it is needed; null is all. Chunk by chunk it only grows. */
  readonly until: number | null;
}

/** Of each chunk, in their order. */
export function readsOf(packets: PacketPlaces, chunks: readonly ReadTimes[]): readonly ByteSpan[] {
  const count = packets.times.length;
  const ends = running(packets.ends, Math.max);
  const begins = running(packets.begins, Math.min, "from the last");
  const needed = neededBefore(packets.times, chunks);
  const keys = placesIn(packets.times, new Set(chunks.map(({ seek }) => seek)));
  return chunks.map(({ seek, until }, at) => {
    const first = seek === null ? undefined : keys.get(seek);
    const last = until === null ? count - 1 : Math.min(count - 1, (needed[at] ?? 0) - 1 + AHEAD);
    return { from: first === undefined ? 0 : (begins[first] ?? 0), to: ends[last] ?? 0 };
  });
}

/** How many packets, in the order of decoding, hold all that is shown before each chunk's `until`. */
function neededBefore(times: ArrayLike<number>, chunks: readonly ReadTimes[]): readonly number[] {
  const untils = chunks.map(({ until }) => until ?? Number.POSITIVE_INFINITY);
  const needed = untils.map(() => 0);
  for (let at = 0; at < times.length; at++) {
    const chunk = firstBeyond(untils, times[at] ?? 0);
    if (chunk < needed.length) needed[chunk] = at + 1;
  }
  return running(needed, Math.max);
}

function firstBeyond(untils: readonly number[], time: number): number {
  let [low, high] = [0, untils.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((untils[middle] ?? 0) <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Where in a list the first of each of some values is. */
function placesIn(list: ArrayLike<number>, values: ReadonlySet<number | null>) {
  const places = new Map<number, number>();
  for (let at = 0; at < list.length; at++) {
    const value = list[at] ?? 0;
    if (values.has(value) && !places.has(value)) places.set(value, at);
  }
  return places;
}

/** At each place, the greatest (or least) of all up to it, or of all from it on. */
function running(
  list: ArrayLike<number>,
  choose: (a: number, b: number) => number,
  order?: "from the last",
): number[] {
  const chosen = Array.from(list);
  const step = order === undefined ? 1 : -1;
  let at = order === undefined ? 0 : chosen.length - 1;
  let best = chosen[at] ?? 0;
  for (; at >= 0 && at < chosen.length; at += step) {
    best = choose(best, chosen[at] ?? best);
    chosen[at] = best;
  }
  return chosen;
}
