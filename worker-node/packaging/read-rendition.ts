/** Reads a finished fragmented file's heads, never its media. */
import { type FileHandle, open } from "node:fs/promises";
import { type Rendition, renditionOf } from "../../protocol/packaging/segments.ts";
import {
  type Fragment,
  readFragment,
  readTrackHead,
  type TrackHead,
} from "../../protocol/packaging/track.ts";

/** A head or fragment of more is none that our steps write. */
const MAX_HEAD_BYTES = 16 * 1024 * 1024;

export interface FragmentedFile {
  readonly head: TrackHead;
  /** Everything before the first fragment. */
  readonly headBytes: Buffer;
  readonly fragments: readonly (Fragment & { readonly moofSize: number })[];
}

/** @throws RangeError where the file is not one of one fragmented track, to its last byte. */
export async function readRendition(
  file: string,
  segmentSeconds: number,
  multiplesOf: "since_first" | "shown" = "since_first",
): Promise<Rendition> {
  const { head, headBytes, fragments } = await readFragmentedFile(file);
  return renditionOf(head, headBytes.length, fragments, segmentSeconds, multiplesOf);
}

/** @throws RangeError where the file is not one of one fragmented track, to its last byte. */
export async function readFragmentedFile(file: string): Promise<FragmentedFile> {
  const handle = await open(file, "r");
  try {
    return await readAll(handle);
  } finally {
    await handle.close();
  }
}

async function readAll(handle: FileHandle): Promise<FragmentedFile> {
  const { size: total } = await handle.stat();
  const fragments: FragmentedFile["fragments"][number][] = [];
  let head: ReturnType<typeof readTrackHead> | null = null;
  let headSize = 0;
  let moof: { readonly at: number; readonly size: number } | null = null;
  for (let at = 0; at < total; ) {
    const { type, size } = await readBoxHead(handle, at, total);
    if (type === "moov") head = readTrackHead(await readBytes(handle, at, size));
    if (type === "moof") {
      headSize ||= at;
      moof = { at, size };
    }
    if (type === "mdat") {
      if (head === null || moof === null) throw new RangeError("Media stands before its head.");
      const place = { offset: moof.at, size: at + size - moof.at };
      const fragment = readFragment(await readBytes(handle, moof.at, moof.size), place, head);
      fragments.push({ ...fragment, moofSize: moof.size });
      moof = null;
    }
    at += size;
  }
  if (head === null) throw new RangeError("The file has no head.");
  const last = fragments.at(-1);
  if (last === undefined || last.offset + last.size !== total) {
    throw new RangeError("The file does not end with a fragment.");
  }
  return { head, headBytes: await readBytes(handle, 0, headSize), fragments };
}

async function readBoxHead(handle: FileHandle, at: number, total: number) {
  const bytes = await readBytes(handle, at, Math.min(16, total - at));
  if (bytes.length < 8) throw new RangeError(`The file breaks off at byte ${at}.`);
  const short = bytes.readUInt32BE(0);
  const size = short === 1 && bytes.length >= 16 ? Number(bytes.readBigUInt64BE(8)) : short;
  if (size < 8 || at + size > total) throw new RangeError(`The box at byte ${at} does not fit.`);
  return { type: bytes.toString("latin1", 4, 8), size };
}

async function readBytes(handle: FileHandle, at: number, length: number): Promise<Buffer> {
  if (length > MAX_HEAD_BYTES) throw new RangeError(`A head of ${length} bytes.`);
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(length), 0, length, at);
  return buffer.subarray(0, bytesRead);
}
