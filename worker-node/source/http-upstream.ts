/** A source behind HTTP ranges, read through every passing trouble: resets, restarts, 5xx, expired grants. */
import type { Readable } from "node:stream";
import { requestDelayMs } from "../backoff.ts";
import { describeError } from "../http.ts";
import { pause } from "../pause.ts";
import { SourceError, type SourceFailure, type Upstream } from "./upstream.ts";

/** Answer to one try at a range. */
export type RangeAnswer =
  /** `body` begins at the first byte asked for, and may be longer or shorter than what was asked. */
  | { readonly status: "ok"; readonly body: Readable }
  | { readonly status: "transient"; readonly detail: string }
  | ({ readonly status: "failed" } & SourceFailure)
  | { readonly status: "aborted" };

export interface HttpUpstreamOptions {
  readonly sizeBytes: number;
  readonly contentType: string;
  /** Asks once for bytes `start` to `end`, both included. */
  readonly open: (start: number, end: number, signal: AbortSignal) => Promise<RangeAnswer>;
  /** A source that gives no byte for this long is given up. */
  readonly patienceMs: number;
  readonly random?: () => number;
}

export function httpUpstream(options: HttpUpstreamOptions): Upstream {
  let awaited = 0;
  return {
    sizeBytes: options.sizeBytes,
    contentType: options.contentType,
    isAwaited: () => awaited > 0,
    async *read(offset, length, signal) {
      awaited += 1;
      try {
        for await (const chunk of readThrough(options, offset, offset + length, signal)) {
          awaited -= 1;
          try {
            yield chunk;
          } finally {
            awaited += 1;
          }
        }
      } finally {
        awaited -= 1;
      }
    },
  };
}

/** Tries until every byte has come, going on after the last one that did. */
async function* readThrough(
  options: HttpUpstreamOptions,
  start: number,
  end: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const random = options.random ?? Math.random;
  let position = start;
  let failures = 0;
  let movedAt = performance.now();
  while (position < end) {
    const answer = await options.open(position, end - 1, signal);
    const before = position;
    let trouble = "the source ended early";
    if (answer.status === "failed") {
      throw new SourceError({ detail: answer.detail, retryable: answer.retryable });
    }
    if (answer.status === "transient") trouble = answer.detail;
    if (answer.status === "ok") {
      try {
        for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
          const wanted = chunk.subarray(0, end - position);
          position += wanted.length;
          yield wanted;
          if (position === end) return;
        }
      } catch (error) {
        trouble = describeError(error);
      } finally {
        answer.body.destroy();
      }
    }
    signal.throwIfAborted();
    if (position > before) {
      failures = 0;
      movedAt = performance.now();
    }
    if (performance.now() - movedAt > options.patienceMs) {
      throw new SourceError({ detail: trouble, retryable: true });
    }
    await pause(requestDelayMs(failures, random()), signal);
    failures += 1;
    signal.throwIfAborted();
  }
}
