/**
 * Gives the last frame of an MP4 a duration. Before 5.1 ffmpeg leaves it at 0 wherever frames keep their own times
 * (`-vsync vfr`): the track and its edit list then end where that frame begins, and players never show it.
 */
import { type FileHandle, open } from "node:fs/promises";
import { boxesIn } from "./mp4-boxes.ts";

/** Of a day at 60 frames a second, with times of their own, about 60 MB. */
const MAX_MOOV_BYTES = 256 * 1024 * 1024;

/**
 * Mends the file in place where its last frame lasts no time: it then lasts as long as the one before it.
 *
 * @param file of a muxer `mp4` or `mov`; what is not one, or needs nothing, is left as it is.
 */
export async function giveLastFrameTime(file: string): Promise<void> {
  const handle = await open(file, "r+");
  try {
    const moov = await readMoov(handle);
    if (moov === null || !mendMoov(moov.bytes)) return;
    await handle.write(moov.bytes, 0, moov.bytes.length, moov.at);
  } finally {
    await handle.close();
  }
}

async function readMoov(
  handle: FileHandle,
): Promise<{ readonly at: number; readonly bytes: Uint8Array } | null> {
  const { size } = await handle.stat();
  const read = async (offset: number, length: number) => {
    const buffer = new Uint8Array(Math.max(0, Math.min(length, size - offset)));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, offset);
    return buffer.subarray(0, bytesRead);
  };
  for await (const { type, start, end } of boxesIn({ size, read }, 0, size)) {
    if (type !== "moov") continue;
    const length = end - start;
    return end > size || length > MAX_MOOV_BYTES
      ? null
      : { at: start, bytes: await read(start, length) };
  }
  return null;
}

/**
 * Mends the content of a `moov` box (ISO/IEC 14496-12, section 8) in place: durations of `stts`, `mdhd`, `elst`, `tkhd`
 * and `mvhd`. Pure but for that.
 *
 * @returns whether anything was changed.
 */
function mendMoov(moov: Uint8Array): boolean {
  const boxes = childrenOf(moov);
  const movie = boxes.find(({ type }) => type === "mvhd")?.content;
  if (movie === undefined) return false;
  const times = timesOf(movie);
  const mended = boxes
    .filter(({ type }) => type === "trak")
    .map(({ content }) => mendTrack(content, times.timescale));
  const longest = Math.max(0, ...mended);
  if (longest === 0) return false;
  if (longest > times.duration) times.setDuration(longest);
  return true;
}

/** @returns the track's new duration in the movie's timescale, or 0 when it was left as it is. */
function mendTrack(trak: Uint8Array, movieTimescale: number): number {
  const at = (path: readonly string[]) => descend(trak, path);
  const handler = at(["mdia", "hdlr"]);
  const media = at(["mdia", "mdhd"]);
  const samples = at(["mdia", "minf", "stbl", "stts"]);
  const header = at(["tkhd"]);
  if (handler === null || fourCc(handler, 8) !== "vide") return 0;
  if (media === null || samples === null || header === null) return 0;
  const added = lengthenLast(samples);
  if (added === 0) return 0;
  const times = timesOf(media);
  times.setDuration(times.duration + added);
  // Rounded up: an edit that ends a tick too early would hide the frame again.
  const inMovie = Math.ceil((added * movieTimescale) / times.timescale);
  const edits = at(["edts", "elst"]);
  if (edits !== null) lengthenEdit(edits, inMovie);
  const track = isWide(header) ? durationAt(header, 28, 8) : durationAt(header, 20, 4);
  track.setDuration(track.duration + inMovie);
  return track.duration + inMovie;
}

/** The last run of `stts`, when it is one sample of no time, takes that of the run before it. @returns what it took. */
function lengthenLast(stts: Uint8Array): number {
  const data = viewOf(stts);
  const count = data.getUint32(4);
  if (count < 2 || 8 + count * 8 > data.byteLength) return 0;
  const last = 8 + (count - 1) * 8;
  if (data.getUint32(last) !== 1 || data.getUint32(last + 4) !== 0) return 0;
  const before = data.getUint32(last - 4);
  data.setUint32(last + 4, before);
  return before;
}

/** The last edit; one of duration 0 reaches to the end anyway. */
function lengthenEdit(elst: Uint8Array, by: number): void {
  const data = viewOf(elst);
  const count = data.getUint32(4);
  const [size, width] = isWide(elst) ? ([20, 8] as const) : ([12, 4] as const);
  if (count === 0 || 8 + count * size > data.byteLength) return;
  const edit = durationAt(elst, 8 + (count - 1) * size, width);
  if (edit.duration > 0) edit.setDuration(edit.duration + by);
}

/** `mvhd` and `mdhd` begin alike: version, two dates, timescale, duration. */
function timesOf(box: Uint8Array) {
  const [at, width] = isWide(box) ? ([20, 8] as const) : ([12, 4] as const);
  return { timescale: viewOf(box).getUint32(at), ...durationAt(box, at + 4, width) };
}

function durationAt(box: Uint8Array, at: number, width: 4 | 8) {
  const data = viewOf(box);
  return {
    duration: width === 8 ? Number(data.getBigUint64(at)) : data.getUint32(at),
    setDuration(value: number) {
      if (width === 8) data.setBigUint64(at, BigInt(value));
      else data.setUint32(at, Math.min(value, 0xffff_ffff));
    },
  };
}

const isWide = (box: Uint8Array) => box[0] === 1;

function descend(box: Uint8Array, path: readonly string[]): Uint8Array | null {
  let inner: Uint8Array = box;
  for (const name of path) {
    const found = childrenOf(inner).find(({ type }) => type === name);
    if (found === undefined) return null;
    inner = found.content;
  }
  return inner;
}

function childrenOf(parent: Uint8Array): { readonly type: string; readonly content: Uint8Array }[] {
  const data = viewOf(parent);
  const children = [];
  for (let at = 0; at + 8 <= parent.length; ) {
    const size = data.getUint32(at);
    if (size < 8 || at + size > parent.length) break;
    children.push({ type: fourCc(parent, at + 4), content: parent.subarray(at + 8, at + size) });
    at += size;
  }
  return children;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function fourCc(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}
