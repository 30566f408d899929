/**
 * A step of a plan becomes ffmpeg's argv. Pure.
 *
 * The plan says what is done to the pictures; everything that touches the machine is said here: where bytes
 * come from and go to, which demuxers and protocols may open them, threads, limits, log and progress.
 * These stand after the plan's own options of the same input or output, so that they have the last word.
 */
import type { ByteSpan } from "../../protocol/chunks/contract.ts";
import type { FfmpegStep } from "../../protocol/plan.ts";
import { inputKeySchema, outputFilenameSchema } from "../../protocol/task.ts";
import type { ToolFeatures } from "./types.ts";

/** The containers that may be uploaded; a playlist or an image dressed up as one of them is refused. */
const SOURCE_DEMUXERS = "mov,matroska,avi";

/** What earlier steps of the same plan may have written. */
const INTERMEDIATE_DEMUXERS = `${SOURCE_DEMUXERS},wav,mp3,aac,gif,png_pipe,jpeg_pipe,image2,webvtt,srt`;

/** 8192 × 8192: larger pictures are refused by the decoder. */
export const MAX_PIXELS = 8192 * 8192;

/** Filters do not know `-max_pixels`; a frame of that many pixels in 16-bit RGBA has half a gibibyte. */
export const MAX_ALLOC_BYTES = 1024 ** 3;

/** How often `-progress` speaks, in seconds. */
const STATS_PERIOD_SECONDS = 0.25;

export interface ArgvContext {
  /** @param reads where it is known what will be needed: then answers may end before what was asked for. */
  readonly inputUrl: (key: string, reads?: ByteSpan) => string;
  readonly features: ToolFeatures;
  readonly threads?: number;
}

/** Options that keep a tool quiet, off the terminal, and its log in one form. */
export const QUIET = ["-hide_banner", "-v", "error"] as const;

/** What may open a source served on the loopback. */
export function sourceWhitelists(): string[] {
  return ["-format_whitelist", SOURCE_DEMUXERS, "-protocol_whitelist", "http,tcp"];
}

/**
 * Of an input whose answers may end early: what is missing is asked for at once, from where it was, and a request
 * that fails is not made again (libavformat/http.c, `http_read_stream`: the first delay is 0 s, the second 1).
 */
const READS_ON = ["-reconnect", "1", "-reconnect_delay_max", "0"] as const;

/** What ffmpeg says of an answer that ends early, before it asks for the rest: not of a fault. */
export function isEarlyEnd(line: string): boolean {
  return /^\[https? @ [^\]]*\] Stream ends prematurely at \d+, should be \d+$/.test(line);
}

/** Whether ffmpeg may meet answers that end early and are none to speak of. */
export function readsOn({ inputs }: FfmpegStep): boolean {
  return inputs.some(({ from }) => "source" in from && from.reads !== undefined);
}

/** The argv after the program's name. @throws RangeError when a name or URL in the step is not harmless. */
export function stepArgv(step: FfmpegStep, context: ArgvContext): string[] {
  const threads = context.threads === undefined ? [] : ["-threads", String(context.threads)];
  return [
    ...globalOptions(context),
    ...deviceOptions(step.encoder?.device ?? null),
    ...step.inputs.flatMap((input) => [
      ...input.options,
      ...threads,
      ...inputArgv(input.from, context),
    ]),
    ...(step.filterComplex === null ? [] : ["-filter_complex", step.filterComplex]),
    ...step.outputs.flatMap((output) => [
      ...portable(output.options, context.features),
      ...threads,
      "-f",
      output.muxer,
      output.muxer === "image2" ? numberedUrl(output.file) : fileUrl(output.file),
    ]),
  ];
}

function globalOptions({ features, threads }: ArgvContext): string[] {
  return [
    "-nostdin",
    ...QUIET,
    "-nostats",
    "-y",
    "-progress",
    "pipe:1",
    ...(features.statsPeriod ? ["-stats_period", String(STATS_PERIOD_SECONDS)] : []),
    "-max_alloc",
    String(MAX_ALLOC_BYTES),
    ...(threads === undefined
      ? []
      : ["-filter_threads", String(threads), "-filter_complex_threads", String(threads)]),
  ];
}

/**
 * Opens the device that filters and encoders of VAAPI and QSV work on. NVENC needs none: the process sees a
 * single card (`deviceEnv`).
 */
export function deviceOptions(device: string | null): string[] {
  const [kind, path] = splitDevice(device);
  switch (kind) {
    case "vaapi":
      return ["-init_hw_device", `vaapi=hw:${path}`, "-filter_hw_device", "hw"];
    case "qsv":
      return ["-init_hw_device", `qsv=hw,child_device=${path}`, "-filter_hw_device", "hw"];
    default:
      return [];
  }
}

/**
 * The variables that pin a process to a device: `cuda:1` is the second card that the agent itself may use,
 * so an agent confined to cards 2 and 3 means card 3 by it.
 */
export function deviceEnv(
  device: string | null,
  visible: string | undefined,
): Record<string, string> {
  const [kind, index] = splitDevice(device);
  if (kind !== "cuda") return {};
  const cards = visible?.split(",").map((card) => card.trim()) ?? [];
  return { CUDA_VISIBLE_DEVICES: cards[Number(index)] ?? index };
}

function splitDevice(device: string | null): [kind: string, rest: string] {
  const colon = device?.indexOf(":") ?? -1;
  if (device === null || colon < 0) return [device ?? "cpu", ""];
  return [device.slice(0, colon), device.slice(colon + 1)];
}

function inputArgv(
  from: FfmpegStep["inputs"][number]["from"],
  { inputUrl }: ArgvContext,
): string[] {
  const limits = ["-max_pixels", String(MAX_PIXELS)];
  if ("source" in from) {
    if (!inputKeySchema.safeParse(from.source).success) {
      throw new RangeError(`'${from.source}' is not the key of an input`);
    }
    const { source, reads } = from;
    const url = loopbackUrl(reads === undefined ? inputUrl(source) : inputUrl(source, reads));
    return [
      ...limits,
      ...(reads === undefined ? [] : READS_ON),
      ...sourceWhitelists(),
      ...["-i", url],
    ];
  }
  const isList = "list" in from;
  const demuxers = isList ? `concat,${SOURCE_DEMUXERS}` : INTERMEDIATE_DEMUXERS;
  const whitelists = ["-format_whitelist", demuxers, "-protocol_whitelist", "file"];
  return [...limits, ...whitelists, "-i", fileUrl(isList ? from.list : from.file)];
}

/** ffmpeg may reach the agent's own server, by address, and nothing else. */
export function loopbackUrl(url: string): string {
  const { protocol, hostname } = new URL(url);
  if (protocol !== "http:" || (hostname !== "127.0.0.1" && hostname !== "[::1]")) {
    throw new RangeError("a source is served on a loopback address over http");
  }
  return url;
}

/** A file of the scratch directory, ffmpeg's cwd. `file:` keeps a name from being an option or a protocol. */
function fileUrl(name: string): string {
  if (!outputFilenameSchema.safeParse(name).success) {
    throw new RangeError(`'${name}' is not a file name`);
  }
  return `file:${name}`;
}

/** A file, or with one `%d` a file per picture. */
function numberedUrl(name: string): string {
  fileUrl(name.replace("%d", "1"));
  return `file:${name}`;
}

/** What the flag `cmaf` of `-movflags` stands for in the versions that have it. */
const CMAF_FLAGS = "default_base_moof+negative_cts_offsets";

/**
 * Plans speak the current options; older versions know frame-rate modes as `-vsync`, and `cmaf` by its parts:
 * two flags and no edit list. Before 5.0 packets cannot be given other times (`setts`): the last picture lasts a frame.
 */
export function portable(options: readonly string[], features: ToolFeatures): string[] {
  const isPacketTimes = (at: number) =>
    options[at] === "-bsf:v" && options[at + 1]?.startsWith("setts=") === true;
  return options.flatMap((option, at) => {
    if (!features.fpsMode && (isPacketTimes(at) || isPacketTimes(at - 1))) return [];
    if (!features.fpsMode && /^-fps_mode(?::|$)/.test(option)) return ["-vsync"];
    const isCmaf = options[at - 1] === "-movflags" && /(?:^|\+)cmaf(?:\+|$)/.test(option);
    if (features.cmafFlag || !isCmaf) return [option];
    return [option.replace(/(^|\+)cmaf(?=\+|$)/, `$1${CMAF_FLAGS}`), "-use_editlist", "0"];
  });
}
