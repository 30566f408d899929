/**
 * Encodes a few frames with a candidate, with the options that plans give it, and reads back what came out. Every
 * process has a limit of its own: a driver that hangs must not keep the agent from starting.
 */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { EncoderCapability } from "../../protocol/media.ts";
import { deviceInput, deviceScale, deviceUpload } from "../../protocol/recipes/parts/pipeline.ts";
import { encoderArguments, type Quality } from "../../protocol/recipes/parts/video-encoder.ts";
import { deviceEnv, deviceOptions, QUIET } from "./argv.ts";
import { type EncoderCandidate, kindOf } from "./encoder-candidates.ts";
import { hardwareFaultOf, tellingSentence } from "./failure.ts";
import { runProcess } from "./process.ts";
import { bitDepthOf } from "./source-info.ts";
import type { Tools } from "./types.ts";

const PROOF_TIMEOUT_MS = 20_000;
const PROOF_FRAMES = 16;
/** A ladder has no more rungs; more sessions than that are not asked for. */
const MOST_SESSIONS = 8;

export interface ProofContext {
  readonly tools: Tools;
  /** A directory of its own. */
  readonly dir: string;
  readonly signal: AbortSignal;
  /** For each process; default 20 seconds. */
  readonly timeoutMs?: number;
}

export type ProofOutcome =
  /** `file` holds the pictures, where one was written. */
  | { readonly status: "proved"; readonly file: string }
  /** `isBusy`: others use the device now, and it may be proved another time. */
  | { readonly status: "refused"; readonly reason: string; readonly isBusy: boolean }
  | { readonly status: "hung" };

/** What a proof drives: a candidate, and how. */
export type Driven = Pick<EncoderCandidate, "encoder" | "codec" | "device"> & {
  readonly plain?: boolean | undefined;
};

const CONSTANT_QUALITY: Quality = { kind: "capped", crf: 23, maxKbps: 4000 };
/** The others that plans ask of a device: drivers lack one or the other. */
const OTHER_MODES: readonly Quality[] = [
  { kind: "bitrate", kbps: 1000 },
  { kind: "crf", crf: 23 },
];

/** Healthy cards refuse pictures of 64 or 128 pixels; software proves as much with fewer. */
function pictures({ device }: Driven, depth: 8 | 10): string[] {
  const onDevice = device !== "cpu";
  const planar = depth === 8 ? "yuv420p" : "yuv420p10le";
  const semiPlanar = depth === 8 ? "nv12" : "p010le";
  const format = onDevice ? semiPlanar : planar;
  return ["-f", "lavfi", "-i", `color=s=${onDevice ? "640x360" : "320x180"}:r=30,format=${format}`];
}

function productionArguments(driven: Driven, depth: 8 | 10, quality: Quality) {
  const { encoder, codec, device, plain } = driven;
  const capability: EncoderCapability = {
    ...{ encoder, codec, device, bitDepths: [depth], maxSessions: null },
    ...(plain === undefined ? {} : { plain }),
  };
  // Software's quickest preset: that it works at all is the proof. A container without tags of its own.
  const preset = device === "cpu" ? "ultrafast" : "veryfast";
  return encoderArguments(capability, {
    ...{ quality, preset, bitDepth: depth, gop: 60, alignedSeconds: "2", format: "webm" },
  });
}

/** Proved when 16 frames of that bit depth come back as 16 packets of the codec with that bit depth. */
export function proveEncoder(
  driven: Driven,
  depth: 8 | 10,
  context: ProofContext,
): Promise<ProofOutcome> {
  const { filters, output } = productionArguments(driven, depth, CONSTANT_QUALITY);
  return encodeAndRead(driven, depth, context, [
    ...pictures(driven, depth),
    ...(filters.length === 0 ? [] : ["-vf", filters.join(",")]),
    ...output,
  ]);
}

/** The other ways that plans ask for: an average rate, and a quality without a bound. */
export async function proveModes(
  driven: Driven,
  depth: 8 | 10,
  context: ProofContext,
): Promise<ProofOutcome> {
  let outcome: ProofOutcome = { status: "proved", file: "" };
  for (const quality of OTHER_MODES) {
    const { filters, output } = productionArguments(driven, depth, quality);
    outcome = await encodeAndRead(driven, depth, context, [
      ...pictures(driven, depth),
      ...(filters.length === 0 ? [] : ["-vf", filters.join(",")]),
      ...output,
    ]);
    if (outcome.status !== "proved") break;
  }
  return outcome;
}

/**
 * Whether the device scales what is in its memory: pictures that the CPU moves there, or with `sample` those that it
 * decodes itself. A decoder that quietly leaves the work to the CPU is found out, because its pictures are not there.
 */
export async function proveScaling(
  driven: Driven,
  depth: 8 | 10,
  sample: string | null,
  context: ProofContext,
): Promise<ProofOutcome> {
  const kind = kindOf(driven.device);
  const [input, scale, upload] = [
    deviceInput(kind),
    deviceScale(kind, { width: 320, height: 180 }, depth),
    deviceUpload(kind, depth),
  ];
  if (input === null || scale === null || upload === null) {
    return { status: "refused", reason: "no such pipeline is known", isBusy: false };
  }
  const from = sample === null ? pictures(driven, depth) : [...input, "-i", sample];
  const filters = sample === null ? [...upload, scale] : [scale];
  const { output } = productionArguments(driven, depth, CONSTANT_QUALITY);
  return encodeAndRead(driven, depth, context, [...from, "-vf", filters.join(","), ...output]);
}

/** How many encoders ran at once, up to `MOST_SESSIONS`; at least the one already proved. */
export async function proveSessions(
  driven: Driven,
  context: ProofContext,
): Promise<{ readonly sessions: number; readonly isCertain: boolean }> {
  let proved = 1;
  let refused = MOST_SESSIONS + 1;
  // Cards without a limit answer at once; the rest is halved.
  for (
    let count = MOST_SESSIONS;
    proved + 1 < refused;
    count = Math.floor((proved + refused) / 2)
  ) {
    const outcome = await encodeAtOnce(driven, count, context);
    if (outcome.status === "hung" || context.signal.aborted) {
      return { sessions: proved, isCertain: false };
    }
    if (outcome.status === "proved") proved = count;
    else refused = count;
  }
  return { sessions: proved, isCertain: true };
}

function encodeAtOnce(driven: Driven, count: number, context: ProofContext): Promise<ProofOutcome> {
  const { filters, output } = productionArguments(driven, 8, CONSTANT_QUALITY);
  const labels = Array.from({ length: count }, (_, i) => `[s${i}]`);
  const graph = [`[0:v]${[...filters, `split=${count}`].join(",")}${labels.join("")}`];
  return encode(driven, context, [
    ...pictures(driven, 8),
    ...["-filter_complex", graph.join(";")],
    ...labels.flatMap((label) => [
      ...["-map", label, "-frames:v", String(PROOF_FRAMES), ...output, "-f", "null", "-"],
    ]),
  ]);
}

async function encodeAndRead(
  driven: Driven,
  depth: 8 | 10,
  context: ProofContext,
  args: readonly string[],
): Promise<ProofOutcome> {
  const device = driven.device.replace(/[^a-z0-9]/gi, "_");
  const file = join(context.dir, `${driven.encoder}-${device}-${depth}-${crypto.randomUUID()}.mkv`);
  const encoded = await encode(driven, context, [
    ...args,
    ...["-frames:v", String(PROOF_FRAMES), "-f", "matroska", "-y", file],
  ]);
  if (encoded.status !== "proved") return encoded;
  const found = await readBack(file, context);
  const isRight =
    found?.codec_name === driven.codec &&
    bitDepthOf(found.pix_fmt) === depth &&
    Number(found.nb_read_packets) === PROOF_FRAMES;
  if (isRight) return { status: "proved", file };
  await rm(file, { force: true });
  const reason =
    found === null
      ? "it wrote nothing that can be read"
      : `it made ${found.nb_read_packets} pictures of ${found.codec_name} in ${found.pix_fmt}`;
  return { status: "refused", reason, isBusy: false };
}

async function encode(
  driven: Driven,
  { tools, dir, signal, timeoutMs = PROOF_TIMEOUT_MS }: ProofContext,
  args: readonly string[],
): Promise<ProofOutcome> {
  const result = await runProcess({
    command: tools.ffmpeg,
    confinement: tools.confinement,
    usesDevice: driven.device !== "cpu",
    args: ["-nostdin", ...QUIET, "-nostats", ...deviceOptions(driven.device), ...args],
    cwd: dir,
    signal,
    env: deviceEnv(driven.device, process.env.CUDA_VISIBLE_DEVICES),
    timeoutMs,
  });
  if (result.end.kind === "timeout") return { status: "hung" };
  if (result.end.kind === "exited" && result.exitCode === 0) return { status: "proved", file: "" };
  const { stderr } = result;
  const fault = hardwareFaultOf({ stderr, usesHardware: driven.device !== "cpu" });
  const said = fault?.line ?? tellingSentence(stderr) ?? `exit code ${result.exitCode}`;
  return { status: "refused", reason: said, isBusy: fault?.fault === "exhausted" };
}

const readBackSchema = z.object({
  streams: z.tuple([
    z.object({ codec_name: z.string(), pix_fmt: z.string(), nb_read_packets: z.string() }),
  ]),
});

async function readBack(file: string, { tools, dir, signal }: ProofContext) {
  const { stdout } = await runProcess({
    command: tools.ffprobe,
    confinement: tools.confinement,
    args: [
      ...QUIET,
      ...["-count_packets", "-of", "json"],
      ...["-show_entries", "stream=codec_name,pix_fmt,nb_read_packets"],
      file,
    ],
    cwd: dir,
    signal,
    timeoutMs: PROOF_TIMEOUT_MS,
    maxStdout: 10_000,
  });
  try {
    return readBackSchema.parse(JSON.parse(stdout)).streams[0];
  } catch {
    return null;
  }
}
