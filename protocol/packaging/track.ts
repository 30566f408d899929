/** What the head of a fragmented file says of its one track, and each fragment of its samples. */
import { type Box, boxAt, boxesIn, fourCc, viewOf } from "./boxes.ts";
import {
  av1Codec,
  avcCodec,
  hevcCodec,
  mp4aChannels,
  mp4aCodec,
  vp9Codec,
} from "./codec-string.ts";

export interface TrackHead {
  readonly kind: "video" | "audio";
  /** RFC 6381, e.g. `avc1.64001f`. */
  readonly codec: string;
  /** Ticks per second. */
  readonly timescale: number;
  /** Of presentation, in ticks: what the edit list skips of the media's time. */
  readonly mediaStart: number;
  readonly width: number;
  readonly height: number;
  readonly videoRange: "SDR" | "PQ" | "HLG";
  readonly channels: number;
  readonly sampleRate: number;
  /** What fragments leave unsaid (`trex`). */
  readonly defaults: { readonly duration: number; readonly size: number; readonly flags: number };
}

export interface Fragment {
  /** Of its `moof` and `mdat` in the file, in bytes. */
  readonly offset: number;
  readonly size: number;
  /** Of the first sample, in ticks. */
  readonly decodeTime: number;
  /** When the first sample is shown, in ticks after its decoding. */
  readonly compositionOffset: number;
  /** Of all samples together, in ticks. */
  readonly duration: number;
  readonly samples: number;
  /** Decoding can begin at the first sample. */
  readonly isSync: boolean;
  /** One past the last byte of the first sample, in the file. */
  readonly firstSampleEnd: number;
}

const unlike = (what: string) => new RangeError(`Not a file of one fragmented track: ${what}.`);

/** Reads a `moov` box, its head included. @throws RangeError where it is not that of one supported track. */
export function readTrackHead(moovBytes: Uint8Array): TrackHead {
  const data = viewOf(moovBytes);
  const moov = { type: "moov", start: 8, end: data.byteLength };
  const tracks = boxesIn(data, moov.start, moov.end).filter(({ type }) => type === "trak");
  const [trak] = tracks;
  if (trak === undefined || tracks.length !== 1) throw unlike(`${tracks.length} tracks`);
  const mdhd = boxAt(data, trak, "mdia", "mdhd");
  const stsd = boxAt(data, trak, "mdia", "minf", "stbl", "stsd");
  if (mdhd === null || stsd === null) throw unlike("no description");
  const [entry] = boxesIn(data, stsd.start + 8, stsd.end);
  if (entry === undefined) throw unlike("no sample entry");
  return {
    ...readEntry(data, entry),
    timescale: data.getUint32(mdhd.start + (data.getUint8(mdhd.start) === 1 ? 20 : 12)),
    mediaStart: readMediaStart(data, boxAt(data, trak, "edts", "elst")),
    defaults: readDefaults(data, boxAt(data, moov, "mvex", "trex")),
  };
}

/**
 * The codec's configuration of a `moov` box as `readTrackHead` reads it: what must be the same in all files that are
 * played under one head. Names of encoders and dates are not in it.
 */
export function codecConfiguration(moovBytes: Uint8Array): Uint8Array {
  const data = viewOf(moovBytes);
  const moov = { type: "moov", start: 8, end: data.byteLength };
  const stsd = boxAt(data, moov, "trak", "mdia", "minf", "stbl", "stsd");
  const entry = stsd === null ? undefined : boxesIn(data, stsd.start + 8, stsd.end)[0];
  if (entry === undefined) throw unlike("no sample entry");
  const children = { ...entry, start: entry.start + (entry.type === "mp4a" ? 28 : 78) };
  const names = ["avcC", "hvcC", "av1C", "vpcC", "esds"];
  const config = boxesIn(data, children.start, children.end).find(({ type }) =>
    names.includes(type),
  );
  if (config === undefined) throw unlike(`no configuration of ${entry.type}`);
  return moovBytes.subarray(config.start - 4, config.end);
}

type Entry = Omit<TrackHead, "timescale" | "mediaStart" | "defaults">;

function readEntry(data: DataView, entry: Box): Entry {
  const isAudio = entry.type === "mp4a";
  const children = { ...entry, start: entry.start + (isAudio ? 28 : 78) };
  const sdr = { videoRange: "SDR", width: 0, height: 0, channels: 0, sampleRate: 0 } as const;
  if (isAudio) {
    const esds = boxAt(data, children, "esds");
    if (esds === null) throw unlike("no audio configuration");
    return {
      ...sdr,
      kind: "audio",
      codec: mp4aCodec(data, esds),
      channels: mp4aChannels(data, esds) ?? data.getUint16(entry.start + 16),
      sampleRate: data.getUint32(entry.start + 24) >>> 16,
    };
  }
  return {
    ...sdr,
    kind: "video",
    codec: videoCodec(data, entry.type, children),
    width: data.getUint16(entry.start + 24),
    height: data.getUint16(entry.start + 26),
    videoRange: readRange(data, boxAt(data, children, "colr")),
  };
}

function videoCodec(data: DataView, type: string, children: Box): string {
  const readers = {
    avc1: ["avcC", avcCodec],
    hvc1: ["hvcC", hevcCodec],
    av01: ["av1C", av1Codec],
    vp09: ["vpcC", vp9Codec],
  } as const;
  if (type !== "avc1" && type !== "hvc1" && type !== "av01" && type !== "vp09") {
    throw unlike(`codec ${type}`);
  }
  const [name, read] = readers[type];
  const box = boxAt(data, children, name);
  if (box === null) throw unlike(`no ${name}`);
  return read(data, box);
}

/** By the transfer function (ISO/IEC 23091-2): 16 is the perceptual quantiser, 18 hybrid log-gamma. */
function readRange(data: DataView, colr: Box | null): TrackHead["videoRange"] {
  if (colr === null || colr.end - colr.start < 10 || fourCc(data, colr.start) !== "nclx")
    return "SDR";
  const transfer = data.getUint16(colr.start + 6);
  if (transfer === 16) return "PQ";
  return transfer === 18 ? "HLG" : "SDR";
}

/** The media time that presentation begins at. Empty edits, which shift it, are not written by our steps. */
function readMediaStart(data: DataView, elst: Box | null): number {
  if (elst === null || data.getUint32(elst.start + 4) === 0) return 0;
  const isWide = data.getUint8(elst.start) === 1;
  const time = isWide ? Number(data.getBigInt64(elst.start + 16)) : data.getInt32(elst.start + 12);
  return Math.max(0, time);
}

function readDefaults(data: DataView, trex: Box | null): TrackHead["defaults"] {
  if (trex === null) return { duration: 0, size: 0, flags: 0 };
  const [duration, size, flags] = [12, 16, 20].map((at) => data.getUint32(trex.start + at));
  return { duration: duration ?? 0, size: size ?? 0, flags: flags ?? 0 };
}

/** A sample that others must be decoded before (ISO/IEC 14496-12 section 8.8.3.1). */
const NON_SYNC = 0x1_0000;

/**
 * Reads a `moof` box, its head included.
 *
 * @param place where it stands in the file, and the size of it and its `mdat` together.
 * @throws RangeError where it is not one of a single track.
 */
export function readFragment(
  moofBytes: Uint8Array,
  place: { readonly offset: number; readonly size: number },
  { defaults }: Pick<TrackHead, "defaults">,
): Fragment {
  const data = viewOf(moofBytes);
  const moof = { type: "moof", start: 8, end: data.byteLength };
  const traf = boxAt(data, moof, "traf");
  const tfhd = traf === null ? null : boxAt(data, traf, "tfhd");
  const tfdt = traf === null ? null : boxAt(data, traf, "tfdt");
  if (traf === null || tfhd === null || tfdt === null) throw unlike("a bare fragment");
  const base = readFragmentDefaults(data, tfhd, defaults);
  const runs = boxesIn(data, traf.start, traf.end).filter(({ type }) => type === "trun");
  const read = runs.map((run) => readRun(data, run, base));
  const [first] = read;
  if (first === undefined || first.samples === 0) throw unlike("an empty fragment");
  return {
    ...place,
    decodeTime:
      data.getUint8(tfdt.start) === 1
        ? Number(data.getBigUint64(tfdt.start + 4))
        : data.getUint32(tfdt.start + 4),
    compositionOffset: first.compositionOffset,
    duration: read.reduce((sum, run) => sum + run.duration, 0),
    samples: read.reduce((sum, run) => sum + run.samples, 0),
    isSync: (first.flags & NON_SYNC) === 0,
    firstSampleEnd: place.offset + first.dataOffset + first.firstSize,
  };
}

type Defaults = TrackHead["defaults"];

function readFragmentDefaults(data: DataView, tfhd: Box, defaults: Defaults): Defaults {
  const flags = data.getUint32(tfhd.start) & 0xff_ffff;
  let at = tfhd.start + 8;
  if ((flags & 0x01) !== 0) at += 8;
  if ((flags & 0x02) !== 0) at += 4;
  const next = (isGiven: boolean, fallback: number) => {
    if (!isGiven) return fallback;
    const value = data.getUint32(at);
    at += 4;
    return value;
  };
  const duration = next((flags & 0x08) !== 0, defaults.duration);
  const size = next((flags & 0x10) !== 0, defaults.size);
  return { duration, size, flags: next((flags & 0x20) !== 0, defaults.flags) };
}

/** Of one fragment: hours of sound. A length that is made up must not be counted to. */
const MAX_SAMPLES = 1_000_000;

interface Run {
  readonly samples: number;
  readonly duration: number;
  readonly dataOffset: number;
  /** Of the first sample. */
  readonly firstSize: number;
  readonly flags: number;
  readonly compositionOffset: number;
}

function readRun(data: DataView, trun: Box, base: Defaults): Run {
  const flags = data.getUint32(trun.start) & 0xff_ffff;
  const samples = data.getUint32(trun.start + 4);
  if (samples > MAX_SAMPLES) throw unlike(`${samples} samples in one run`);
  let at = trun.start + 8;
  const next = () => {
    at += 4;
    return data.getUint32(at - 4);
  };
  const dataOffset = (flags & 0x01) === 0 ? 0 : next() | 0;
  const firstFlags = (flags & 0x04) === 0 ? null : next();
  let duration = 0;
  let first = { size: base.size, flags: base.flags, offset: 0 };
  for (let n = 0; n < samples; n++) {
    duration += (flags & 0x100) === 0 ? base.duration : next();
    const size = (flags & 0x200) === 0 ? base.size : next();
    const own = (flags & 0x400) === 0 ? base.flags : next();
    const offset = (flags & 0x800) === 0 ? 0 : next() | 0;
    if (n === 0) first = { size, flags: firstFlags ?? own, offset };
  }
  return {
    samples,
    duration,
    dataOffset,
    firstSize: first.size,
    flags: first.flags,
    compositionOffset: first.offset,
  };
}
