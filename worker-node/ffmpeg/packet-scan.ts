/**
 * Reads what ffprobe tells of a file's packets, line by line: how many pictures are presented, from when to
 * when, where the last key frame is, and whether time ever runs backwards. Pure.
 */

/** Entries to ask for. */
export const PACKET_ENTRIES = "packet=stream_index,pts_time,dts_time,duration_time,flags";

export interface StreamScan {
  /** Packets that an edit list does not leave out (flag `D`). */
  readonly presented: number;
  /** When the first presented packet is shown and the last one ends, in seconds; null without times. */
  readonly start: number | null;
  readonly end: number | null;
  /** Presentation times of the key frames that are nearest the beginning (the second) and the end. */
  readonly secondKey: number | null;
  readonly lastKey: number | null;
  /** What is wrong with the timestamps, or null. */
  readonly fault: string | null;
}

interface Scanning {
  times: number[];
  presented: number;
  end: number | null;
  keys: number;
  secondKey: number | null;
  lastKey: number | null;
  lastDts: number | null;
  fault: string | null;
}

/**
 * Takes ffprobe's lines one by one (`-of json=compact=1`: a packet begins with its line, others belong to what is inside
 * it); `streams` gives what was seen of each stream by its index.
 */
export function createPacketScan() {
  const scans = new Map<number, Scanning>();
  const scanOf = (index: number): Scanning => {
    const scan = scans.get(index) ?? emptyScan();
    scans.set(index, scan);
    return scan;
  };
  return {
    push(line: string): void {
      const index = valueIn(line, '"stream_index": ');
      const flags = valueIn(line, '"flags": ');
      if (index === undefined || flags === undefined) return;
      const pts = time(valueIn(line, '"pts_time": '));
      const dts = time(valueIn(line, '"dts_time": '));
      const duration = time(valueIn(line, '"duration_time": ')) ?? 0;
      addPacket(scanOf(Number(index)), pts, dts, duration, flags);
    },
    streams: () => new Map([...scans].map(([index, scan]) => [index, finish(scan)] as const)),
  };
}

/** What follows a name, with or without quotes. Packets are many: a regular expression takes five times as long. */
function valueIn(line: string, name: string): string | undefined {
  const found = line.indexOf(name);
  if (found < 0) return undefined;
  const at = found + name.length;
  if (line[at] === '"') return line.slice(at + 1, line.indexOf('"', at + 1));
  return line.slice(at, line.indexOf(",", at));
}

function emptyScan(): Scanning {
  return {
    times: [],
    presented: 0,
    end: null,
    keys: 0,
    secondKey: null,
    lastKey: null,
    lastDts: null,
    fault: null,
  };
}

function addPacket(
  scan: Scanning,
  pts: number | null,
  dts: number | null,
  duration: number,
  flags: string,
): void {
  if (dts !== null) {
    if (scan.lastDts !== null && dts < scan.lastDts) {
      scan.fault ??= `decoding times run backwards at ${dts} s`;
    }
    scan.lastDts = dts;
  }
  if (flags.includes("D")) return;
  scan.presented++;
  if (pts === null) return;
  scan.times.push(pts);
  scan.end = Math.max(scan.end ?? Number.NEGATIVE_INFINITY, pts + duration);
  if (!flags.includes("K")) return;
  scan.keys++;
  if (scan.keys === 2) scan.secondKey = pts;
  scan.lastKey = Math.max(scan.lastKey ?? Number.NEGATIVE_INFINITY, pts);
}

function finish(scan: Scanning): StreamScan {
  const times = Float64Array.from(scan.times).sort();
  let fault = scan.fault;
  for (let i = 1; i < times.length && fault === null; i++) {
    if (times[i] === times[i - 1]) fault = `two packets are presented at ${times[i]} s`;
  }
  const { presented, end, secondKey, lastKey } = scan;
  return { presented, start: times[0] ?? null, end, secondKey, lastKey, fault };
}

function time(text: string | undefined): number | null {
  if (text === undefined || text === "" || text === "N/A") return null;
  const value = Number(text);
  return Number.isFinite(value) ? value : null;
}
