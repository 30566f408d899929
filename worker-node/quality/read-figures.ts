/** Reads what a comparison wrote, and sums it up. */
import { createReadStream } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { PSNR_CEILING_DB, type QualityFigures } from "../../protocol/quality.ts";
import type { Measurement } from "./measure-step.ts";

export type FiguresResult =
  | { readonly status: "ok"; readonly figures: QualityFigures }
  | { readonly status: "incomplete"; readonly detail: string };

export interface FiguresRequest {
  readonly dir: string;
  readonly measurement: Measurement;
  readonly bitDepth: 8 | 10;
  /** Presented frames of the output. What is compared beyond them is its last frame again. */
  readonly frames: number;
}

/** Frames at one time, or before the reference begins, have no partner; but most have. */
const LEAST_COMPARED_SHARE = 0.9;

/** The means over all frames; `incomplete` where frames or a figure are missing. */
export async function readFigures(request: FiguresRequest): Promise<FiguresResult> {
  const { dir, measurement, frames } = request;
  const error = await meanOf(join(dir, measurement.errorFile), frames);
  if (error.count < frames * LEAST_COMPARED_SHARE) {
    const detail = `${error.count} of ${frames} frames could be compared with the source`;
    return { status: "incomplete", detail };
  }
  const { structureFile, vmafFile } = measurement;
  const structure = structureFile === null ? null : await meanOf(join(dir, structureFile), frames);
  const vmaf = vmafFile === null ? null : await readVmaf(join(dir, vmafFile));
  if (vmaf === undefined) return { status: "incomplete", detail: "VMAF left no figure" };
  for (const file of [measurement.errorFile, structureFile, vmafFile]) {
    if (file !== null) await rm(join(dir, file), { force: true });
  }
  return {
    status: "ok",
    figures: {
      psnrDb: psnrOf(error.mean, request.bitDepth),
      ssim: structure === null ? null : rounded(structure.mean, 6),
      vmaf: vmaf === null ? null : rounded(vmaf, 3),
      frames: error.count,
    },
  };
}

/** Decibels from a mean square error; equal pictures, whose ratio is infinite, have the ceiling. */
export function psnrOf(meanSquareError: number, bitDepth: 8 | 10): number {
  const peak = 2 ** bitDepth - 1;
  if (meanSquareError <= 0) return PSNR_CEILING_DB;
  const decibels = 10 * Math.log10(peak ** 2 / meanSquareError);
  return rounded(Math.min(PSNR_CEILING_DB, Math.max(0, decibels)), 3);
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

/** Of the first `most` values; a file may have a line for every frame of hours. */
async function meanOf(file: string, most: number): Promise<{ mean: number; count: number }> {
  let sum = 0;
  let count = 0;
  const stream = createReadStream(file, { encoding: "utf8" });
  try {
    for await (const line of createInterface({
      input: stream,
      crlfDelay: Number.POSITIVE_INFINITY,
    })) {
      const text = /^lavfi\.[\w.]+=(\S+)$/.exec(line)?.[1];
      const value = text === undefined ? Number.NaN : Number.parseFloat(text);
      if (!Number.isFinite(value)) continue;
      if (count === most) break;
      sum += value;
      count += 1;
    }
  } catch (error) {
    // Nothing was compared, then nothing was written.
    if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
  } finally {
    stream.destroy();
  }
  return { mean: count === 0 ? 0 : sum / count, count };
}

/** libvmaf 2 and later pools its metrics; undefined where the log is not there or says something else. */
async function readVmaf(file: string): Promise<number | undefined> {
  const text = await readFile(file, "utf8").catch(() => "");
  const mean = /"pooled_metrics"[\s\S]*?"vmaf":\s*\{[^}]*?"mean":\s*([\d.]+)/.exec(text)?.[1];
  return mean === undefined ? undefined : Math.min(100, Number(mean));
}
