/**
 * Reads what `-progress pipe:1` writes: blocks of `key=value` lines, each ended by `progress=continue` or
 * `progress=end`. Pure. Values that ffmpeg does not know are `N/A`, or, in old versions, absurdly negative
 * times; both become null.
 */
import type { Progress } from "./types.ts";

/** A finished block of a `-progress` stream. */
export interface ProgressReport {
  readonly progress: Progress;
  /** The last block: ffmpeg has written everything. */
  readonly ended: boolean;
}

/** `key=value`, with the padding that ffmpeg puts around values removed; null for anything else. */
export function parseProgressLine(line: string): { key: string; value: string } | null {
  const match = /^([a-z0-9_]+)=\s*(.*?)\s*$/.exec(line);
  return match ? { key: match[1] ?? "", value: match[2] ?? "" } : null;
}

/** Collects lines; returns a report when a block is complete, else null. */
export function createProgressReader(): (line: string) => ProgressReport | null {
  let block = new Map<string, string>();
  return (line) => {
    const parsed = parseProgressLine(line);
    if (parsed === null) return null;
    if (parsed.key !== "progress") {
      block.set(parsed.key, parsed.value);
      return null;
    }
    const report = { progress: readBlock(block), ended: parsed.value === "end" };
    block = new Map();
    return report;
  };
}

function readBlock(block: ReadonlyMap<string, string>): Progress {
  return {
    frame: nonNegative(block.get("frame")),
    fps: nonNegative(block.get("fps")),
    speed: nonNegative(block.get("speed")?.replace(/x$/, "")),
    outTimeSeconds: outTime(block),
    totalSize: nonNegative(block.get("total_size")),
  };
}

/** `out_time_ms` is in microseconds in spite of its name (kept so for compatibility, ffmpeg ticket 7345). */
function outTime(block: ReadonlyMap<string, string>): number | null {
  const microseconds = nonNegative(block.get("out_time_us") ?? block.get("out_time_ms"));
  return microseconds === null ? null : microseconds / 1_000_000;
}

function nonNegative(text: string | undefined): number | null {
  if (text === undefined || text === "") return null;
  const value = Number(text);
  return Number.isFinite(value) && value >= 0 ? value : null;
}
