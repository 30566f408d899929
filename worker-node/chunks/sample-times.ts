/** When the samples of a fragment are shown. Pure. */
import { boxAt, viewOf } from "../../protocol/packaging/boxes.ts";
import { fragmentDuration, readSamples } from "./sample-durations.ts";

/** In ticks of the media, in the order in which they are stored. @throws RangeError where the fragment has no time. */
export function shownTimes(moof: Uint8Array, defaultDuration: number): readonly number[] {
  const data = viewOf(moof);
  const root = { type: "moof", start: 8, end: data.byteLength };
  const tfdt = boxAt(data, root, "traf", "tfdt");
  if (tfdt === null) throw new RangeError("A fragment without its time.");
  let time =
    data.getUint8(tfdt.start) === 1
      ? Number(data.getBigUint64(tfdt.start + 4))
      : data.getUint32(tfdt.start + 4);
  return readSamples(data, fragmentDuration(data, defaultDuration)).map(({ duration, offset }) => {
    const shown = time + offset;
    time += duration;
    return shown;
  });
}

/** The first time that two samples have, or null. */
export function repeatedTime(times: readonly number[]): number | null {
  const sorted = Float64Array.from(times).sort();
  for (let at = 1; at < sorted.length; at++) {
    if (sorted[at] === sorted[at - 1]) return sorted[at] ?? null;
  }
  return null;
}
