/** Encodes a few frames with a candidate and reads back what came out. */
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { deviceEnv, deviceOptions, QUIET } from "./argv.ts";
import type { EncoderCandidate } from "./encoder-candidates.ts";
import { runProcess } from "./process.ts";
import { bitDepthOf } from "./source-info.ts";
import type { Tools } from "./types.ts";

/** A driver that hangs must not keep the agent from starting. */
const PROOF_TIMEOUT_MS = 20_000;
const PROOF_FRAMES = 16;

/** Tried from the top: cards without a limit answer at once; GeForce drivers allow 3, 5, 8 or 12. */
const SESSION_COUNTS = [16, 12, 8, 5, 3, 2] as const;

export interface ProofContext {
  readonly tools: Tools;
  /** A directory of its own. */
  readonly dir: string;
  readonly signal: AbortSignal;
}

/** Healthy cards refuse pictures of 64 or 128 pixels; software proves as much with fewer. */
function picture(candidate: EncoderCandidate, depth: 8 | 10): string {
  const hardware = candidate.device !== "cpu";
  const size = hardware ? "640x360" : "320x180";
  const planar = depth === 8 ? "yuv420p" : "yuv420p10le";
  const semiPlanar = depth === 8 ? "nv12" : "p010le";
  return `color=s=${size}:r=30,format=${hardware ? semiPlanar : planar}`;
}

function kindOf(candidate: EncoderCandidate): string {
  return candidate.device.split(":", 1)[0] ?? "";
}

/** VAAPI encodes only what lies on the device. */
function filterOf(candidate: EncoderCandidate): string[] {
  return kindOf(candidate) === "vaapi" ? ["-vf", "hwupload"] : [];
}

export type ProofOutcome = "proved" | "refused" | "hung";

/** Proved when 16 frames of that bit depth come back as 16 packets of the codec with that bit depth. */
export async function proveEncoder(
  candidate: EncoderCandidate,
  depth: 8 | 10,
  context: ProofContext,
): Promise<ProofOutcome> {
  const device = candidate.device.replace(/[^a-z0-9]/gi, "_");
  const file = join(context.dir, `${candidate.encoder}-${device}-${depth}.mkv`);
  // What an earlier proof left there must not speak for this one.
  await rm(file, { force: true });
  const encoded = await encode(candidate, context, [
    ...["-f", "lavfi", "-i", picture(candidate, depth)],
    ...filterOf(candidate),
    ...["-frames:v", String(PROOF_FRAMES), "-c:v", candidate.encoder, ...candidate.options],
    ...["-f", "matroska", "-y", file],
  ]);
  if (encoded !== "proved") return encoded;
  const found = await readBack(file, context);
  const isRight =
    found?.codec_name === candidate.codec &&
    bitDepthOf(found.pix_fmt) === depth &&
    Number(found.nb_read_packets) === PROOF_FRAMES;
  return isRight ? "proved" : "refused";
}

/** How many encoders ran at once: the largest count tried that worked; at least the one already proved. */
export async function proveSessions(
  candidate: EncoderCandidate,
  context: ProofContext,
): Promise<number> {
  for (const count of SESSION_COUNTS) {
    const labels = Array.from({ length: count }, (_, i) => `[s${i}]`);
    const outcome = await encode(candidate, context, [
      ...["-f", "lavfi", "-i", picture(candidate, 8)],
      ...["-filter_complex", `[0:v]split=${count}${labels.join("")}`],
      ...labels.flatMap((label) => [
        ...["-map", label, "-frames:v", String(PROOF_FRAMES)],
        ...["-c:v", candidate.encoder, ...candidate.options, "-f", "null", "-"],
      ]),
    ]);
    if (outcome === "proved") return count;
    if (outcome === "hung" || context.signal.aborted) return 1;
  }
  return 1;
}

async function encode(
  candidate: EncoderCandidate,
  { tools, dir, signal }: ProofContext,
  args: readonly string[],
): Promise<ProofOutcome> {
  const result = await runProcess({
    command: tools.ffmpeg,
    args: ["-nostdin", ...QUIET, "-nostats", ...deviceOptions(candidate.device), ...args],
    cwd: dir,
    signal,
    env: deviceEnv(candidate.device, process.env.CUDA_VISIBLE_DEVICES),
    timeoutMs: PROOF_TIMEOUT_MS,
  });
  if (result.end.kind === "timeout") return "hung";
  return result.end.kind === "exited" && result.exitCode === 0 ? "proved" : "refused";
}

const readBackSchema = z.object({
  streams: z.tuple([
    z.object({ codec_name: z.string(), pix_fmt: z.string(), nb_read_packets: z.string() }),
  ]),
});

async function readBack(file: string, { tools, dir, signal }: ProofContext) {
  const { stdout } = await runProcess({
    command: tools.ffprobe,
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
