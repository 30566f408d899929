/** One part of a proxied upload, streamed to the store and recorded once that has it all. */
import { recordPart, type UploadRow } from "../catalogue/uploads.ts";
import { type ExactStream, exactly } from "./exact-stream.ts";
import type { FreeDeps } from "./free-upload.ts";
import { sourceKey } from "./keys.ts";
import { sizeOfPart } from "./part-plan.ts";

export interface IncomingPart {
  readonly partNumber: number;
  /** Null for a request without a body. */
  readonly body: ReadableStream<Uint8Array> | null;
  /** `Content-Length`, which HTTP's framing enforces; null for a chunked body. */
  readonly declaredBytes: number | null;
  /** What the sender says that they are, lower-case hex; null where it does not. */
  readonly sha256: string | null;
}

export type PartReceived =
  | { readonly status: "ok"; readonly etag: string; readonly size: number }
  | { readonly status: "wrong_size"; readonly expected: number }
  | { readonly status: "wrong_digest" }
  /** The upload ended while the part arrived. */
  | { readonly status: "gone" };

/** Stores a part. One of another size than the plan's, or not what it says it is, changes nothing: a good one stays. */
export async function receivePart(
  deps: FreeDeps,
  upload: UploadRow,
  part: IncomingPart,
): Promise<PartReceived> {
  const { partNumber, body, declaredBytes, sha256 } = part;
  const size = sizeOfPart(upload, partNumber);
  if (body === null || (declaredBytes !== null && declaredBytes !== size)) {
    return { status: "wrong_size", expected: size };
  }
  const startedAt = deps.now();
  const key = sourceKey(upload.accountId, upload.videoId);
  const store = (bytes: ReadableStream<Uint8Array>) =>
    deps.store.putPart(key, upload.storeUploadId ?? "", partNumber, bytes, size);
  // HTTP itself holds a body to its declared length; one of unknown length is measured as it passes.
  const isAsSaid = declaredBytes !== null && sha256 === null;
  const put = await (isAsSaid ? store(body) : putExactly(body, exactly(size, sha256), store));
  if (put.status === "wrong_digest") return put;
  if (put.status === "wrong_size") return { status: "wrong_size", expected: size };
  if (put.status === "no_upload") return { status: "gone" };
  const { etag } = put;
  const recorded = await recordPart(deps.db, {
    uploadId: upload.id,
    partNumber,
    etag,
    size,
    startedAt,
    now: deps.now(),
  });
  return recorded ? { status: "ok", etag, size } : { status: "gone" };
}

type PutPart = ReturnType<FreeDeps["store"]["putPart"]>;

async function putExactly(
  body: ReadableStream<Uint8Array>,
  exact: ExactStream,
  put: (bytes: ReadableStream<Uint8Array>) => PutPart,
): Promise<Awaited<PutPart> | { readonly status: "wrong_digest" }> {
  try {
    return await put(body.pipeThrough(exact.stream));
  } catch (error) {
    const fault = exact.fault();
    if (fault !== null) return { status: fault };
    throw error;
  }
}
