/**
 * The gate: an output is reported only after it was read back, compared with what the plan promised, and
 * decoded at both ends. The exit codes of ffmpeg and ffprobe prove nothing: an encode of no frame and a
 * file with a corrupt head both have 0.
 */
import { stat } from "node:fs/promises";
import { isAbsolute } from "node:path";
import type { SourceInfo, VideoMetadata } from "../../protocol/media.ts";
import type { PromisedOutput } from "../../protocol/plan.ts";
import { type DecodeSpan, decodeSpans } from "./decode-check.ts";
import { hasOneConfiguration } from "./one-configuration.ts";
import type { StreamScan } from "./packet-scan.ts";
import { demuxersOf, type FoundOutput, listedMismatch, mismatch } from "./promise.ts";
import { readOutput } from "./read-output.ts";
import { metadataOf, toSourceInfo } from "./source-info.ts";
import { isTextFormat, textFault, textMedia } from "./text-gate.ts";
import type { GateResult, ListedFile, OutputFile, Tools } from "./types.ts";

/** Files up to this long are decoded whole: one span instead of two. */
const DECODE_WHOLE_SECONDS = 15;

/** One file's, without its name. */
type Checked =
  | { readonly status: "invalid"; readonly fault: string }
  | {
      readonly status: "ok";
      readonly result: GateResult & { readonly status: "ok" };
      /** What is left to decode of it. */
      readonly spans: readonly DecodeSpan[];
    };

/**
 * Compares output files with what the plan promised, and decodes their first and last groups of pictures.
 *
 * @returns in the files' order; the first that is not as promised may be the only one that was looked at to the end.
 * @throws the signal's reason when it is aborted.
 */
export async function checkOutputs(
  tools: Tools,
  files: readonly OutputFile[],
  signal: AbortSignal,
): Promise<readonly GateResult[]> {
  const checked = await Promise.all(files.map((one) => checkFile(tools, one, signal)));
  const found = checked.every(({ status }) => status === "ok")
    ? await decodeAll(tools, checked, signal)
    : checked;
  return found.map((one, at): GateResult => {
    if (one.status === "ok") return one.result;
    return { status: "invalid", detail: `${files[at]?.promise.file}: ${one.fault}.` };
  });
}

/** One file's. @throws the signal's reason when it is aborted. */
export async function checkOutput(
  tools: Tools,
  file: string,
  promise: PromisedOutput,
  signal: AbortSignal,
): Promise<GateResult> {
  const [result] = await checkOutputs(tools, [{ file, promise }], signal);
  if (result === undefined) throw new RangeError("a file was checked, but nothing was said of it");
  return result;
}

/** All files in one process; each by itself when one of them is damaged, to say which. */
async function decodeAll(
  tools: Tools,
  files: readonly Checked[],
  signal: AbortSignal,
): Promise<readonly Checked[]> {
  const spansOf = (one: Checked) => (one.status === "ok" ? one.spans : []);
  const together = await decodeAny(tools, files.flatMap(spansOf), signal);
  if (together.status === "clean") return files;
  const damaged = (detail: string): Checked => ({
    status: "invalid",
    fault: `it does not decode: ${detail}`,
  });
  const found: Checked[] = [];
  for (const one of files) {
    const alone = await decodeAny(tools, spansOf(one), signal);
    found.push(alone.status === "clean" ? one : damaged(alone.detail));
  }
  // Refused together and passed one by one: what is not understood is not let through.
  const isNamed = found.some(({ status }) => status === "invalid");
  return isNamed ? found : files.map(() => damaged(together.detail));
}

async function decodeAny(tools: Tools, spans: readonly DecodeSpan[], signal: AbortSignal) {
  return spans.length === 0 ? ({ status: "clean" } as const) : decodeSpans(tools, spans, signal);
}

async function checkFile(
  tools: Tools,
  { file, promise, listed }: OutputFile,
  signal: AbortSignal,
): Promise<Checked> {
  if (!isAbsolute(file)) throw new RangeError("the gate needs an absolute path");
  const invalid = (fault: string): Checked => ({ status: "invalid", fault });
  const { format } = promise;
  const size = await sizeOf(file);
  if (size === null) return invalid("the file was promised, but it does not exist");
  if (size === 0) return invalid("the file is empty");
  if (isTextFormat(format)) {
    const fault = await textFault(file, format, promise.elsewhere);
    if (fault !== null) return invalid(fault);
    return { status: "ok", result: { status: "ok", media: textMedia(promise) }, spans: [] };
  }
  const input = ["-format_whitelist", demuxersOf[format], "-protocol_whitelist", "file"];
  const opened = [...input, "-i", `file:${file}`];
  if (listed !== undefined) return checkListed(listed, promise, size, opened);
  const reading = await readOutput(tools, [...input, `file:${file}`], signal);
  if (reading.status === "unreadable") {
    return invalid(`format ${format} was promised, but it cannot be read: ${reading.why}`);
  }
  const found = describe(toSourceInfo(reading.probed, size), reading.packets, promise);
  const difference = mismatch(promise, found);
  if (difference !== null) return invalid(difference);
  const codec = found.source.video?.codec;
  const isCopy = promise.video?.isCopy === true && codec !== undefined;
  if (isCopy && !(await hasOneConfiguration(tools, opened, codec, signal))) {
    return invalid("its pictures change their codec's configuration, and so perhaps their size");
  }
  const media = mediaOf(found, promise, size);
  return {
    status: "ok",
    result: { status: "ok", media, ...picturesOf(found) },
    spans: spansOf(opened, extentOf(found), promise),
  };
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

function describe(
  source: SourceInfo,
  packets: ReadonlyMap<number, StreamScan>,
  promise: PromisedOutput,
): FoundOutput {
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

/** Compared by what is known of it; decoding it shows that others can read it, too. */
function checkListed(
  listed: ListedFile,
  promise: PromisedOutput,
  size: number,
  input: readonly string[],
): Checked {
  const difference = listedMismatch(promise, listed);
  if (difference !== null) return { status: "invalid", fault: difference };
  const { startSeconds: start, secondKey, lastKey, durationSeconds } = listed;
  const extent = { hasVideo: true, hasAudio: false, durationSeconds, start, secondKey, lastKey };
  return {
    status: "ok",
    result: { status: "ok", media: listedMedia(listed, promise, size) },
    spans: spansOf(input, extent, promise),
  };
}

function listedMedia(listed: ListedFile, { format }: PromisedOutput, size: number): VideoMetadata {
  const { codec, width, height, frames, durationSeconds } = listed;
  const thousandths = (value: number) => Math.round(value * 1000) / 1000;
  return {
    format,
    durationSeconds: thousandths(durationSeconds),
    width,
    height,
    frameRate: thousandths(frames / durationSeconds),
    videoCodec: codec,
    audioCodec: null,
    bitrateKbps: Math.round((size * 8) / durationSeconds / 100) / 10,
  };
}

/** What there is to decode, and where its groups of pictures lie. */
interface Extent {
  readonly hasVideo: boolean;
  readonly hasAudio: boolean;
  readonly durationSeconds: number | null;
  readonly start?: number | null;
  readonly secondKey?: number | null;
  readonly lastKey?: number | null;
}

function extentOf({ source, packets, durationSeconds }: FoundOutput): Extent {
  const { video, audio } = source;
  const scan = video === null ? undefined : packets.get(video.index);
  return { hasVideo: video !== null, hasAudio: audio.length > 0, durationSeconds, ...scan };
}

/** The first and the last group of pictures; where it goes on from another file, the last. */
function spansOf(
  input: readonly string[],
  { hasVideo, hasAudio, start, secondKey, lastKey, durationSeconds }: Extent,
  { continues }: PromisedOutput,
): readonly DecodeSpan[] {
  // Cues alone: they were read with the packets.
  if (!hasVideo && !hasAudio) return [];
  const all = { input, hasVideo, hasAudio };
  const whole = { ...all, fromSeconds: null, seconds: null };
  // Sound is decoded whole: it is quick, and a seek into MP3 or AAC makes decoders complain.
  if (start == null || secondKey == null || lastKey == null) return [whole];
  const last = { ...whole, fromSeconds: lastKey };
  if (continues === true) return [last];
  const isShort = (durationSeconds ?? 0) <= DECODE_WHOLE_SECONDS;
  return isShort ? [whole] : [{ ...whole, seconds: Math.max(0.001, secondKey - start) }, last];
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
