/** Stores a stream of unknown length: a single put while it is small, a multipart upload once it is not. */
import { MAX_PARTS, MIN_PART_BYTES } from "./part-plan.ts";
import type { Store, StoredObject, UploadedPart } from "./store.ts";

/** Refused by `inspect`, or too long; nothing is stored. */
export type StreamResult<Refusal> =
  | { readonly status: "ok"; readonly object: Pick<StoredObject, "key" | "etag" | "size"> }
  | { readonly status: "refused"; readonly refusal: Refusal };

export interface StreamOptions<Refusal> {
  readonly key: string;
  readonly contentType: string;
  /** Looks at the first bytes (all of a small file, else at least one part) before anything is stored. */
  inspect(head: Uint8Array, isWhole: boolean): Refusal | null;
  /** Looks at the bytes seen so far, as they grow. */
  measure(seenBytes: number): Refusal | null;
  /** Told before the first part is sent, so that a crash leaves no upload that nobody knows. */
  onMultipart(uploadId: string): Promise<void>;
}

/** One part is held in memory at a time. */
const PART_BYTES = Math.max(8 * 1024 * 1024, MIN_PART_BYTES);

/**
 * Reads `chunks` to the end and stores them. What it throws is the source's own failure or the store's; the
 * multipart upload has been aborted by then.
 */
export async function storeStream<Refusal>(
  store: Store,
  chunks: AsyncIterable<Uint8Array>,
  options: StreamOptions<Refusal>,
): Promise<StreamResult<Refusal>> {
  const { key, contentType } = options;
  let uploadId: string | null = null;
  const parts: UploadedPart[] = [];
  let size = 0;
  try {
    for await (const { bytes, isLast } of inParts(chunks)) {
      size += bytes.byteLength;
      const refusal =
        options.measure(size) ??
        (size === bytes.byteLength ? options.inspect(bytes, isLast) : null);
      if (refusal !== null) return { status: "refused", refusal };
      if (isLast && uploadId === null) {
        const put = await store.put(key, bytes, { size, contentType });
        if (put.status !== "ok") throw new Error(`Storing ${key} answered ${put.status}.`);
        return { status: "ok", object: { key, size, etag: put.etag } };
      }
      if (uploadId === null) {
        ({ uploadId } = await store.createMultipart(key, contentType));
        await options.onMultipart(uploadId);
      }
      const partNumber = parts.length + 1;
      if (partNumber > MAX_PARTS) throw new Error(`${key} has more than ${MAX_PARTS} parts.`);
      const put = await store.putPart(key, uploadId, partNumber, bytes, bytes.byteLength);
      if (put.status !== "ok") throw new Error(`Part ${partNumber} of ${key}: ${put.status}.`);
      parts.push({ partNumber, etag: put.etag });
    }
    const done = await store.completeMultipart(key, uploadId ?? "", parts);
    if (done.status !== "ok") throw new Error(`Completing ${key} answered ${done.status}.`);
    uploadId = null;
    return { status: "ok", object: done.object };
  } finally {
    if (uploadId !== null) await store.abortMultipart(key, uploadId);
  }
}

/** The stream cut into equal parts; the last may be shorter, and is empty only for an empty stream. */
async function* inParts(
  chunks: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly bytes: Uint8Array; readonly isLast: boolean }> {
  let part = new Uint8Array(0);
  let filled = 0;
  for await (const chunk of chunks) {
    for (let at = 0; at < chunk.byteLength; ) {
      if (filled === PART_BYTES) {
        yield { bytes: part, isLast: false };
        filled = 0;
      }
      part = withRoom(part, filled, filled + chunk.byteLength - at);
      const taken = chunk.subarray(at, at + PART_BYTES - filled);
      part.set(taken, filled);
      filled += taken.byteLength;
      at += taken.byteLength;
    }
  }
  yield { bytes: part.subarray(0, filled), isLast: true };
}

/** Grows by doubling: most streams are far smaller than a part. */
function withRoom(part: Uint8Array<ArrayBuffer>, filled: number, wanted: number) {
  const needed = Math.min(wanted, PART_BYTES);
  if (part.byteLength >= needed) return part;
  const grown = new Uint8Array(Math.min(PART_BYTES, Math.max(needed, part.byteLength * 2)));
  grown.set(part.subarray(0, filled));
  return grown;
}
