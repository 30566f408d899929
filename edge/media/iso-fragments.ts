/**
 * Timing of fragmented MP4, whose head declares none: the rate from the first fragment, the end from an index
 * (`sidx`, `mfra`) or from the last fragment. ISO/IEC 14496-12, sections 8.8 and 8.16.
 */
import type { BlockReader } from "./block-reader.ts";
import { type Box, boxesIn, contentOf, findBox, findBoxes, fourCc } from "./iso-boxes.ts";

interface Track {
  readonly id: number;
  /** Ticks per second. */
  readonly timescale: number;
}

export interface Fragments {
  readonly endSeconds: number | null;
  readonly samplesPerSecond: number | null;
}

const MAX_TRACKS = 64;
const MAX_RUNS = 64;
const MAX_INDEX_BYTES = 256 * 1024;

/** Reads the timing of `track`. Throws when the budget ends before the last fragment is found. */
export async function fragmentsOf(
  reader: BlockReader,
  moov: Box,
  sizeBytes: number,
  track: Track,
): Promise<Fragments> {
  const sampleTicks = await defaultSampleTicks(reader, moov, track);
  let indexed: number | null = null;
  let first: Box | null = null;
  for await (const box of boxesIn(reader, moov.end, sizeBytes)) {
    if (box.type === "sidx") indexed ??= await indexedSeconds(reader, box);
    if (box.type !== "moof") continue;
    first = box;
    break;
  }
  if (first === null) return { endSeconds: null, samplesPerSecond: null };
  const begin = await timingOf(reader, first, track, sampleTicks);
  return {
    endSeconds: indexed ?? (await endSeconds(reader, first, sizeBytes, track, sampleTicks)),
    samplesPerSecond: begin === null || begin.each === 0 ? null : track.timescale / begin.each,
  };
}

async function endSeconds(
  reader: BlockReader,
  first: Box,
  sizeBytes: number,
  track: Track,
  sampleTicks: number,
): Promise<number | null> {
  const last =
    (await lastByIndex(reader, sizeBytes, track)) ?? (await lastByWalk(reader, first, sizeBytes));
  const timing = await timingOf(reader, last, track, sampleTicks);
  return timing === null ? null : (timing.start + timing.ticks) / track.timescale;
}

/** From one fragment to the next, a read each: for files that were not finished properly. */
async function lastByWalk(reader: BlockReader, first: Box, sizeBytes: number): Promise<Box> {
  let last = first;
  for await (const box of boxesIn(reader, first.at, sizeBytes)) {
    if (box.type === "moof") last = box;
  }
  return last;
}

/** The fragment that `mfra`, at the file's very end, lists last for the track. */
async function lastByIndex(
  reader: BlockReader,
  sizeBytes: number,
  track: Track,
): Promise<Box | null> {
  const tail = { type: "mfro", at: 0, start: Math.max(0, sizeBytes - 16), end: sizeBytes };
  const mfro = await contentOf(reader, tail, 16);
  if (mfro.byteLength < 16 || fourCc(mfro, 4) !== "mfro") return null;
  const at = sizeBytes - mfro.getUint32(12);
  if (at < 0) return null;
  const index = { type: "mfra", at, start: at + 8, end: sizeBytes };
  for (const table of await findBoxes(reader, index, "tfra", MAX_TRACKS)) {
    const head = await contentOf(reader, table, 16);
    if (head.getUint32(4) !== track.id) continue;
    const isLong = head.getUint8(0) === 1;
    const sizes = head.getUint32(8);
    const numbers = ((sizes >> 4) & 3) + ((sizes >> 2) & 3) + (sizes & 3) + 3;
    const entryAt = table.start + 16 + (head.getUint32(12) - 1) * ((isLong ? 16 : 8) + numbers);
    const entry = await contentOf(reader, { ...table, start: entryAt }, 16);
    const moofAt = isLong ? Number(entry.getBigUint64(8)) : entry.getUint32(4);
    const { value } = await boxesIn(reader, moofAt, sizeBytes).next();
    return value?.type === "moof" ? value : null;
  }
  return null;
}

/** The sum of the segments that `sidx` lists, or null where it points to further indexes. */
async function indexedSeconds(reader: BlockReader, box: Box): Promise<number | null> {
  const view = await contentOf(reader, box, MAX_INDEX_BYTES);
  const timescale = view.getUint32(8);
  const listAt = view.getUint8(0) === 1 ? 28 : 20;
  const count = view.getUint16(listAt + 2);
  let ticks = 0;
  for (let i = 0; i < count; i++) {
    const at = listAt + 4 + i * 12;
    if (view.getUint8(at) >= 0x80) return null;
    ticks += view.getUint32(at + 4);
  }
  return ticks > 0 && timescale > 0 ? ticks / timescale : null;
}

/** What `trex` says a sample of the track lasts unless its fragment says otherwise; 0 for nothing. */
async function defaultSampleTicks(reader: BlockReader, moov: Box, track: Track): Promise<number> {
  const extends_ = await findBox(reader, moov, "mvex");
  if (extends_ === null) return 0;
  for (const box of await findBoxes(reader, extends_, "trex", MAX_TRACKS)) {
    const view = await contentOf(reader, box, 24);
    if (view.getUint32(4) === track.id) return view.getUint32(12);
  }
  return 0;
}

interface Timing {
  /** Ticks at which the fragment's samples begin. */
  readonly start: number;
  /** Ticks they last, all together. */
  readonly ticks: number;
  /** Ticks of a typical sample; 0 where there is none. */
  readonly each: number;
}

async function timingOf(
  reader: BlockReader,
  moof: Box,
  track: Track,
  sampleTicks: number,
): Promise<Timing | null> {
  for (const traf of await findBoxes(reader, moof, "traf", MAX_TRACKS)) {
    const header = await findBox(reader, traf, "tfhd");
    const decodeTime = await findBox(reader, traf, "tfdt");
    if (header === null || decodeTime === null) continue;
    const tfhd = await contentOf(reader, header, 32);
    if (tfhd.getUint32(4) !== track.id) continue;
    const tfdt = await contentOf(reader, decodeTime, 12);
    const start = tfdt.getUint8(0) === 1 ? Number(tfdt.getBigUint64(4)) : tfdt.getUint32(4);
    const each = fragmentSampleTicks(tfhd) ?? sampleTicks;
    let ticks = 0;
    let typical = 0;
    for (const run of await findBoxes(reader, traf, "trun", MAX_RUNS)) {
      const timing = runTiming(await contentOf(reader, run, MAX_INDEX_BYTES), each);
      ticks += timing.ticks;
      typical ||= timing.each;
    }
    return { start, ticks, each: typical };
  }
  return null;
}

/** `default_sample_duration` of `tfhd`, which lies behind what its flags say is there before it. */
function fragmentSampleTicks(tfhd: DataView): number | null {
  const flags = tfhd.getUint32(0) & 0xffffff;
  if ((flags & 0x8) === 0) return null;
  return tfhd.getUint32(8 + ((flags & 0x1) !== 0 ? 8 : 0) + ((flags & 0x2) !== 0 ? 4 : 0));
}

/** The ticks of a `trun`: one by one where it lists them, else all alike. */
function runTiming(trun: DataView, each: number): Pick<Timing, "ticks" | "each"> {
  const flags = trun.getUint32(0) & 0xffffff;
  const samples = trun.getUint32(4);
  if ((flags & 0x100) === 0) return { ticks: samples * each, each };
  const listAt = 8 + ((flags & 0x1) !== 0 ? 4 : 0) + ((flags & 0x4) !== 0 ? 4 : 0);
  const entryBytes = 4 * [0x100, 0x200, 0x400, 0x800].filter((bit) => (flags & bit) !== 0).length;
  const listed = Math.min(samples, Math.floor((trun.byteLength - listAt) / entryBytes));
  const durations = Array.from({ length: listed }, (_, i) =>
    trun.getUint32(listAt + i * entryBytes),
  );
  const ticks = durations.reduce((sum, duration) => sum + duration, 0);
  // The median: the last sample of a fragment often lasts until something else begins.
  return { ticks, each: durations.sort((a, b) => a - b)[Math.floor(listed / 2)] ?? 0 };
}
