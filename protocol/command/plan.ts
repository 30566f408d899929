/** From a client's command and the probed sources to the one ffmpeg run that it is. Pure. */
import type { EncoderCapability, SourceInfo } from "../media.ts";
import type { FfmpegStep, PlanResult, PromisedOutput } from "../plan.ts";
import type { PlannedOutput } from "../recipes/define.ts";
import { muxers } from "../recipes/parts/container.ts";
import { unsupported } from "../recipes/parts/rejections.ts";
import { type Analysis, analyse, type OutputStreams } from "./analyse.ts";
import { defaultVideoEncoder, videoEncoders } from "./encoders.ts";
import { expectedSeconds, startBeyondEnd } from "./expect.ts";
import type { Media } from "./filters/define.ts";
import { type WrittenFilter, writeGraph } from "./filters/syntax.ts";
import { joinedRate } from "./joined-rate.ts";
import { type Command, type CommandOutput, hasOption, type Option, optionsOf } from "./model.ts";
import { parseCommand } from "./parse.ts";
import { optionArgs } from "./write.ts";

type Encoder = NonNullable<FfmpegStep["encoder"]>;

/**
 * Plans a command: checks it again, now with the sizes of the sources, and writes it out from what was understood.
 * The server's own options are added by the agent.
 *
 * @param encoders what the agent proved, best first; a proved encoder that is not among them is a rejection.
 */
export function planCommand(
  args: readonly string[],
  sources: Readonly<Record<string, SourceInfo>>,
  outputs: readonly PlannedOutput[],
  encoders: readonly EncoderCapability[],
): PlanResult {
  const parsed = parseCommand(args, {
    inputs: Object.keys(sources),
    outputs: Object.fromEntries(outputs.map(({ key, format }) => [key, format])),
  });
  if (parsed.status === "refused") return unsupported(parsed.detail);
  const { command } = parsed;
  const analysis = analyse(args, command, sources);
  if (analysis.status === "refused") return unsupported(analysis.detail);
  const beyond = startBeyondEnd(command, analysis.outputs, sources);
  if (beyond !== null) return unsupported(beyond);
  const chosen = chooseEncoder(command, analysis.outputs, encoders);
  if (chosen.status === "rejected") return unsupported(chosen.detail);
  return {
    status: "planned",
    action: "command",
    steps: [step(spared(command, analysis.outputs), analysis, sources, outputs, chosen.encoder)],
    outputs: outputs.map((output) => promise(command, analysis.outputs, output)),
  };
}

type Sources = Readonly<Record<string, SourceInfo>>;

/** Options that stand first, so that the client's own have the last word. */
function defaults(command: Command, sources: Sources, output: CommandOutput) {
  const { format, options } = output;
  const encoder = defaultVideoEncoder[format];
  if (encoder === undefined) return [];
  const isTold = hasOption(options, "r", "fps_mode");
  return ["-c:v", encoder, ...(isTold ? [] : joinedRate(command, output, sources))];
}

/** A picture is one file: without these ffmpeg numbers the files and makes one of every frame. */
function imageOptions({ format, options }: CommandOutput): string[] {
  if (format !== "jpg" && format !== "png") return [];
  return ["-update", "1", ...(hasOption(options, "frames") ? [] : ["-frames:v", "1"])];
}

/** As `-vf` and `-filter_complex` write them: the filter and what it is told. */
const FLIPS = /(?<=^|[,;\]])(\s*vflip(?:@\w+)?(?:=[^,;[]*)?)(?=[,;[]|$)/g;

/**
 * SVT-AV1 never ends on pictures that were flipped, whose lines are counted backwards (ffmpeg 5.1.9): it is given a copy. A
 * source's display matrix may ask for the flip, and then it stands in no graph of the client's: so all that a graph of
 * the whole command makes is copied.
 */
function spared(command: Command, streams: readonly OutputStreams[]): Command {
  const needsCopy = (output: CommandOutput) => {
    const encoders = videoEncodersOf(output);
    const hasVideo = streams.find(({ key }) => key === output.key)?.video !== "no";
    return hasVideo && encoders.length > 0 && encoders.every((name) => name === "libsvtav1");
  };
  if (!command.outputs.some(needsCopy)) return command;
  const flipped = (option: Option): Option => ({
    ...option,
    value: option.value?.replace(FLIPS, "$1,copy") ?? null,
  });
  const copied = (option: Option): Option =>
    option.value?.includes("[") ? flipped(option) : { ...option, value: `${option.value},copy` };
  const isOwn = ({ name, specifier }: Option) => name === "filter" && /^v/.test(specifier ?? "");
  const own: Option = { name: "filter", specifier: "v", value: "copy", graph: null, index: -1 };
  return {
    ...command,
    complex: command.complex === null ? null : withCopies(command.complex),
    outputs: command.outputs.map((output) => {
      if (!needsCopy(output)) return output;
      const isPlain = command.complex === null && !output.options.some(isOwn);
      const options = output.options.map((option) => (isOwn(option) ? copied(option) : option));
      return { ...output, options: isPlain ? [...options, own] : options };
    }),
  };
}

/** Pictures are copied where chains end; before a last filter that hands on what it was given, as `split` does. */
function withCopies(complex: Option): Option {
  if (complex.graph === null) return complex;
  const chains = complex.graph.chains.map((chain): readonly WrittenFilter[] => {
    const last = chain.at(-1);
    if (last === undefined) return chain;
    const before = chain.slice(0, -1);
    const copy: WrittenFilter = { inputs: [], name: "copy", params: new Map(), outputs: [] };
    if (isPicture(last.spec.outputs(last.params))) {
      return [...before, { ...last, outputs: [] }, { ...copy, outputs: last.outputs }];
    }
    if (!isPicture(last.spec.inputs(last.params))) return chain;
    return [...before, { ...copy, inputs: last.inputs }, { ...last, inputs: [] }];
  });
  return { ...complex, value: writeGraph(chains) };
}

function isPicture(pads: readonly Media[]): boolean {
  return pads.length === 1 && pads[0] === "video";
}

function step(
  command: Command,
  analysis: Analysis & { status: "ok" },
  sources: Readonly<Record<string, SourceInfo>>,
  outputs: readonly PlannedOutput[],
  encoder: Encoder | null,
): FfmpegStep {
  const globals = command.globals.flatMap(optionArgs);
  return {
    kind: "ffmpeg",
    stage: "transcoding",
    inputs: command.inputs.map(({ key, options }, index) => ({
      from: { source: key },
      // ffmpeg takes options of the whole command anywhere.
      options: [...(index === 0 ? globals : []), ...options.flatMap(optionArgs)],
    })),
    filterComplex: command.complex?.value ?? null,
    outputs: command.outputs.map((output) => {
      const planned = outputs.find(({ key }) => key === output.key);
      if (planned === undefined || output.format === "hls") {
        throw new RangeError(`The command writes '${output.key}', which was not asked for.`);
      }
      const options = output.options.filter(({ name }) => name !== "update").flatMap(optionArgs);
      return {
        file: planned.file,
        muxer: muxers[output.format],
        options: [...defaults(command, sources, output), ...options, ...imageOptions(output)],
      };
    }),
    expectedFrames: null,
    expectedSeconds: expectedSeconds(command, analysis.outputs, sources),
    encoder,
  };
}

/** The encoders of an output's pictures: those told, or the format's own. */
function videoEncodersOf({ format, options }: CommandOutput): readonly string[] {
  const told = optionsOf(options, "c")
    .filter(
      ({ specifier, value }) =>
        specifier === null || /^[vV]/.test(specifier) || videoEncoders.has(value ?? ""),
    )
    .map(({ value }) => value ?? "");
  if (told.length > 0) return told;
  const own = defaultVideoEncoder[format];
  return own === undefined ? [] : [own];
}

type EncoderChoice =
  | { readonly status: "ok"; readonly encoder: Encoder | null }
  | { readonly status: "rejected"; readonly detail: string };

/** Every proved encoder must be one of this worker's; the ledger names the first, a device's before the CPU's. */
function chooseEncoder(
  command: Command,
  streams: readonly OutputStreams[],
  encoders: readonly EncoderCapability[],
): EncoderChoice {
  const used: Encoder[] = [];
  for (const output of command.outputs) {
    const hasVideo = streams.find(({ key }) => key === output.key)?.video !== "no";
    for (const name of hasVideo ? videoEncodersOf(output) : []) {
      const known = videoEncoders.get(name);
      if (known === undefined) continue;
      const capability = encoders.find(({ encoder }) => encoder === name);
      if (known.isProved && capability === undefined) {
        const codecs = encoders.map(({ encoder }) => encoder).join(", ");
        return {
          status: "rejected",
          detail: `The encoder '${name}' is not proved on this worker, which has ${codecs || "none"}.`,
        };
      }
      used.push({ name, device: capability?.device ?? "cpu" });
    }
  }
  const devices = new Set(used.map(({ device }) => device).filter((device) => device !== "cpu"));
  if (devices.size > 1) {
    return { status: "rejected", detail: "The encoders of a command must be of one device." };
  }
  return { status: "ok", encoder: used.find(({ device }) => device !== "cpu") ?? used[0] ?? null };
}

function promise(
  command: Command,
  analysed: readonly OutputStreams[],
  planned: PlannedOutput,
): PromisedOutput {
  const output = command.outputs.find(({ key }) => key === planned.key);
  const streams = analysed.find(({ key }) => key === planned.key);
  if (output === undefined || streams === undefined) {
    throw new RangeError(`The command does not write '${planned.key}'.`);
  }
  const [encoder, ...others] = videoEncodersOf(output);
  const codec = others.length === 0 ? (videoEncoders.get(encoder ?? "")?.codec ?? null) : null;
  const unknown = (["video", "audio"] as const).filter((kind) => streams[kind] === "unknown");
  return {
    ...planned,
    video: streams.video === "yes" ? { codec, width: null, height: null, frames: null } : null,
    audio: streams.audio === "yes" ? { codec: null, channels: null } : null,
    ...(unknown.length === 0 ? {} : { unknown }),
    durationSeconds: null,
    durationToleranceSeconds: 0,
  };
}
