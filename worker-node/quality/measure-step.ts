/** The ffmpeg run that compares an output with what it was encoded from. Pure. */
import type { FfmpegStep, PromisedOutput, Reference } from "../../protocol/plan.ts";

/** SSIM's windows take 8 × 8 samples of each plane, and VMAF's features no less; 4:2:0 halves its colour. */
const LEAST_STRUCTURE_PIXELS = 16;

/**
 * The output's pictures are paired with the last reference that is not later. Times are rounded to the ticks of
 * their files, to a millisecond at worst: by this much the output's are moved, so that none pairs with the one
 * before its own. Less than half a frame up to 250 per second.
 */
const PAIRING_MICROSECONDS = 2_000;

/** What there is to compare, and where the figures will be written. */
export interface Measurement {
  readonly step: FfmpegStep;
  /** In the scratch directory: a line for each frame that was compared. */
  readonly errorFile: string;
  /** Null: the pictures are too small for it. */
  readonly structureFile: string | null;
  /** Null: it cannot be measured. */
  readonly vmafFile: string | null;
}

export interface MeasurementRequest {
  readonly promise: PromisedOutput;
  readonly reference: Reference;
  /** Sets the names of its files apart from those of others. */
  readonly at: number;
  readonly size: { readonly width: number; readonly height: number };
  /** Where the output's times begin, in seconds: ffmpeg counts from its first packet. */
  readonly startSeconds: number;
  readonly stage: FfmpegStep["stage"];
  readonly hasVmaf: boolean;
  /** For progress. */
  readonly frames: number | null;
}

/** Plans the comparison: one run decodes both, and writes the figures of each frame to files. */
export function measurement(request: MeasurementRequest): Measurement {
  const { promise, reference, at, size } = request;
  const isTiny = Math.min(size.width, size.height) < LEAST_STRUCTURE_PIXELS;
  const errorFile = `quality-${at}.psnr`;
  const structureFile = isTiny ? null : `quality-${at}.ssim`;
  const vmafFile = isTiny || !request.hasVmaf ? null : `quality-${at}.vmaf`;
  const made = reference.inputs.length;
  return {
    errorFile,
    structureFile,
    vmafFile,
    step: {
      kind: "ffmpeg",
      stage: request.stage,
      inputs: [
        ...reference.inputs,
        { from: { file: promise.file }, options: offsetOptions(request) },
      ],
      filterComplex: [
        reference.graph,
        `[reference]${alike(reference, 0)}${comparisons(structureFile, vmafFile)}`,
        `[${made}:v:0]${alike(reference, PAIRING_MICROSECONDS)}[made]`,
        `[made][r0]psnr,${printed("lavfi.psnr.mse_avg", errorFile)}[d0]`,
        ...(structureFile === null
          ? []
          : [`[d0][r1]ssim,${printed("lavfi.ssim.All", structureFile)}[d1]`]),
        ...(vmafFile === null ? [] : [`[d1][r2]libvmaf=log_fmt=json:log_path=${vmafFile}[d2]`]),
      ].join(";"),
      outputs: [
        {
          file: `quality-${at}.null`,
          muxer: "null",
          options: ["-map", lastPad(structureFile, vmafFile), "-fps_mode:v", "passthrough"],
        },
      ],
      expectedFrames: request.frames,
      // A short output is the gate's to find.
      expectedSeconds: null,
      encoder: null,
    },
  };
}

function offsetOptions({ reference, startSeconds }: MeasurementRequest): string[] {
  return reference.alignment === "first_picture" || startSeconds === 0
    ? []
    : ["-itsoffset", startSeconds.toFixed(6)];
}

/** The same format, range and matrix by name on both sides, so that nothing is converted between them. */
function alike({ alignment, bitDepth, range }: Reference, shift: number): string {
  const origin = alignment === "first_picture" ? "PTS-STARTPTS" : "PTS";
  return [
    "settb=expr=1/1000000",
    `setpts=expr=${origin}+${shift}`,
    `scale=in_range=${range}:out_range=${range}`,
    `format=pix_fmts=${bitDepth === 10 ? "yuv420p10le" : "yuv420p"}`,
    `setparams=range=${range}:color_primaries=bt709:color_trc=bt709:colorspace=bt709`,
  ].join(",");
}

function comparisons(structureFile: string | null, vmafFile: string | null): string {
  const count = 1 + (structureFile === null ? 0 : 1) + (vmafFile === null ? 0 : 1);
  const pads = Array.from({ length: count }, (_, at) => `[r${at}]`).join("");
  return `,split=${count}${pads}`;
}

function lastPad(structureFile: string | null, vmafFile: string | null): string {
  if (vmafFile !== null) return "[d2]";
  return structureFile === null ? "[d0]" : "[d1]";
}

/** Two lines for each frame: its number and time, and the value. */
function printed(key: string, file: string): string {
  return `metadata=mode=print:key=${key}:file=${file}`;
}
