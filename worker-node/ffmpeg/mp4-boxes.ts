/**
 * Walks the boxes of an MP4 or QuickTime file (ISO/IEC 14496-12) and reads the few tables that say where
 * key frames and edits are. Only heads and those tables are fetched, whatever the file's size.
 */
import type { RangeReader } from "./http-ranges.ts";
import type { PlaceTables } from "./mp4-places.ts";

export interface Box {
  readonly type: string;
  /** Where its content begins and ends, in bytes from the file's beginning; `end` may lie past the file. */
  readonly start: number;
  readonly end: number;
}

/** A file of more boxes on one level is not one that anybody plays. */
const MAX_BOXES = 4_096;
/** One table: 4 million key frames, or 2 million runs of durations. */
const MAX_TABLE_BYTES = 16 * 1024 * 1024;

/** The boxes between two positions, in order. Ends at the first that is damaged. */
export async function* boxesIn(
  reader: RangeReader,
  start: number,
  end: number,
): AsyncGenerator<Box> {
  let at = start;
  for (let n = 0; n < MAX_BOXES && at + 8 <= end; n++) {
    const head = view(await reader.read(at, 16));
    if (head.byteLength < 8) return;
    const size32 = head.getUint32(0);
    const large = size32 === 1;
    if (large && head.byteLength < 16) return;
    const headSize = large ? 16 : 8;
    const size = large ? Number(head.getBigUint64(8)) : size32 === 0 ? end - at : size32;
    if (size < headSize) return;
    yield { type: fourCc(head, 4), start: at + headSize, end: at + size };
    at += size;
  }
}

export interface Edit {
  /** In the movie's timescale; 0 means to the end. */
  readonly duration: number;
  /** In the track's timescale; −1 is an empty edit. */
  readonly mediaTime: number;
  readonly rate: number;
}

/** Runs of `count` samples that share a value. */
export type Runs = readonly (readonly [count: number, value: number])[];

export interface Track {
  readonly handler: string;
  readonly timescale: number;
  /** In the track's timescale. */
  readonly duration: number;
  readonly edits: readonly Edit[];
  /** Sample durations (`stts`). */
  readonly durations: Runs;
  /** Composition offsets (`ctts`); empty where presentation follows decoding. */
  readonly offsets: Runs;
  /** Numbers of the key frames from 1 (`stss`), or null where every sample is one. */
  readonly keySamples: readonly number[] | null;
  /** Where pictures lie; read only for whoever asks. */
  readonly places?: PlaceTables;
  /** How many descriptions of samples there are (`stsd`): of codec, its configuration, size. */
  readonly descriptions: number;
}

export interface Movie {
  readonly headFirst: boolean;
  readonly fragmented: boolean;
  /** A top-level box reaches past the end of the file. */
  readonly truncated: boolean;
  readonly timescale: number;
  readonly tracks: readonly Track[];
}

/** What is read beside what everybody needs. */
export interface MovieWishes {
  /** Where the pictures lie: some bytes more for each. */
  readonly places?: boolean;
}

/** Reads a file's `moov`; null when there is none that can be read. */
export async function readMovie(
  reader: RangeReader,
  wishes: MovieWishes = {},
): Promise<Movie | null> {
  let moov: Box | null = null;
  let headFirst = false;
  let mediaSeen = false;
  let fragmented = false;
  let truncated = false;
  for await (const box of boxesIn(reader, 0, reader.size)) {
    if (box.end > reader.size) truncated = true;
    if (box.type === "mdat") mediaSeen = true;
    if (box.type === "moof") {
      // A fragmented file repeats these to its end; nothing more is to be learnt from them.
      fragmented = true;
      mediaSeen = true;
      if (moov !== null) break;
    }
    if (box.type === "moov" && moov === null) {
      moov = box;
      headFirst = !mediaSeen;
    }
  }
  if (moov === null) return null;
  const builder: { timescale: number; tracks: Track[] } = { timescale: 0, tracks: [] };
  for await (const box of boxesIn(reader, moov.start, Math.min(moov.end, reader.size))) {
    if (box.type === "mvhd")
      builder.timescale = readTimes(view(await content(reader, box))).timescale;
    if (box.type === "mvex") fragmented = true;
    if (box.type === "trak") builder.tracks.push(await readTrack(reader, box, wishes));
  }
  if (builder.timescale === 0) return null;
  return { headFirst, fragmented, truncated, ...builder };
}

async function readTrack(reader: RangeReader, trak: Box, wishes: MovieWishes): Promise<Track> {
  const track = {
    handler: "",
    timescale: 1,
    duration: 0,
    edits: [] as Edit[],
    durations: [] as Runs,
    offsets: [] as Runs,
    keySamples: null as number[] | null,
    descriptions: 0,
  };
  const tables = new Map<string, DataView>();
  const walk = async (parent: Box): Promise<void> => {
    for await (const box of boxesIn(reader, parent.start, parent.end)) {
      switch (box.type) {
        case "edts":
        case "mdia":
        case "minf":
        case "stbl":
          await walk(box);
          break;
        case "mdhd":
          Object.assign(track, readTimes(view(await content(reader, box))));
          break;
        case "hdlr": {
          // minf may hold a second one, of the data: the media's comes first.
          const data = view(await content(reader, box));
          if (track.handler === "" && data.byteLength >= 12) track.handler = fourCc(data, 8);
          break;
        }
        case "elst":
          track.edits = readEdits(view(await content(reader, box)));
          break;
        case "stsd":
          track.descriptions = readCount(view(await reader.read(box.start, 8)));
          break;
        case "stts":
          track.durations = readRuns(view(await content(reader, box)));
          break;
        case "ctts":
          track.offsets = readRuns(view(await content(reader, box)));
          break;
        case "stss":
          track.keySamples = readNumbers(view(await content(reader, box)));
          break;
        case "stsz":
        case "stsc":
        case "stco":
        case "co64":
          if (wishes.places !== true || track.handler !== "vide") break;
          // Without it nothing is wrong with the file.
          if (box.end - box.start > MAX_TABLE_BYTES) break;
          tables.set(box.type, view(await content(reader, box)));
          break;
      }
    }
  };
  await walk(trak);
  const places = placeTables(tables);
  return places === null ? track : { ...track, places };
}

function placeTables(tables: ReadonlyMap<string, DataView>): PlaceTables | null {
  const [sizes, runs] = [tables.get("stsz"), tables.get("stsc")];
  const chunks = tables.get("stco") ?? tables.get("co64");
  if (sizes === undefined || runs === undefined || chunks === undefined) return null;
  return { sizes, runs, chunks, wide: !tables.has("stco") };
}

/** `mvhd` and `mdhd` begin alike: version, two dates, timescale, duration. */
function readTimes(data: DataView): { timescale: number; duration: number } {
  const wide = data.byteLength > 0 && data.getUint8(0) === 1;
  if (data.byteLength < (wide ? 32 : 20)) return { timescale: 0, duration: 0 };
  return wide
    ? { timescale: data.getUint32(20), duration: Number(data.getBigUint64(24)) }
    : { timescale: data.getUint32(12), duration: data.getUint32(16) };
}

function readEdits(data: DataView): Edit[] {
  const wide = data.byteLength > 0 && data.getUint8(0) === 1;
  return entries(data, wide ? 20 : 12).map((at) => ({
    duration: wide ? Number(data.getBigUint64(at)) : data.getUint32(at),
    mediaTime: wide ? Number(data.getBigInt64(at + 8)) : data.getInt32(at + 4),
    rate: data.getInt32(at + (wide ? 16 : 8)) / 65_536,
  }));
}

/** Offsets are signed in version 1, and written so in version 0 by QuickTime too; durations never reach the sign. */
function readRuns(data: DataView): Runs {
  return entries(data, 8).map((at) => [data.getUint32(at), data.getInt32(at + 4)] as const);
}

function readNumbers(data: DataView): number[] {
  return entries(data, 4).map((at) => data.getUint32(at));
}

function readCount(data: DataView): number {
  return data.byteLength < 8 ? 0 : data.getUint32(4);
}

/** Positions of a full box's entries, no more than there are bytes for. */
function entries(data: DataView, size: number): number[] {
  if (data.byteLength < 8) return [];
  const count = Math.min(data.getUint32(4), Math.floor((data.byteLength - 8) / size));
  return Array.from({ length: count }, (_, i) => 8 + i * size);
}

async function content(reader: RangeReader, box: Box): Promise<Uint8Array> {
  const length = box.end - box.start;
  if (length > MAX_TABLE_BYTES) throw new RangeError(`a ${box.type} box of ${length} bytes`);
  return reader.read(box.start, length);
}

function view(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function fourCc(data: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((i) => data.getUint8(at + i)));
}
