/** Decodes a span of a file and says whether the decoder complained. */
import { tmpdir } from "node:os";
import { MAX_ALLOC_BYTES, MAX_PIXELS, QUIET } from "./argv.ts";
import { cleanLine } from "./clean-line.ts";
import { type ProcessResult, runProcess } from "./process.ts";
import { createProgressReader } from "./progress.ts";
import type { Tools } from "./types.ts";
import { describeLimit } from "./usage-watch.ts";

export interface DecodeRequest {
  /** Whitelists, `-i` and the file or URL. */
  readonly input: readonly string[];
  readonly hasVideo: boolean;
  /** Start at the key frame at or before this time, in seconds on the file's own clock; null: the beginning. */
  readonly fromSeconds: number | null;
  /** How much to decode; null: to the end. */
  readonly seconds: number | null;
  readonly signal: AbortSignal;
}

export type DecodeResult =
  | { readonly status: "clean"; readonly frames: number }
  | { readonly status: "damaged"; readonly detail: string };

/** Far more than any GOP takes; a decoder that hangs is a damaged file too. */
const DECODE_TIMEOUT_MS = 600_000;

/** What the null muxer says of variable frame rates; it is about its own rounding, not about the file. */
const harmless = /non monotonically increasing dts|Last message repeated/;

/** Decodes pictures and sound of the span and throws them away. */
export async function decodeSpan(tools: Tools, request: DecodeRequest): Promise<DecodeResult> {
  const { fromSeconds, seconds } = request;
  const readLine = createProgressReader();
  let frames = 0;
  const result = await runProcess({
    command: tools.ffmpeg,
    confinement: tools.confinement,
    args: [
      ...["-nostdin", ...QUIET, "-nostats", "-progress", "pipe:1"],
      ...["-max_alloc", String(MAX_ALLOC_BYTES), "-max_pixels", String(MAX_PIXELS)],
      ...(fromSeconds === null
        ? []
        : ["-seek_timestamp", "1", "-noaccurate_seek", "-ss", fromSeconds.toFixed(6)]),
      ...request.input,
      ...["-map", "0:V:0?", "-map", "0:a?"],
      ...(seconds === null ? [] : ["-t", seconds.toFixed(6)]),
      ...(tools.features.fpsMode ? ["-fps_mode", "passthrough"] : ["-vsync", "passthrough"]),
      ...["-f", "null", "-"],
    ],
    cwd: tmpdir(),
    signal: request.signal,
    timeoutMs: DECODE_TIMEOUT_MS,
    onStdoutLine(line) {
      frames = readLine(line)?.progress.frame ?? frames;
    },
  });
  request.signal.throwIfAborted();
  const complaints = result.stderr.filter((line) => !harmless.test(line));
  const first = complaints[0];
  if (first !== undefined) return { status: "damaged", detail: cleanLine(first) };
  if (result.end.kind !== "exited" || result.exitCode !== 0) {
    return { status: "damaged", detail: `the decoder ended with ${howItEnded(result)}` };
  }
  if (request.hasVideo && frames === 0)
    return { status: "damaged", detail: "no frame was decoded" };
  return { status: "clean", frames };
}

function howItEnded({ end, exitCode, signal }: ProcessResult): string {
  if (end.kind === "exited") return `${exitCode ?? signal}`;
  return end.kind === "limit" ? describeLimit(end.passed) : end.kind;
}
