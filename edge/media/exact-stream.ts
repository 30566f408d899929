/** Lets a stream end well only after exactly so many bytes, and only after the right ones where their digest is known. */
import { startSha256 } from "./sha256-stream.ts";

export interface ExactStream {
  readonly stream: TransformStream<Uint8Array, Uint8Array>;
  /** Why it broke; null where it did not, or something else broke it. */
  fault(): "wrong_size" | "wrong_digest" | null;
}

/**
 * A transform that passes `size` bytes and errors with any other number, or whose SHA-256 (lower-case hex) is another. It
 * holds the newest chunk back until it knows what follows: a store that takes a fixed length is done at that length, and
 * would otherwise keep the first bytes of a stream that is too long, or bytes that turn out to be wrong.
 */
export function exactly(size: number, sha256: string | null = null): ExactStream {
  const digest = sha256 === null ? null : startSha256();
  let held: Uint8Array | null = null;
  let seen = 0;
  let fault: ReturnType<ExactStream["fault"]> = null;
  const check = (fits: boolean, otherwise: "wrong_size" | "wrong_digest"): void => {
    if (fits) return;
    fault = otherwise;
    throw new Error(`The stream is not the ${size} bytes that were announced: ${otherwise}.`);
  };
  return {
    fault: () => fault,
    stream: new TransformStream<Uint8Array, Uint8Array>({
      async transform(chunk, controller) {
        seen += chunk.byteLength;
        check(seen <= size, "wrong_size");
        if (chunk.byteLength === 0) return;
        await digest?.add(chunk);
        if (held !== null) controller.enqueue(held);
        held = chunk;
      },
      async flush(controller) {
        check(seen === size, "wrong_size");
        if (digest !== null) check((await digest.end()) === sha256, "wrong_digest");
        if (held !== null) controller.enqueue(held);
      },
    }),
  };
}
