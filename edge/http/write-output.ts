/** An output written whole by an agent: once, and the same again when an answer was lost on the way. */
import { toHex } from "../hex.ts";
import type { Store, StoredObject } from "../media/store.ts";
import { ApiError } from "./errors.ts";

export interface OutputWrite {
  readonly key: string;
  readonly filename: string;
  readonly body: ReadableStream<Uint8Array>;
  readonly sizeBytes: number;
  readonly contentType: string;
  /** Lower-case hex, from `Content-Digest`; the store refuses other bytes. */
  readonly sha256: string | null;
}

/**
 * Writes the output and gives its ETag. Bytes that are there already stay: the same ones again succeed, so
 * that an agent may repeat a PUT, others are PRECONDITION_FAILED.
 */
export async function writeOutput(store: Store, write: OutputWrite): Promise<{ etag: string }> {
  const earlier = await store.head(write.key);
  if (earlier !== null) return acceptRepeat(earlier, write);
  const written = await store.put(write.key, write.body, {
    size: write.sizeBytes,
    contentType: write.contentType,
    onlyIfAbsent: true,
    ...(write.sha256 === null ? {} : { sha256: write.sha256 }),
  });
  switch (written.status) {
    case "ok":
      return { etag: written.etag };
    case "exists":
      // Another PUT came first, perhaps this one's own earlier try. The body is spent: the next try compares.
      throw new ApiError(
        "ENGINE_ERROR",
        `'${write.filename}' is being written; repeat the request.`,
      );
    case "wrong_size":
      throw new ApiError(
        "VALIDATION_ERROR",
        `The body does not have the ${write.sizeBytes} bytes of its Content-Length.`,
      );
    case "checksum_mismatch":
      throw new ApiError(
        "VALIDATION_ERROR",
        "The body does not have the SHA-256 of Content-Digest.",
      );
  }
}

async function acceptRepeat(earlier: StoredObject, write: OutputWrite): Promise<{ etag: string }> {
  if (earlier.size === write.sizeBytes && (await holdsSameBytes(earlier, write))) {
    return { etag: earlier.etag };
  }
  throw new ApiError(
    "PRECONDITION_FAILED",
    `'${write.filename}' was written already, with other bytes; an output is written once.`,
  );
}

/** By SHA-256 where both are known; else by MD5, which is the ETag of an object written whole. */
async function holdsSameBytes(earlier: StoredObject, write: OutputWrite): Promise<boolean> {
  if (earlier.sha256 !== null && write.sha256 !== null) return earlier.sha256 === write.sha256;
  const digest = new crypto.DigestStream("MD5");
  await write.body.pipeTo(digest);
  return toHex(await digest.digest) === earlier.etag;
}
