/** Pieces of several sources, read as if they were one. */
import type { Upstream } from "./upstream.ts";

export interface Piece {
  readonly upstream: Upstream;
  /** Of its bytes, those from `offset` on, `length` of them. */
  readonly offset: number;
  readonly length: number;
}

/** The pieces in this order, one after the other. */
export function joinedUpstream(pieces: readonly Piece[], contentType: string): Upstream {
  const sizeBytes = pieces.reduce((sum, { length }) => sum + length, 0);
  return {
    sizeBytes,
    contentType,
    isAwaited: () => pieces.some(({ upstream }) => upstream.isAwaited()),
    async *read(offset, length, signal) {
      let begin = 0;
      for (const piece of pieces) {
        const from = Math.max(offset, begin);
        const to = Math.min(offset + length, begin + piece.length);
        if (from < to) {
          yield* piece.upstream.read(piece.offset + from - begin, to - from, signal);
        }
        begin += piece.length;
        if (begin >= offset + length) return;
      }
    },
  };
}
