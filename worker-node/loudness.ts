/** Loudness measured by one run of ffmpeg, and brought to a target by the next (EBU R 128). */
import { createReadStream } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type FfmpegStep, LOUDNESS_FILTER } from "../protocol/plan.ts";

/** What was measured of a whole track. */
export interface Loudness {
  /** Integrated, in LUFS. */
  readonly integrated: number;
  /** Range, in LU. */
  readonly range: number;
  /** The highest sample of any channel between samples, in dBTP. */
  readonly truePeak: number;
}

/** Nothing above the gate of the standard: silence, which no gain makes louder. */
const SILENCE_LUFS = -69;
/** What encoders add to a peak does not clip below this. */
const MAX_TRUE_PEAK = -1.5;
/** The relative gate of BS.1770-4 lies this far below the loudness of what passes the absolute one. */
const RELATIVE_GATE_LU = 10;

/**
 * The step with the filter that its measure asks for, in place of the mark for it.
 *
 * @param dir the scratch directory, where the measuring step has written.
 */
export async function withLoudness(step: FfmpegStep, dir: string): Promise<FfmpegStep> {
  const { loudness } = step;
  if (loudness === undefined) return step;
  const filter = normalising(await readLoudness(join(dir, loudness.file)), loudness.targetLufs);
  return {
    ...step,
    outputs: step.outputs.map((output) => ({
      ...output,
      options: output.options.map((option) => option.replace(LOUDNESS_FILTER, filter)),
    })),
  };
}

/**
 * One gain for the whole track where its peaks leave room, else loudnorm's limiter. A measured range above the
 * target's would make loudnorm compress what only has to be louder: the target follows it.
 */
function normalising(measured: Loudness | null, targetLufs: number): string {
  if (measured === null || measured.integrated <= SILENCE_LUFS) return "anull";
  const number = (value: number, low: number, high: number) =>
    Math.min(high, Math.max(low, value)).toFixed(2);
  return [
    `loudnorm=I=${number(targetLufs, -70, -5)}`,
    `TP=${number(MAX_TRUE_PEAK, -9, 0)}`,
    // 20 is the most that every version takes, 1 the least.
    `LRA=${number(measured.range, 1, 20)}`,
    `measured_I=${number(measured.integrated, -99, 0)}`,
    `measured_TP=${number(measured.truePeak, -99, 99)}`,
    `measured_LRA=${number(measured.range, 0, 99)}`,
    `measured_thresh=${number(measured.integrated - RELATIVE_GATE_LU, -99, 0)}`,
    "linear=true",
  ].join(":");
}

/** The last figures that `ebur128` left: those of the whole. Null where it left none. */
async function readLoudness(file: string): Promise<Loudness | null> {
  const last = new Map<string, number>();
  const lines = createInterface({ input: createReadStream(file, { encoding: "utf8" }) });
  for await (const line of lines) {
    const [, key, text] = /^lavfi\.r128\.(\w+)=(\S+)$/.exec(line) ?? [];
    const value = Number.parseFloat(text ?? "");
    if (key !== undefined && Number.isFinite(value)) last.set(key, value);
  }
  const integrated = last.get("I");
  if (integrated === undefined) return null;
  const peaks = [...last].filter(([key]) => key.startsWith("true_peaks_ch"));
  const peak = Math.max(0, ...peaks.map(([, value]) => value));
  return {
    integrated,
    range: last.get("LRA") ?? 0,
    truePeak: peak > 0 ? 20 * Math.log10(peak) : -99,
  };
}
