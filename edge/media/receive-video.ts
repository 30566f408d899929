/** A video that arrives whole, in one request, its length perhaps unknown until the end. */
import { type SourceExtension, sourceExtensions } from "../../protocol/media.ts";
import {
  insertUpload,
  publishStreamed,
  setStoreUpload,
  type UploadRow,
} from "../catalogue/uploads.ts";
import type { VideoRow } from "../catalogue/videos.ts";
import { newId } from "../ids.ts";
import { freeUpload } from "./free-upload.ts";
import { probeHead } from "./head-probe.ts";
import { sourceKey } from "./keys.ts";
import { fileTooLarge } from "./limits.ts";
import { checkMagic, MAGIC_BYTES } from "./magic-bytes.ts";
import type { UploadDeps } from "./settle-upload.ts";
import { storeStream } from "./store-stream.ts";

export interface IncomingVideo {
  readonly accountId: string;
  /** Made safe already, with this extension. */
  readonly filename: string;
  readonly extension: SourceExtension;
  readonly bytes: AsyncIterable<Uint8Array>;
}

export interface VideoRefusal {
  readonly code: "VALIDATION_ERROR" | "UNSUPPORTED_FORMAT" | "FILE_TOO_LARGE";
  readonly detail: string;
}

export type Received =
  | { readonly status: "ready"; readonly video: VideoRow }
  | { readonly status: "refused"; readonly refusal: VideoRefusal }
  /** The video was deleted while it arrived. */
  | { readonly status: "gone" };

/** A request lasts minutes at most: rows that are older were left by a crash. */
const STREAM_TTL_MS = 24 * 3600 * 1000;

/**
 * Stores a video as it arrives. Its rows are written first and freed again on any failure, so that neither a
 * crash nor a client that goes away leaves bytes that nobody knows of.
 */
export async function receiveVideo(deps: UploadDeps, incoming: IncomingVideo): Promise<Received> {
  const { upload, video } = rowsOf(incoming, deps.now());
  await insertUpload(deps.db, upload, video);
  let known = upload;
  try {
    const stored = await storeStream(deps.store, incoming.bytes, {
      key: video.key,
      contentType: video.contentType,
      inspect: (head, isWhole) => inspectHead(incoming.extension, head, isWhole),
      measure: (seenBytes) => tooLarge(seenBytes, deps.settings),
      async onMultipart(storeUploadId) {
        await setStoreUpload(deps.db, upload.id, storeUploadId);
        known = { ...upload, storeUploadId };
      },
    });
    if (stored.status === "refused") {
      await freeUpload(deps, known);
      return stored;
    }
    const { size, etag } = stored.object;
    const metadata = await probeHead(deps.store, stored.object, incoming.extension);
    const published = await publishStreamed(deps.db, upload, { size, etag, metadata });
    if (published !== null) return { status: "ready", video: published };
    await freeUpload(deps, known);
    return { status: "gone" };
  } catch (error) {
    await freeUpload(deps, known);
    throw error;
  }
}

function rowsOf(
  incoming: IncomingVideo,
  now: number,
): { readonly upload: UploadRow; readonly video: VideoRow } {
  const { accountId, filename } = incoming;
  const videoId = newId("video", now);
  const common = { accountId, filename, size: 0, metadata: null, createdAt: now };
  return {
    video: {
      ...common,
      id: videoId,
      contentType: sourceExtensions[incoming.extension],
      state: "uploading",
      key: sourceKey(accountId, videoId),
      etag: null,
    },
    upload: {
      ...common,
      id: newId("upload", now),
      videoId,
      storeUploadId: null,
      partSize: 0,
      mode: "streamed",
      state: "open",
      claimedAt: null,
      rejection: null,
      received: 0,
      tail: null,
      writer: null,
      expiresAt: now + STREAM_TTL_MS,
    },
  };
}

/** A whole file's length bounds what its boxes may claim; of a longer one the length is not known yet. */
function inspectHead(
  extension: SourceExtension,
  head: Uint8Array,
  isWhole: boolean,
): VideoRefusal | null {
  if (head.byteLength === 0) return { code: "VALIDATION_ERROR", detail: "The file is empty." };
  const sizeBytes = isWhole ? head.byteLength : Number.MAX_SAFE_INTEGER;
  const magic = checkMagic(extension, head.subarray(0, MAGIC_BYTES), sizeBytes);
  return magic.status === "ok" ? null : { code: "UNSUPPORTED_FORMAT", detail: magic.detail };
}

function tooLarge(
  seenBytes: number,
  settings: { readonly maxFileSizeMb: number },
): VideoRefusal | null {
  const detail = fileTooLarge(seenBytes, settings);
  return detail === null ? null : { code: "FILE_TOO_LARGE", detail };
}
