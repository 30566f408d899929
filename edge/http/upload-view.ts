/** Uploads and videos as clients see them. */
import type { CreatedUpload, Upload } from "../../protocol/http/uploads.ts";
import type { Video } from "../../protocol/http/videos.ts";
import { isId } from "../../protocol/ids.ts";
import { videoMetadataSchema } from "../../protocol/media.ts";
import { type RecordedPart, rejectionOf, type UploadRow } from "../catalogue/uploads.ts";
import type { VideoRow } from "../catalogue/videos.ts";
import { partCountOf } from "../media/part-plan.ts";
import { isoTime } from "./time.ts";

/** Renders a video. */
export function videoView(row: VideoRow): Video {
  return {
    videoId: videoIdOf(row.id),
    filename: row.filename,
    size: row.size,
    contentType: row.contentType,
    state: row.state,
    metadata: row.metadata === null ? null : videoMetadataSchema.parse(JSON.parse(row.metadata)),
    createdAt: isoTime(row.createdAt),
  };
}

/** Renders what a client needs to begin sending. */
export function createdUploadView(row: UploadRow): CreatedUpload {
  if (!isId("upload", row.id)) throw new Error(`The catalogue holds an upload id '${row.id}'.`);
  if (row.mode === "streamed") throw new Error(`Upload ${row.id} is no client's.`);
  return {
    uploadId: row.id,
    videoId: videoIdOf(row.videoId),
    partSize: row.partSize,
    partCount: partCountOf(row),
    mode: row.mode,
    expiresAt: isoTime(row.expiresAt),
  };
}

/** Renders what a client needs to go on sending. */
export function uploadView(row: UploadRow, parts: readonly RecordedPart[]): Upload {
  const metadata: unknown = row.metadata === null ? null : JSON.parse(row.metadata);
  return {
    ...createdUploadView(row),
    state: row.state,
    filename: row.filename,
    size: row.size,
    parts: parts.map(({ partNumber, etag, size }) => ({ partNumber, etag, size })),
    metadata: typeof metadata === "object" && metadata !== null ? { ...metadata } : null,
    rejection: rejectionOf(row),
    createdAt: isoTime(row.createdAt),
  };
}

function videoIdOf(id: string) {
  if (!isId("video", id)) throw new Error(`The catalogue holds a video id '${id}'.`);
  return id;
}
