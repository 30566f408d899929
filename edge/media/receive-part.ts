/** One part of a proxied upload, streamed to the store and recorded once that has it all. */
import { recordPart, type UploadRow } from "../catalogue/uploads.ts";
import { exactly } from "./exact-stream.ts";
import type { FreeDeps } from "./free-upload.ts";
import { sourceKey } from "./keys.ts";
import { sizeOfPart } from "./part-plan.ts";

export interface IncomingPart {
  readonly partNumber: number;
  /** Null for a request without a body. */
  readonly body: ReadableStream<Uint8Array> | null;
  /** `Content-Length`, which HTTP's framing enforces; null for a chunked body. */
  readonly declaredBytes: number | null;
}

export type PartReceived =
  | { readonly status: "ok"; readonly etag: string; readonly size: number }
  | { readonly status: "wrong_size"; readonly expected: number }
  /** The upload ended while the part arrived. */
  | { readonly status: "gone" };

/** Stores a part. One of another size than the plan's changes nothing: an earlier good one stays. */
export async function receivePart(
  deps: FreeDeps,
  upload: UploadRow,
  part: IncomingPart,
): Promise<PartReceived> {
  const { partNumber, body, declaredBytes } = part;
  const size = sizeOfPart(upload, partNumber);
  if (body === null || (declaredBytes !== null && declaredBytes !== size)) {
    return { status: "wrong_size", expected: size };
  }
  const startedAt = deps.now();
  const key = sourceKey(upload.accountId, upload.videoId);
  const put = await putExactly(body, declaredBytes, size, (bytes) =>
    deps.store.putPart(key, upload.storeUploadId ?? "", partNumber, bytes, size),
  );
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

/** HTTP itself holds a body to its declared length; one of unknown length is measured as it passes. */
async function putExactly(
  body: ReadableStream<Uint8Array>,
  declaredBytes: number | null,
  size: number,
  put: (bytes: ReadableStream<Uint8Array>) => PutPart,
): PutPart {
  if (declaredBytes !== null) return put(body);
  const sized = exactly(size);
  try {
    return await put(body.pipeThrough(sized.stream));
  } catch (error) {
    if (sized.isWrongSize()) return { status: "wrong_size" };
    throw error;
  }
}
