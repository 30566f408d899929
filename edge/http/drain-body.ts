/** Refusing a request whose body is still on its way. */

/** What a client may still send after its refusal is decided; beyond that the connection is cut. */
const MAX_DRAINED_BYTES = 100_000_000;

/**
 * Runs `answer`; where it refuses (throws), reads the rest of the body first. The runtime closes a connection
 * whose body was not read, and many clients then report the broken pipe and never see the answer.
 */
export async function drained<T>(
  body: ReadableStream<Uint8Array> | null,
  answer: () => Promise<T>,
): Promise<T> {
  try {
    return await answer();
  } catch (error) {
    if (body !== null && !body.locked) await drain(body);
    throw error;
  }
}

async function drain(body: ReadableStream<Uint8Array>): Promise<void> {
  let seen = 0;
  try {
    for await (const chunk of body) {
      seen += chunk.byteLength;
      if (seen > MAX_DRAINED_BYTES) return;
    }
  } catch {
    // The client is gone: there is nobody to answer.
  }
}
