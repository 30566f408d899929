/**
 * The store port: what Telecine asks of object storage. Two adapters, the R2 binding (`r2-store.ts`) and any
 * S3 API (`s3-store.ts`), pass one conformance suite. ETags are without quotes.
 */

export interface StoredObject {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly contentType: string | null;
  /** Lower-case hex, where the store was given one; multipart objects have none. */
  readonly sha256: string | null;
}

/** Bytes `offset` to `offset + length - 1`. Parsed and bounded by the caller: the local R2 ignores bad ones. */
export interface ByteRange {
  readonly offset: number;
  readonly length: number;
}

export interface UploadedPart {
  readonly partNumber: number;
  readonly etag: string;
}

export interface Store {
  head(key: string): Promise<StoredObject | null>;
  /** `etag` pins the read: null when the object is not that one any more. */
  get(
    key: string,
    options?: { readonly range?: ByteRange; readonly etag?: string },
  ): Promise<{ readonly object: StoredObject; readonly body: ReadableStream<Uint8Array> } | null>;
  /**
   * One write of `size` bytes, streamed. `wrong_size`: the stream ended early or overran, and nothing is stored
   * (over S3 an early end throws: there it is a broken connection). A store takes `size` bytes and is done, so
   * a stream that no Content-Length bounds goes through `exactly` (`exact-stream.ts`) first. `exists` (with
   * `onlyIfAbsent`) leaves what is there untouched.
   */
  put(
    key: string,
    body: ReadableStream<Uint8Array> | Uint8Array,
    options: {
      readonly size: number;
      readonly contentType: string;
      readonly onlyIfAbsent?: boolean;
      /** Lower-case hex; the store refuses other bytes. */
      readonly sha256?: string;
    },
  ): Promise<
    | { readonly status: "ok"; readonly etag: string }
    | { readonly status: "exists" }
    | { readonly status: "checksum_mismatch" }
    | { readonly status: "wrong_size" }
  >;
  createMultipart(key: string, contentType: string): Promise<{ readonly uploadId: string }>;
  putPart(
    key: string,
    uploadId: string,
    partNumber: number,
    body: ReadableStream<Uint8Array> | Uint8Array,
    size: number,
  ): Promise<
    | { readonly status: "ok"; readonly etag: string }
    | { readonly status: "no_upload" }
    | { readonly status: "wrong_size" }
  >;
  /** Idempotent where it can be: completing a completed upload answers `no_upload`; head and compare then. */
  completeMultipart(
    key: string,
    uploadId: string,
    parts: readonly UploadedPart[],
  ): Promise<
    | { readonly status: "ok"; readonly object: StoredObject }
    | { readonly status: "bad_parts"; readonly detail: string }
    | { readonly status: "no_upload" }
  >;
  /** Frees the parts; an unknown upload is no error. */
  abortMultipart(key: string, uploadId: string): Promise<void>;
  /** At most 1,000 keys; missing ones are no error. */
  delete(keys: readonly string[]): Promise<void>;
  /** In key order, a page at a time; `contentType` and `sha256` are null here. */
  list(
    prefix: string,
    cursor?: string,
  ): Promise<{ readonly objects: readonly StoredObject[]; readonly cursor: string | null }>;
}
