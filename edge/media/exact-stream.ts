/** Lets a stream end well only after exactly so many bytes. */

export interface ExactStream {
  readonly stream: TransformStream<Uint8Array, Uint8Array>;
  /** Whether it broke because the number of bytes was another. */
  isWrongSize(): boolean;
}

/**
 * A transform that passes `size` bytes and errors with any other number. It holds the newest chunk back until it
 * knows what follows: a store that takes a fixed length is done at that length, and would otherwise keep the
 * first bytes of a stream that is too long.
 */
export function exactly(size: number): ExactStream {
  let held: Uint8Array | null = null;
  let seen = 0;
  let wrong = false;
  const check = (fits: boolean): void => {
    if (fits) return;
    wrong = true;
    throw new Error(`The stream does not have exactly ${size} bytes.`);
  };
  return {
    isWrongSize: () => wrong,
    stream: new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        seen += chunk.byteLength;
        check(seen <= size);
        if (chunk.byteLength === 0) return;
        if (held !== null) controller.enqueue(held);
        held = chunk;
      },
      flush(controller) {
        check(seen === size);
        if (held !== null) controller.enqueue(held);
      },
    }),
  };
}
