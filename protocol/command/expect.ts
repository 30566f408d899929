/**
 * How long a command's output will be, where that is plain: one source, and nothing that changes its time. Then
 * progress is a fraction of it, and a source that ends before its declared duration is noticed. Pure.
 */

import type { SourceInfo } from "../media.ts";
import { lengthOf, reachedSeconds } from "../recipes/parts/span.ts";
import { secondsText } from "../recipes/parts/timing.ts";
import type { OutputStreams } from "./analyse.ts";
import type { Graph } from "./filters/graph.ts";
import { type Command, type CommandOutput, hasOption, type Option, optionsOf } from "./model.ts";

/** Filters that leave the time of what flows through them as it is. */
const timeless = new Set([
  ...["null", "copy", "scale", "crop", "pad", "rotate", "transpose", "hflip", "vflip", "format"],
  ...[
    "setsar",
    "setdar",
    "setfield",
    "setparams",
    "yadif",
    "bwdif",
    "drawbox",
    "drawgrid",
    "drawtext",
  ],
  ...["fade", "eq", "hue", "colorbalance", "colorchannelmixer", "curves", "negate", "unsharp"],
  ...["gblur", "boxblur", "hqdn3d", "nlmeans", "deband", "vignette", "tonemap", "zscale", "fps"],
  ...["anull", "volume", "loudnorm", "dynaudnorm", "aresample", "aformat", "afade", "pan"],
  ...["highpass", "lowpass", "equalizer", "bass", "treble", "acompressor", "alimiter"],
]);

const isTimeless = (graph: Graph | null) =>
  graph === null || graph.chains.flat().every(({ name }) => timeless.has(name));

/** Seconds of the longest output; null where they are not plain. */
export function expectedSeconds(
  command: Command,
  streams: readonly OutputStreams[],
  sources: Readonly<Record<string, SourceInfo>>,
): number | null {
  if (command.complex !== null || command.globals.length > 0) return null;
  let longest = 0;
  for (const output of command.outputs) {
    const found = streams.find(({ key }) => key === output.key);
    const input = found?.onlyInput == null ? undefined : command.inputs[found.onlyInput];
    const source = input === undefined ? undefined : sources[input.key];
    if (found === undefined || input === undefined || source === undefined) return null;
    const seconds = outputSeconds(output, found, input.options, source);
    if (seconds === null) return null;
    longest = Math.max(longest, seconds);
  }
  return longest > 0 ? longest : null;
}

function outputSeconds(
  output: CommandOutput,
  { video }: OutputStreams,
  inputOptions: readonly Option[],
  source: SourceInfo,
): number | null {
  const isPlain =
    output.options.every(({ graph }) => isTimeless(graph)) &&
    !hasOption(output.options, "frames", "fs", "shortest", "r", "fps_mode", "discard") &&
    inputOptions.every(({ name }) => plainInput.has(name));
  const own = video === "yes" ? (source.video?.durationSeconds ?? null) : null;
  if (!isPlain || own === null || output.format === "jpg" || output.format === "png") return null;
  return reachedSeconds(source, cut(output.options, cut(inputOptions, own)));
}

/** A start that no frame comes after, in words that name it; null where there is none, or the times are not plain. */
export function startBeyondEnd(
  command: Command,
  streams: readonly OutputStreams[],
  sources: Readonly<Record<string, SourceInfo>>,
): string | null {
  const lasts = ({ key, options }: Command["inputs"][number]) => {
    const source = sources[key];
    const length = source === undefined ? null : lengthOf(source);
    const isPlain = options.every(({ name }) => plainInput.has(name));
    return length === null || !isPlain ? Infinity : length.seconds + length.slackSeconds;
  };
  const refuse = (start: number, { key }: Command["inputs"][number], seconds: number) =>
    `-ss ${secondsText(start)} is beyond the end of ${key}, which lasts ${secondsText(seconds)} seconds.`;
  for (const input of command.inputs) {
    const [start, seconds] = [told(input.options, "ss") ?? 0, lasts(input)];
    if (start > 0 && start >= seconds) return refuse(start, input, seconds);
  }
  if (command.complex !== null || command.globals.length > 0) return null;
  for (const { key, options } of command.outputs) {
    const found = streams.find((one) => one.key === key);
    const input = found?.onlyInput == null ? undefined : command.inputs[found.onlyInput];
    if (input === undefined || !options.every(({ graph }) => isTimeless(graph))) continue;
    const start = told(options, "ss") ?? 0;
    const seconds = lasts(input);
    const left = Number.isFinite(seconds) ? cut(input.options, seconds) : seconds;
    if (start > 0 && start >= left) return refuse(start, input, left);
  }
  return null;
}

const plainInput = new Set([
  "ss",
  "t",
  "to",
  "accurate_seek",
  "autorotate",
  "noautorotate",
  "an",
  "sn",
  "dn",
  "c",
]);

/** What is left of a time after `-ss`, `-t` and `-to`, of which `-t` has the last word. */
function cut(options: readonly Option[], seconds: number): number {
  const start = told(options, "ss") ?? 0;
  const to = told(options, "to");
  const length = told(options, "t") ?? (to === null ? null : to - start);
  const left = Math.max(0, seconds - start);
  return length === null ? left : Math.min(left, Math.max(0, length));
}

/** The seconds of an option, or null. */
function told(options: readonly Option[], name: string): number | null {
  const value = optionsOf(options, name)[0]?.value;
  return value === undefined || value === null ? null : Number(value);
}
