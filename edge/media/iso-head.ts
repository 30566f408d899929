/** Reads what an MP4 or QuickTime file is from its `moov` box, wherever in the file that lies. */
import type { BlockReader } from "./block-reader.ts";
import { codecOfSampleEntry } from "./codec-names.ts";
import { type HeadInfo, orNull } from "./head-info.ts";
import { type Box, boxesIn, contentOf, findBox, findBoxes, fourCc } from "./iso-boxes.ts";
import { fragmentsOf } from "./iso-fragments.ts";

/** More tracks than any camera writes. */
const MAX_TRACKS = 64;
const MAX_ENTRY_BYTES = 4096;
/** Of the table of frame durations: 8,192 runs of equal ones, plenty for an average. */
const MAX_TIMES_BYTES = 64 * 1024;

/** A track as its headers describe it. */
export interface IsoTrack {
  readonly id: number;
  readonly kind: "video" | "audio" | "other";
  /** Ticks per second of its media. */
  readonly timescale: number;
  /** Ticks; 0 where the file is fragmented. */
  readonly duration: number;
  readonly box: Box;
}

/** The file's head, or null where it has no readable `moov`. */
export async function readIsoHead(
  reader: BlockReader,
  sizeBytes: number,
): Promise<HeadInfo | null> {
  let brand = "qt  ";
  for await (const box of boxesIn(reader, 0, sizeBytes)) {
    if (box.type === "ftyp") brand = fourCc(await contentOf(reader, box, 4), 0);
    if (box.type === "moov") {
      return readMovie(reader, box, sizeBytes, brand === "qt  " ? "mov" : "mp4");
    }
  }
  return null;
}

async function readMovie(
  reader: BlockReader,
  moov: Box,
  sizeBytes: number,
  format: "mp4" | "mov",
): Promise<HeadInfo | null> {
  const tracks: IsoTrack[] = [];
  for (const box of await findBoxes(reader, moov, "trak", MAX_TRACKS)) {
    const track = await readTrack(reader, box);
    if (track !== null) tracks.push(track);
  }
  const video = tracks.find((track) => track.kind === "video");
  const audio = tracks.find((track) => track.kind === "audio");
  const main = video ?? audio;
  if (main === undefined) return null;
  const picture = video === undefined ? null : await readPicture(reader, video);
  const sound = audio === undefined ? null : { codec: await readAudioCodec(reader, audio) };
  const declared = await declaredSeconds(reader, moov, tracks);
  const isFragmented = (await findBox(reader, moov, "mvex")) !== null;
  const fragments = isFragmented ? await orNull(fragmentsOf(reader, moov, sizeBytes, main)) : null;
  return {
    format,
    durationSeconds: declared ?? fragments?.endSeconds ?? null,
    video:
      picture === null
        ? null
        : { ...picture, frameRate: picture.frameRate ?? fragments?.samplesPerSecond ?? null },
    audio: sound,
  };
}

async function readTrack(reader: BlockReader, box: Box): Promise<IsoTrack | null> {
  const header = await findBox(reader, box, "tkhd");
  const media = await findBox(reader, box, "mdia", "mdhd");
  const handler = await findBox(reader, box, "mdia", "hdlr");
  if (header === null || media === null || handler === null) return null;
  const tkhd = await contentOf(reader, header, 24);
  const { timescale, duration } = readTimes(await contentOf(reader, media, 32));
  const kind = fourCc(await contentOf(reader, handler, 12), 8);
  return {
    id: tkhd.getUint32(tkhd.getUint8(0) === 1 ? 20 : 12),
    kind: kind === "vide" ? "video" : kind === "soun" ? "audio" : "other",
    timescale,
    duration,
    box,
  };
}

/** Timescale and duration as `mvhd` and `mdhd` have them; an unknown duration (all ones) is 0. */
function readTimes(view: DataView): { readonly timescale: number; readonly duration: number } {
  const isLong = view.getUint8(0) === 1;
  const timescale = view.getUint32(isLong ? 20 : 12);
  const duration = isLong ? Number(view.getBigUint64(24)) : view.getUint32(16);
  const isUnknown = duration >= (isLong ? 2 ** 63 : 0xffff_ffff);
  return { timescale, duration: isUnknown ? 0 : duration };
}

/** Of the movie (which counts edit lists), else of its longest track, else as `mehd` has it. */
async function declaredSeconds(
  reader: BlockReader,
  moov: Box,
  tracks: readonly IsoTrack[],
): Promise<number | null> {
  const header = await findBox(reader, moov, "mvhd");
  const movie = header === null ? null : readTimes(await contentOf(reader, header, 32));
  const total = await findBox(reader, moov, "mvex", "mehd");
  const fragmented = total === null ? 0 : readFragmentDuration(await contentOf(reader, total, 12));
  const lengths = tracks.map((track) => track.duration / track.timescale);
  const timescale = movie?.timescale ?? 0;
  const candidates = [
    sharper((movie?.duration ?? 0) / timescale, lengths, 2 / timescale),
    Math.max(0, ...lengths),
    fragmented / timescale,
  ];
  return candidates.find((seconds) => Number.isFinite(seconds) && seconds > 0) ?? null;
}

/** The movie's clock is often coarse (milliseconds): a track that agrees with it knows better. */
function sharper(movie: number, tracks: readonly number[], tolerance: number): number {
  return tracks.find((seconds) => Math.abs(movie - seconds) <= tolerance) ?? movie;
}

function readFragmentDuration(view: DataView): number {
  return view.getUint8(0) === 1 ? Number(view.getBigUint64(4)) : view.getUint32(4);
}

/** Where `width` and `height` lie in a visual sample entry, and where its own boxes begin. */
const ENTRY_WIDTH = 32;
const VISUAL_ENTRY_BYTES = 86;
/** Where the transformation matrix lies in `tkhd`, by version. */
const MATRIX_AT = [40, 52] as const;

async function readPicture(reader: BlockReader, track: IsoTrack) {
  const entry = await readSampleEntry(reader, track);
  if (entry === null) return null;
  const { view, type, box } = entry;
  const width = view.getUint16(ENTRY_WIDTH);
  const height = view.getUint16(ENTRY_WIDTH + 2);
  const shape = await findBox(reader, { ...box, start: box.at + VISUAL_ENTRY_BYTES }, "pasp");
  const aspect = shape === null ? 1 : pixelAspect(await contentOf(reader, shape, 8));
  const square = { width: Math.round(width * aspect), height };
  const size = (await isTurned(reader, track))
    ? { width: square.height, height: square.width }
    : square;
  if (size.width === 0 || size.height === 0) return null;
  const codec = codecOfSampleEntry(type, objectTypeOf(view));
  return { codec, ...size, frameRate: await readFrameRate(reader, track) };
}

async function readAudioCodec(reader: BlockReader, track: IsoTrack): Promise<string | null> {
  const entry = await readSampleEntry(reader, track);
  return entry === null ? null : codecOfSampleEntry(entry.type, objectTypeOf(entry.view));
}

/** The first entry of `stsd`, its header included in `view`. */
async function readSampleEntry(reader: BlockReader, track: IsoTrack) {
  const table = await findBox(reader, track.box, "mdia", "minf", "stbl", "stsd");
  if (table === null) return null;
  const { value: box } = await boxesIn(reader, table.start + 8, table.end).next();
  if (box === undefined || box === null) return null;
  const view = await contentOf(reader, { ...box, start: box.at }, MAX_ENTRY_BYTES);
  return { box, view, type: box.type };
}

/** Width of a pixel over its height; implausible ones count as square. */
function pixelAspect(view: DataView): number {
  const aspect = view.getUint32(0) / view.getUint32(4);
  return aspect > 0.05 && aspect < 20 ? aspect : 1;
}

/** Whether players turn the picture by 90° or 270°: the matrix then maps x to y. */
async function isTurned(reader: BlockReader, track: IsoTrack): Promise<boolean> {
  const header = await findBox(reader, track.box, "tkhd");
  if (header === null) return false;
  const view = await contentOf(reader, header, 92);
  const at = MATRIX_AT[view.getUint8(0) === 1 ? 1 : 0];
  return Math.abs(view.getInt32(at + 4)) > Math.abs(view.getInt32(at));
}

/** Frames over their time, from the table of durations; null where that is empty (fragmented files). */
async function readFrameRate(reader: BlockReader, track: IsoTrack): Promise<number | null> {
  const table = await findBox(reader, track.box, "mdia", "minf", "stbl", "stts");
  if (table === null) return null;
  const view = await contentOf(reader, table, 8 + MAX_TIMES_BYTES);
  const runs = Math.min(view.getUint32(4), Math.floor((view.byteLength - 8) / 8));
  let samples = 0;
  let ticks = 0;
  for (let run = 0; run < runs; run++) {
    const count = view.getUint32(8 + run * 8);
    samples += count;
    ticks += count * view.getUint32(12 + run * 8);
  }
  return samples >= 2 && ticks > 0 ? (samples * track.timescale) / ticks : null;
}

/**
 * The object type indication of the entry's `esds` (ISO/IEC 14496-1, 7.2.6), or null where it has none. QuickTime
 * wraps the box in a `wave` box, so it is looked for by name.
 */
function objectTypeOf(entry: DataView): number | null {
  for (let at = 16; at + 12 <= entry.byteLength; at++) {
    if (entry.getUint32(at) !== ESDS) continue;
    // Version and flags, then ES_Descriptor (id, flags), then DecoderConfigDescriptor.
    const es = skipDescriptorHead(entry, at + 8, 3);
    const config = es === null ? null : skipDescriptorHead(entry, es + 3, 4);
    return config === null || config >= entry.byteLength ? null : entry.getUint8(config);
  }
  return null;
}

const ESDS = 0x65736473;

/** Where the content of a descriptor of this tag begins: after its tag and up to four bytes of length. */
function skipDescriptorHead(view: DataView, at: number, tag: number): number | null {
  if (at >= view.byteLength || view.getUint8(at) !== tag) return null;
  for (let i = at + 1; i < Math.min(at + 5, view.byteLength); i++) {
    if (view.getUint8(i) < 0x80) return i + 1;
  }
  return null;
}
