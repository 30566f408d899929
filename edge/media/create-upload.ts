/** Opens an upload in parts: the store's multipart upload, and the rows that remember it. */
import { type SourceExtension, sourceExtensions } from "../../protocol/media.ts";
import { insertUpload, type UploadRow } from "../catalogue/uploads.ts";
import { newId } from "../ids.ts";
import type { FreeDeps } from "./free-upload.ts";
import { sourceKey } from "./keys.ts";
import { planAppends, planParts } from "./part-plan.ts";

/** Long enough to go on tomorrow; R2 itself gives up multipart uploads after seven days. */
export const UPLOAD_TTL_MS = 24 * 3600 * 1000;

export interface NewUpload {
  readonly accountId: string;
  /** Made safe already, with this extension. */
  readonly filename: string;
  readonly extension: SourceExtension;
  readonly size: number;
  readonly mode: "proxied" | "direct";
  /** Whether its bytes come as one stream, request after request, in place of parts. */
  readonly isAppended?: boolean;
  /** The client's own, as JSON. */
  readonly metadata: string | null;
}

/** Opens the upload; where its rows cannot be written, the store's side is closed again. */
export async function createUpload(deps: FreeDeps, wanted: NewUpload): Promise<UploadRow> {
  const now = deps.now();
  const { accountId, filename, size } = wanted;
  const videoId = newId("video", now);
  const key = sourceKey(accountId, videoId);
  const contentType = sourceExtensions[wanted.extension];
  const { uploadId: storeUploadId } = await deps.store.createMultipart(key, contentType);
  const common = { accountId, filename, size, createdAt: now };
  const upload: UploadRow = {
    ...common,
    id: newId("upload", now),
    videoId,
    storeUploadId,
    partSize: (wanted.isAppended ? planAppends(size) : planParts(size)).partSize,
    mode: wanted.mode,
    state: "open",
    claimedAt: null,
    rejection: null,
    metadata: wanted.metadata,
    received: 0,
    tail: null,
    writer: null,
    expiresAt: now + UPLOAD_TTL_MS,
  };
  try {
    await insertUpload(deps.db, upload, {
      ...common,
      id: videoId,
      contentType,
      state: "uploading",
      key,
      etag: null,
      metadata: null,
    });
  } catch (error) {
    await deps.store.abortMultipart(key, storeUploadId);
    throw error;
  }
  return upload;
}
