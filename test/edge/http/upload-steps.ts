/** The steps that tests of uploads share, each one request to the app. */
import type { CreatedUpload, UploadedPart } from "../../../protocol/http/uploads.ts";
import type { Video } from "../../../protocol/http/videos.ts";
import { clip, padded } from "../media/clips.ts";
import { type CallOptions, call } from "./harness.ts";

/** 8 MiB and a bit: two parts, of which only the first is full. */
export const TWO_PARTS = 8 * 1024 * 1024 + 4096;

/** A real video of two parts. */
export function twoPartVideo(): Uint8Array<ArrayBuffer> {
  return padded(clip("mp4"), TWO_PARTS);
}

export async function openUpload(
  size: number,
  options: CallOptions & { filename?: string; metadata?: unknown } = {},
): Promise<CreatedUpload> {
  const { filename = "clip.mp4", metadata, ...rest } = options;
  const answer = await call("/v1/uploads", {
    ...rest,
    json: { filename, size, ...(metadata === undefined ? {} : { metadata }) },
  });
  if (answer.status !== 201) throw new Error(`no upload: ${await answer.text()}`);
  return answer.json<CreatedUpload>();
}

/** Sends part `n` of `file`, or other bytes in its place. */
export function putPart(
  upload: CreatedUpload,
  partNumber: number,
  bytes: BodyInit,
  headers: Record<string, string> = {},
): Promise<Response> {
  return call(`/v1/uploads/${upload.uploadId}/parts/${partNumber}`, {
    method: "PUT",
    body: bytes,
    headers,
  });
}

export function partOf(
  upload: CreatedUpload,
  file: Uint8Array<ArrayBuffer>,
  partNumber: number,
): Uint8Array<ArrayBuffer> {
  const from = (partNumber - 1) * upload.partSize;
  return file.slice(from, from + upload.partSize);
}

export async function sendPart(
  upload: CreatedUpload,
  file: Uint8Array<ArrayBuffer>,
  partNumber: number,
): Promise<UploadedPart> {
  const answer = await putPart(upload, partNumber, partOf(upload, file, partNumber));
  if (answer.status !== 200) throw new Error(`no part: ${await answer.text()}`);
  return answer.json<UploadedPart>();
}

export function complete(upload: CreatedUpload, json?: unknown): Promise<Response> {
  return call(`/v1/uploads/${upload.uploadId}/complete`, {
    method: "POST",
    ...(json === undefined ? {} : { json }),
  });
}

/** Everything from open to complete. */
export async function uploadWhole(
  file: Uint8Array<ArrayBuffer>,
  filename = "clip.mp4",
): Promise<Video> {
  const upload = await openUpload(file.byteLength, { filename });
  for (let n = 1; n <= upload.partCount; n++) await sendPart(upload, file, n);
  const answer = await complete(upload);
  if (answer.status !== 201) throw new Error(`no video: ${await answer.text()}`);
  return answer.json<Video>();
}

/** A body without a `Content-Length`, as a chunked request has. */
export function chunked(...pieces: readonly Uint8Array[]): ReadableStream<Uint8Array> {
  const left = [...pieces];
  return new ReadableStream({
    pull(controller) {
      const next = left.shift();
      if (next === undefined) controller.close();
      else controller.enqueue(next);
    },
  });
}

/** Compares megabytes in no time, where `toEqual` takes seconds. */
export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && a.every((byte, i) => byte === b[i]);
}
