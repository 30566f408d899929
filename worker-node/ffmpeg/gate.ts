/**
 * The gate: an output is reported only after it was read back, compared with what the plan promised, and
 * decoded at both ends. The exit codes of ffmpeg and ffprobe prove nothing: an encode of no frame and a
 * file with a corrupt head both have 0.
 */
import { stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { isAbsolute } from "node:path";
import type { SourceInfo, VideoMetadata } from "../../protocol/media.ts";
import type { PromisedOutput } from "../../protocol/plan.ts";
import { MAX_ALLOC_BYTES, QUIET } from "./argv.ts";
import { decodeSpan } from "./decode-check.ts";
import { tellingSentence } from "./failure.ts";
import { PROBE_ENTRIES, type ProbedFile, parseProbe } from "./ffprobe-json.ts";
import { createPacketScan, PACKET_ENTRIES, type StreamScan } from "./packet-scan.ts";
import { runProcess } from "./process.ts";
import { demuxersOf, type FoundOutput, mismatch } from "./promise.ts";
import { metadataOf, toSourceInfo } from "./source-info.ts";
import { isTextFormat, textFault, textMedia } from "./text-gate.ts";
import type { GateResult, Tools } from "./types.ts";

/** Reading every packet of a file of many gigabytes. */
const SCAN_TIMEOUT_MS = 600_000;
/** Files up to this long are decoded whole: one process instead of two. */
const DECODE_WHOLE_SECONDS = 15;

interface Reading {
  readonly tools: Tools;
  /** Whitelists and the file, without `-i`, which ffprobe does not need. */
  readonly whitelists: readonly string[];
  readonly file: string;
  readonly signal: AbortSignal;
}

/**
 * Compares an output file with what the plan promised, and decodes its first and last group of pictures.
 *
 * @param file an absolute path.
 * @throws the signal's reason when it is aborted.
 */
export async function checkOutput(
  tools: Tools,
  file: string,
  promise: PromisedOutput,
  signal: AbortSignal,
): Promise<GateResult> {
  if (!isAbsolute(file)) throw new RangeError("the gate needs an absolute path");
  const invalid = (detail: string): GateResult => ({
    status: "invalid",
    detail: `${promise.file}: ${detail}.`,
  });
  const { format } = promise;
  const size = await sizeOf(file);
  if (size === null) return invalid("the file was promised, but it does not exist");
  if (size === 0) return invalid("the file is empty");
  if (isTextFormat(format)) {
    const fault = await textFault(file, format, promise.elsewhere);
    return fault === null ? { status: "ok", media: textMedia(promise) } : invalid(fault);
  }
  const reading: Reading = {
    tools,
    whitelists: ["-format_whitelist", demuxersOf[format], "-protocol_whitelist", "file"],
    file,
    signal,
  };

  const [probed, packets] = await Promise.all([probe(reading), scanPackets(reading)]);
  if (probed.status === "unreadable") {
    return invalid(`format ${format} was promised, but it cannot be read: ${probed.why}`);
  }
  const found = describe(probed.probed, size, packets, promise);
  const difference = mismatch(promise, found);
  if (difference !== null) return invalid(difference);
  const damage = await decodeEnds(reading, found);
  if (damage !== null) return invalid(`it does not decode: ${damage}`);
  return { status: "ok", media: mediaOf(found, promise, size), ...picturesOf(found) };
}

function picturesOf({
  source,
  packets,
}: FoundOutput): Pick<GateResult & { status: "ok" }, "pictures"> {
  const { video, startSeconds } = source;
  if (video === null) return {};
  return { pictures: { frames: packets.get(video.index)?.presented ?? 0, startSeconds } };
}

async function sizeOf(file: string): Promise<number | null> {
  const stats = await stat(file).catch(() => null);
  return stats?.isFile() ? stats.size : null;
}

type Probing =
  | { readonly status: "read"; readonly probed: ProbedFile }
  | { readonly status: "unreadable"; readonly why: string };

async function probe({ tools, whitelists, file, signal }: Reading): Promise<Probing> {
  const result = await runProcess({
    command: tools.ffprobe,
    confinement: tools.confinement,
    args: [
      ...QUIET,
      ...["-max_alloc", String(MAX_ALLOC_BYTES)],
      ...["-show_entries", PROBE_ENTRIES, "-of", "json"],
      ...whitelists,
      `file:${file}`,
    ],
    cwd: tmpdir(),
    signal,
    timeoutMs: SCAN_TIMEOUT_MS,
    maxStdout: 2_000_000,
  });
  signal.throwIfAborted();
  const probed = result.end.kind === "exited" ? parseProbe(result.stdout) : null;
  if (probed !== null) return { status: "read", probed };
  return { status: "unreadable", why: tellingSentence(result.stderr) ?? "ffprobe found nothing" };
}

async function scanPackets({ tools, whitelists, file, signal }: Reading) {
  const scan = createPacketScan();
  await runProcess({
    command: tools.ffprobe,
    confinement: tools.confinement,
    args: [
      ...QUIET,
      ...["-show_entries", PACKET_ENTRIES, "-of", "csv=p=0"],
      ...whitelists,
      `file:${file}`,
    ],
    cwd: tmpdir(),
    signal,
    timeoutMs: SCAN_TIMEOUT_MS,
    onStdoutLine: scan.push,
  });
  signal.throwIfAborted();
  return scan.streams();
}

function describe(
  probed: ProbedFile,
  sizeBytes: number,
  packets: ReadonlyMap<number, StreamScan>,
  promise: PromisedOutput,
): FoundOutput {
  const source = toSourceInfo(probed, sizeBytes);
  const isPicture = promise.format === "jpg" || promise.format === "png";
  return {
    source,
    packets,
    durationSeconds: isPicture ? null : (spanOf(packets, source) ?? source.durationSeconds),
  };
}

/**
 * From the first to the end of the last presented packet. ffprobe's own duration is an estimate for ADTS
 * and for MP3 without a header, and for GIF it misses the last frame's. Cues may stand long after.
 */
function spanOf(
  packets: ReadonlyMap<number, StreamScan>,
  { video, audio }: SourceInfo,
): number | null {
  const played = [video, ...audio].flatMap((stream) => packets.get(stream?.index ?? -1) ?? []);
  const spans = played.filter(({ start, end }) => start !== null && end !== null);
  if (spans.length === 0) return null;
  const start = Math.min(...spans.map((span) => span.start ?? 0));
  const end = Math.max(...spans.map((span) => span.end ?? 0));
  return end > start ? end - start : null;
}

/** The decoder's first complaint about the first or the last group of pictures; null when it has none. */
async function decodeEnds(reading: Reading, found: FoundOutput): Promise<string | null> {
  const { video } = found.source;
  const scan = video === null ? undefined : found.packets.get(video.index);
  const whole = { fromSeconds: null, seconds: null };
  const { start, secondKey, lastKey } = scan ?? {};
  const isShort = (found.durationSeconds ?? 0) <= DECODE_WHOLE_SECONDS;
  const hasSeveralGops = start != null && secondKey != null && lastKey != null;
  // Sound is decoded whole: it is quick, and a seek into MP3 or AAC makes decoders complain.
  const spans =
    isShort || !hasSeveralGops
      ? [whole]
      : [
          { fromSeconds: null, seconds: Math.max(0.001, secondKey - start) },
          { fromSeconds: lastKey, seconds: null },
        ];
  const decoded = await Promise.all(
    spans.map((span) =>
      decodeSpan(reading.tools, {
        ...span,
        input: [...reading.whitelists, "-i", `file:${reading.file}`],
        hasVideo: video !== null,
        signal: reading.signal,
      }),
    ),
  );
  for (const result of decoded) if (result.status === "damaged") return result.detail;
  return null;
}

/** Formats whose header does not say how long they are: there the packets do. */
const withoutDuration: readonly string[] = ["aac", "gif"];

function mediaOf(found: FoundOutput, promise: PromisedOutput, sizeBytes: number): VideoMetadata {
  const media = metadataOf(found.source);
  const isPicture = promise.format === "jpg" || promise.format === "png";
  if (isPicture) {
    return {
      ...media,
      format: promise.format,
      durationSeconds: null,
      frameRate: null,
      bitrateKbps: null,
    };
  }
  const declared = withoutDuration.includes(promise.format) ? null : media.durationSeconds;
  const duration = declared ?? found.durationSeconds;
  return {
    ...media,
    format: promise.format,
    durationSeconds: duration === null ? null : Math.round(duration * 1000) / 1000,
    bitrateKbps: duration === null ? null : Math.round((sizeBytes * 8) / duration / 100) / 10,
  };
}
