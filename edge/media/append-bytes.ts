/**
 * Bytes appended to an upload as they come, wherever the last request stopped. Whole parts go to the store's multipart
 * upload; what follows the last of them waits in an object of its own, the tail, until the next request fills it up.
 * One part is held in memory: requests may end anywhere, and a store takes a part only whole.
 */
import { advanceAppend } from "../catalogue/appends.ts";
import { recordPart, type UploadRow } from "../catalogue/uploads.ts";
import type { FreeDeps } from "./free-upload.ts";
import { sourceKey, tailKey } from "./keys.ts";
import { partCountOf, sizeOfPart } from "./part-plan.ts";

export type Appended =
  /** `received` bytes are stored: all that came, or all until the connection broke (`isBroken`). */
  | { readonly status: "ok"; readonly received: number; readonly isBroken: boolean }
  /** Another request goes on with this upload, or it is over. */
  | { readonly status: "taken_over" }
  /** More bytes than the upload has; those that fit are stored. */
  | { readonly status: "too_long" };

/** A part that is being filled. */
interface Filling {
  readonly partNumber: number;
  /** Where it begins in the file. */
  readonly start: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
  filled: number;
}

/**
 * Appends `body` to an upload that `beginAppend` gave to `writer`. What arrived before a connection broke is kept.
 *
 * @throws when the store or the catalogue cannot be reached; what was recorded until then stands.
 */
export async function appendBytes(
  deps: FreeDeps,
  upload: UploadRow,
  writer: string,
  body: ReadableStream<Uint8Array>,
): Promise<Appended> {
  const log = { deps, upload, writer, tail: upload.tail };
  let part = await partAt(deps, upload);
  let isSaved = true;
  const reader = body.getReader();
  let isBroken = false;
  for (;;) {
    const next = await reader.read().catch(() => null);
    isBroken = next === null;
    if (next === null || next.done) break;
    for (let rest = next.value; rest.byteLength > 0; ) {
      if (part === null) return { status: "too_long" };
      const taken = rest.subarray(0, part.bytes.byteLength - part.filled);
      part.bytes.set(taken, part.filled);
      part.filled += taken.byteLength;
      rest = rest.subarray(taken.byteLength);
      isSaved = part.filled === part.bytes.byteLength;
      if (!isSaved) continue;
      if (!(await savePart(log, part))) return { status: "taken_over" };
      part = nextPart(upload, part);
    }
  }
  if (part === null) return { status: "ok", received: upload.size, isBroken };
  if (!isSaved && !(await saveTail(log, part))) return { status: "taken_over" };
  return { status: "ok", received: part.start + part.filled, isBroken };
}

interface Log {
  readonly deps: FreeDeps;
  readonly upload: UploadRow;
  readonly writer: string;
  /** The object that stands for the bytes after the last whole part. */
  tail: string | null;
}

/** The part that the upload's offset lies in, with what of it has come; null at the end. */
async function partAt(deps: FreeDeps, upload: UploadRow): Promise<Filling | null> {
  if (upload.received >= upload.size) return null;
  const partNumber = Math.floor(upload.received / upload.partSize) + 1;
  const start = (partNumber - 1) * upload.partSize;
  const bytes = new Uint8Array(sizeOfPart(upload, partNumber));
  const filled = upload.received - start;
  if (filled > 0) {
    const stored = upload.tail === null ? null : await deps.store.get(upload.tail);
    const tail =
      stored === null ? null : new Uint8Array(await new Response(stored.body).arrayBuffer());
    if (tail?.byteLength !== filled) {
      throw new Error(`The tail of upload ${upload.id} does not have its ${filled} bytes.`);
    }
    bytes.set(tail);
  }
  return { partNumber, start, bytes, filled };
}

function nextPart(upload: UploadRow, { partNumber, start, bytes }: Filling): Filling | null {
  if (partNumber >= partCountOf(upload)) return null;
  const size = sizeOfPart(upload, partNumber + 1);
  const next = { partNumber: partNumber + 1, start: start + bytes.byteLength, filled: 0 };
  return { ...next, bytes: size === bytes.byteLength ? bytes : new Uint8Array(size) };
}

/** False when the upload is another's by now. */
async function savePart(log: Log, part: Filling): Promise<boolean> {
  const { deps, upload } = log;
  const { partNumber, bytes } = part;
  const startedAt = deps.now();
  const key = sourceKey(upload.accountId, upload.videoId);
  const size = bytes.byteLength;
  const put = await deps.store.putPart(key, upload.storeUploadId ?? "", partNumber, bytes, size);
  if (put.status === "no_upload") return false;
  if (put.status === "wrong_size") throw new Error(`Part ${partNumber} of ${upload.id} was cut.`);
  const { etag } = put;
  const now = deps.now();
  await recordPart(deps.db, { uploadId: upload.id, partNumber, etag, size, startedAt, now });
  return advance(log, part.start + size, null);
}

async function saveTail(log: Log, part: Filling): Promise<boolean> {
  const { deps, upload, writer } = log;
  const key = tailKey(upload, writer);
  await deps.store.put(key, part.bytes.slice(0, part.filled), {
    size: part.filled,
    contentType: "application/octet-stream",
  });
  const isOurs = await advance(log, part.start + part.filled, key);
  if (!isOurs) await deps.store.delete([key]);
  return isOurs;
}

/** The new state is recorded first, then the tail that it replaces goes: a crash between leaves one to be swept. */
async function advance(log: Log, received: number, tail: string | null): Promise<boolean> {
  const { deps, upload, writer } = log;
  const advanced = await advanceAppend(deps.db, upload.id, writer, { received, tail });
  if (!advanced) return false;
  if (log.tail !== null && log.tail !== tail) await deps.store.delete([log.tail]);
  log.tail = tail;
  return true;
}
