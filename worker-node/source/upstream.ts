/** Where the bytes of an input come from: the edge, somebody's web server, or a file staged from one. */

/** Why a source cannot be read (any more), ready to be reported as SOURCE_UNAVAILABLE. */
export interface SourceFailure {
  readonly detail: string;
  readonly retryable: boolean;
}

/** Thrown by `Upstream.read`; a stream has no other way to end early. */
export class SourceError extends Error {
  override readonly name = "SourceError";
  readonly failure: SourceFailure;

  constructor(failure: SourceFailure) {
    super(failure.detail);
    this.failure = failure;
  }
}

export interface Upstream {
  readonly sizeBytes: number;
  readonly contentType: string;
  /**
   * Bytes `offset` to `offset + length - 1`, all of them and in order. Passing trouble is waited out inside.
   *
   * @throws SourceError when the source is not to be had.
   */
  read(offset: number, length: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
  /** Somebody waits for its bytes right now: whoever reads no further meanwhile is not stalled. */
  isAwaited(): boolean;
}
