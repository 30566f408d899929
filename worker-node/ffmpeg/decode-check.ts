/** Decodes spans of files and says whether the decoder complained. */
import { tmpdir } from "node:os";
import { MAX_ALLOC_BYTES, MAX_PIXELS, QUIET } from "./argv.ts";
import { cleanLine } from "./clean-line.ts";
import { type ProcessResult, runProcess } from "./process.ts";
import type { Tools } from "./types.ts";
import { describeLimit } from "./usage-watch.ts";

export interface DecodeSpan {
  /** Whitelists, `-i` and the file or URL. */
  readonly input: readonly string[];
  readonly hasVideo: boolean;
  readonly hasAudio: boolean;
  /** Start at the key frame at or before this time, in seconds on the file's own clock; null: the beginning. */
  readonly fromSeconds: number | null;
  /** How much to decode; null: to the end. */
  readonly seconds: number | null;
}

export type DecodeResult =
  | { readonly status: "clean" }
  | { readonly status: "damaged"; readonly detail: string };

/** Far more than any GOP takes; a decoder that hangs is a damaged file too. */
const DECODE_TIMEOUT_MS = 600_000;

/** What the muxers say of variable frame rates; it is about their own rounding, not about the file. */
const harmless = /non monotonically increasing dts|Last message repeated/;

/**
 * Decodes pictures and sound of all spans in one process, whose start costs as much as decoding some twenty frames, and
 * throws them away. Every span with video must give a frame.
 *
 * @throws the signal's reason when it is aborted.
 */
export async function decodeSpans(
  tools: Tools,
  spans: readonly DecodeSpan[],
  signal: AbortSignal,
): Promise<DecodeResult> {
  const silent = new Set<number>();
  spans.filter(({ hasVideo }) => hasVideo).forEach((_, stream) => void silent.add(stream));
  const result = await runProcess({
    command: tools.ffmpeg,
    confinement: tools.confinement,
    args: [
      ...["-nostdin", ...QUIET, "-nostats"],
      ...["-max_alloc", String(MAX_ALLOC_BYTES), "-max_pixels", String(MAX_PIXELS)],
      ...spans.flatMap(inputOf),
      ...outputsOf(tools, spans),
    ],
    cwd: tmpdir(),
    signal,
    timeoutMs: DECODE_TIMEOUT_MS,
    // A line per frame begins with the number of its stream.
    onStdoutLine: (line) => void silent.delete(Number.parseInt(line, 10)),
  });
  signal.throwIfAborted();
  const complaint = result.stderr.find((line) => !harmless.test(line));
  if (complaint !== undefined) return { status: "damaged", detail: cleanLine(complaint) };
  if (result.end.kind !== "exited" || result.exitCode !== 0) {
    return { status: "damaged", detail: `the decoder ended with ${howItEnded(result)}` };
  }
  if (silent.size > 0) return { status: "damaged", detail: "no frame was decoded" };
  return { status: "clean" };
}

/**
 * Damage shows where the bitstream is parsed. The loop filter comes after that, has no say in it, and is a fifth of the
 * work: nobody looks at these pictures.
 */
const UNFILTERED = ["-skip_loop_filter", "all"] as const;

function inputOf({ input, hasVideo, fromSeconds, seconds }: DecodeSpan): readonly string[] {
  return [
    ...(hasVideo ? UNFILTERED : []),
    ...(seconds === null ? [] : ["-t", seconds.toFixed(6)]),
    ...(fromSeconds === null
      ? []
      : ["-seek_timestamp", "1", "-noaccurate_seek", "-ss", fromSeconds.toFixed(6)]),
    ...input,
  ];
}

/** Frames are listed and not looked at: what is summed up of a wrapped frame is its description alone. */
function outputsOf({ features }: Tools, spans: readonly DecodeSpan[]): readonly string[] {
  const map = (kind: "hasVideo" | "hasAudio", stream: string) =>
    spans.flatMap((span, at) => (span[kind] ? ["-map", `${at}:${stream}`] : []));
  const video = map("hasVideo", "V:0");
  const audio = map("hasAudio", "a");
  const passthrough = [features.fpsMode ? "-fps_mode" : "-vsync", "passthrough"];
  return [
    ...(video.length === 0
      ? []
      : [...video, ...passthrough, "-c:v", "wrapped_avframe", "-f", "framecrc", "pipe:1"]),
    ...(audio.length === 0 ? [] : [...audio, "-f", "null", "-"]),
  ];
}

function howItEnded({ end, exitCode, signal }: ProcessResult): string {
  if (end.kind === "exited") return `${exitCode ?? signal}`;
  return end.kind === "limit" ? describeLimit(end.passed) : end.kind;
}
