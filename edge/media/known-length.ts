/**
 * Object stores want to know a stream's length beforehand. A `FixedLengthStream` tells them and holds the
 * stream to it, so that bytes pass through without ever being in memory whole.
 */

export type Bytes = ReadableStream<Uint8Array> | Uint8Array;

export type Written<T> =
  | { readonly status: "ok"; readonly value: T }
  /** The stream held more or fewer bytes than announced; the write has failed. */
  | { readonly status: "wrong_size" }
  | { readonly status: "failed"; readonly error: unknown };

/** Runs `write` on `body`, which must hold exactly `size` bytes. */
export async function withKnownLength<T>(
  body: Bytes,
  size: number,
  write: (bytes: Bytes) => Promise<T>,
): Promise<Written<T>> {
  if (body instanceof Uint8Array) {
    if (body.byteLength !== size) return { status: "wrong_size" };
    return settle(write(body));
  }
  const fixed = new FixedLengthStream(size);
  const stop = new AbortController();
  const piped = body.pipeTo(fixed.writable, { signal: stop.signal }).then(
    () => null,
    (error: unknown) => error,
  );
  const written = await settle(write(fixed.readable));
  // Answered before all bytes were read: nothing else would end the pipe.
  stop.abort();
  // One byte too many breaks the pipe, one too few only the reader's end.
  const pipeError = await piped;
  return written.status === "failed" && (isLengthError(pipeError) || isLengthError(written.error))
    ? { status: "wrong_size" }
    : written;
}

async function settle<T>(promise: Promise<T>): Promise<Written<T>> {
  try {
    return { status: "ok", value: await promise };
  } catch (error) {
    return { status: "failed", error };
  }
}

/** workerd throws a plain TypeError whose message names the class. */
function isLengthError(error: unknown): boolean {
  return error instanceof TypeError && error.message.includes("FixedLengthStream");
}
