/** Changes how long a fragment lasts, by its last sample. Pure. */
import { boxAt, boxesIn, viewOf } from "../../protocol/packaging/boxes.ts";

const HAS_DURATIONS = 0x100;
/** They stand last. */
const HAS_OFFSETS = 0x800;

/**
 * A `moof` box (its head included) with its number, whose samples last `total` ticks together; its data follows it.
 *
 * @param lasted how long they last as it is.
 * @throws RangeError where its last sample would not last at all, or it is not of one run.
 */
export function withDuration(
  moof: Uint8Array,
  sequence: number,
  lasted: number,
  total: number,
  defaultDuration: number,
): Uint8Array {
  const numbered = moof.slice();
  const data = viewOf(numbered);
  const mfhd = boxAt(data, rootOf(data), "mfhd");
  if (mfhd !== null) data.setUint32(mfhd.start + 4, sequence);
  if (lasted === total) return numbered;
  const trun = runOf(data);
  const flags = data.getUint32(trun.start) & 0xff_ffff;
  const samples = data.getUint32(trun.start + 4);
  if ((flags & HAS_DURATIONS) === 0) {
    const grown = withDurations(numbered, fragmentDuration(data, defaultDuration));
    return withDuration(grown, sequence, lasted, total, defaultDuration);
  }
  const first = trun.start + 8 + 4 * (bit(flags, 0x01) + bit(flags, 0x04));
  const at = first + (samples - 1) * sampleSize(flags);
  const last = data.getUint32(at) + total - lasted;
  if (last <= 0) throw new RangeError(`A fragment's last picture would last ${last} ticks.`);
  data.setUint32(at, last);
  return numbered;
}

/** What samples without a length of their own last: as the fragment says, or the head. */
export function fragmentDuration(data: DataView, defaultDuration: number): number {
  const tfhd = boxAt(data, rootOf(data), "traf", "tfhd");
  if (tfhd === null) return defaultDuration;
  const flags = data.getUint32(tfhd.start) & 0xff_ffff;
  if ((flags & 0x08) === 0) return defaultDuration;
  return data.getUint32(tfhd.start + 8 + 8 * bit(flags, 0x01) + 4 * bit(flags, 0x02));
}

/** Of each sample of all runs: how long it lasts, and how long after its decoding it is shown. */
export function readSamples(
  data: DataView,
  defaultDuration: number,
): readonly { readonly duration: number; readonly offset: number }[] {
  return runsOf(data).flatMap((trun) => {
    const flags = data.getUint32(trun.start) & 0xff_ffff;
    const samples = data.getUint32(trun.start + 4);
    const first = trun.start + 8 + 4 * (bit(flags, 0x01) + bit(flags, 0x04));
    const size = sampleSize(flags);
    return Array.from({ length: samples }, (_, n) => {
      const at = first + n * size;
      const duration = bit(flags, HAS_DURATIONS) === 1 ? data.getUint32(at) : defaultDuration;
      const offset = bit(flags, HAS_OFFSETS) === 1 ? data.getInt32(at + size - 4) : 0;
      return { duration, offset };
    });
  });
}

/** Every sample is given its length: the run, and all boxes around it, grow by four bytes a sample. */
function withDurations(moof: Uint8Array, each: number): Uint8Array {
  const data = viewOf(moof);
  const trun = runOf(data);
  const traf = boxAt(data, rootOf(data), "traf");
  const flags = data.getUint32(trun.start) & 0xff_ffff;
  const samples = data.getUint32(trun.start + 4);
  const size = sampleSize(flags);
  const first = trun.start + 8 + 4 * (bit(flags, 0x01) + bit(flags, 0x04));
  const growth = samples * 4;
  const grown = new Uint8Array(moof.length + growth);
  grown.set(moof.subarray(0, first));
  const out = viewOf(grown);
  for (let n = 0; n < samples; n++) {
    const to = first + n * (size + 4);
    out.setUint32(to, each);
    grown.set(moof.subarray(first + n * size, first + (n + 1) * size), to + 4);
  }
  grown.set(moof.subarray(trun.end), trun.end + growth);
  for (const start of [0, (traf?.start ?? 8) - 8, trun.start - 8]) {
    out.setUint32(start, out.getUint32(start) + growth);
  }
  out.setUint32(trun.start, (data.getUint32(trun.start) | HAS_DURATIONS) >>> 0);
  // Where the data begins, from the beginning of the box.
  if (bit(flags, 0x01) === 1) out.setInt32(trun.start + 8, out.getInt32(trun.start + 8) + growth);
  return grown;
}

function runsOf(data: DataView) {
  const traf = boxAt(data, rootOf(data), "traf");
  return traf === null
    ? []
    : boxesIn(data, traf.start, traf.end).filter(({ type }) => type === "trun");
}

function runOf(data: DataView) {
  const runs = runsOf(data);
  const [run] = runs;
  if (run === undefined || runs.length !== 1) throw new RangeError("A fragment of several runs.");
  return run;
}

function rootOf(data: DataView) {
  return { type: "moof", start: 8, end: data.byteLength };
}

function bit(flags: number, mask: number): 0 | 1 {
  return (flags & mask) === 0 ? 0 : 1;
}

function sampleSize(flags: number): number {
  return 4 * (bit(flags, 0x100) + bit(flags, 0x200) + bit(flags, 0x400) + bit(flags, 0x800));
}
