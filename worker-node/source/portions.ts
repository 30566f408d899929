/**
 * How much one answer holds for a reader of which it is known what it will need. ffmpeg asks for everything from here to
 * the end, and takes far more than it reads: what is ahead of it in the buffers of two sockets are some megabytes. So
 * an answer ends where the reader is expected to, and elsewhere after little; one that needs more asks again from
 * there on, and gets twice as much each time. However wrong the expectation is, less than as much again as was needed
 * is given in vain, after a few requests. Pure.
 */
import type { ByteSpan } from "../../protocol/chunks/contract.ts";

/** One for each reader: it knows what it cut short last. */
export interface Portions {
  /** Where an answer ends that was asked for `start` to `end - 1`: after `start`, and not after `end`. */
  next(start: number, end: number): number;
}

/** @param expected may be any numbers. Answers end where blocks do, because nothing less is fetched. */
export function createPortions(expected: ByteSpan, blockBytes: number): Portions {
  const from = blockAt(expected.from, blockBytes);
  const to = blockAt(expected.to + blockBytes - 1, blockBytes);
  let cutAt = -1;
  let blocks = 1;
  return {
    next(start, end) {
      if (start !== cutAt) blocks = 1;
      const enough = blockAt(start, blockBytes) + blocks * blockBytes;
      // A reader that is given the beginning of what is expected of it goes on to its end.
      const isExpected = start < to && enough > from;
      const stop = Math.min(end, isExpected ? Math.max(to, enough) : enough);
      cutAt = stop;
      blocks = isExpected ? 1 : blocks * 2;
      return stop;
    },
  };
}

function blockAt(position: number, blockBytes: number): number {
  return Math.floor(position / blockBytes) * blockBytes;
}
