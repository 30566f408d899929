/**
 * A client's argv becomes a `Command`, or is refused at its first argument that is not understood. As ffmpeg does
 * it: options belong to the next input or output, in the order of the arguments. Pure.
 */
import type { OutputFormat } from "../media.ts";
import { refuseEncoder } from "./encoders.ts";
import { parseGraph } from "./filters/graph.ts";
import {
  type Command,
  type CommandInput,
  type CommandOutput,
  type CommandRefusal,
  type Option,
  optionsOf,
  refusal,
} from "./model.ts";
import type { OptionSpec, OptionTable } from "./options/define.ts";
import { globalOptions, inputOptions } from "./options/input.ts";
import { optionNamed, refusedOptions } from "./options/names.ts";
import { outputOptions } from "./options/output.ts";
import { ok, quoted, type Read, refuse } from "./read.ts";

/** What the job offers: the keys that placeholders may name. */
export interface CommandKeys {
  readonly inputs: readonly string[];
  readonly outputs: Readonly<Record<string, OutputFormat>>;
}

export type ParsedCommand = { readonly status: "ok"; readonly command: Command } | CommandRefusal;

const MAX_ARGS = 200;
const MAX_ARG_LENGTH = 4096;
/** Inputs, and outputs, of one command. */
const MAX_FILES = 16;

/** An option that waits for the file it belongs to. */
interface Pending {
  readonly index: number;
  readonly name: string;
  readonly specifier: string | null;
  readonly value: string | null;
}

interface State {
  readonly args: readonly string[];
  readonly keys: CommandKeys;
  pending: Pending[];
  readonly globals: Option[];
  complex: Option | null;
  readonly inputs: CommandInput[];
  readonly outputs: CommandOutput[];
}

function specIn(table: OptionTable, name: string): OptionSpec | null {
  return Object.hasOwn(table, name) ? (table[name] ?? null) : null;
}

const takesValue = ({ value, graph }: OptionSpec) => value !== null || graph !== undefined;

/** `-filter` has its graph's kind from its specifier. */
function withGraph(name: string, specifier: string | null, spec: OptionSpec): OptionSpec {
  if (name !== "filter") return spec;
  return { ...spec, graph: specifier?.startsWith("a") ? "audio" : "video" };
}

/** Reads a command. The whole of it is understood, or it is refused. */
export function parseCommand(args: readonly string[], keys: CommandKeys): ParsedCommand {
  const size = sizeRefusal(args);
  if (size !== null) return size;
  const state: State = {
    args,
    keys,
    pending: [],
    globals: [],
    complex: null,
    inputs: [],
    outputs: [],
  };
  let at = 0;
  while (at < args.length) {
    const step = args[at]?.startsWith("-") ? readOption(state, at) : readOutput(state, at);
    if (typeof step !== "number") return step;
    at = step;
  }
  return finish(state);
}

function sizeRefusal(args: readonly string[]): CommandRefusal | null {
  if (args.length > MAX_ARGS) {
    return refusal(args, MAX_ARGS, `is one of over ${MAX_ARGS} arguments`);
  }
  const long = args.findIndex((argument) => argument.length > MAX_ARG_LENGTH);
  return long < 0 ? null : refusal(args, long, `is longer than ${MAX_ARG_LENGTH} characters`);
}

/** Takes one option, with its value; answers where the next argument stands. */
function readOption(state: State, at: number): number | CommandRefusal {
  const { args } = state;
  const text = args[at] ?? "";
  if (text === "-i") return readInput(state, at);
  const { name, specifier } = optionNamed(text.slice(1));
  const global = specIn(globalOptions, name);
  const spec = global ?? specIn(inputOptions, name) ?? specIn(outputOptions, name);
  if (spec === null) {
    const why = refusedOptions.get(name);
    return refusal(
      args,
      at,
      why === undefined ? "is not an option that commands may use" : `may not be used: ${why}`,
    );
  }
  const hasValue = takesValue(withGraph(name, specifier, spec)) || name === "filter";
  const value = hasValue ? args[at + 1] : null;
  if (value === undefined) return refusal(args, at, "needs a value after it");
  const pending: Pending = { index: at, name, specifier, value };
  const next = at + (hasValue ? 2 : 1);
  if (global === null) {
    state.pending.push(pending);
    return next;
  }
  const option = typed(state, pending, global);
  if ("status" in option) return option;
  if (global.graph !== "complex") {
    if (!state.globals.some((other) => other.name === name)) state.globals.push(option);
  } else if (state.complex !== null) {
    return refusal(args, at, "may be given only once; join the graphs with ';'");
  } else state.complex = option;
  return next;
}

function readInput(state: State, at: number): number | CommandRefusal {
  const { args, keys } = state;
  const key = placeholder(args[at + 1] ?? "", "input", keys.inputs);
  if (args[at + 1] === undefined)
    return refusal(args, at, "needs a placeholder after it, as {{input}}");
  if (key.status === "refused") return refusal(args, at + 1, key.rule);
  if (state.outputs.length > 0) return refusal(args, at, "must stand before every output");
  if (state.inputs.length >= MAX_FILES)
    return refusal(args, at, `is one of over ${MAX_FILES} inputs`);
  const options = settle(state, inputOptions, "an input", "an output");
  if ("status" in options) return options;
  state.inputs.push({ key: key.value, options });
  return at + 2;
}

function readOutput(state: State, at: number): number | CommandRefusal {
  const { args, keys } = state;
  const key = placeholder(args[at] ?? "", "output", Object.keys(keys.outputs));
  if (key.status === "refused") return refusal(args, at, key.rule);
  if (state.outputs.some((output) => output.key === key.value)) {
    return refusal(args, at, "is written to twice");
  }
  const format = keys.outputs[key.value];
  if (format === undefined || format === "hls") {
    return refusal(args, at, "cannot be hls, which the recipe hls makes");
  }
  const options = settle(state, outputOptions, "an output", "an input", format);
  if ("status" in options) return options;
  state.outputs.push({ key: key.value, format, options, index: at });
  return at + 1;
}

/** The key that `{{in_1}}`, `{{out_1}}`, `{{input}}` or `{{output}}` names. */
function placeholder(
  text: string,
  kind: "input" | "output",
  keys: readonly string[],
): Read<string> {
  const name = /^\{\{([a-z0-9_]{1,40})\}\}$/.exec(text)?.[1];
  const offered = keys.map((key) => `{{${key}}}`).join(", ");
  if (name === undefined) {
    return refuse(
      kind === "input"
        ? `must be a placeholder of an input: ${offered}`
        : `must be an option or a placeholder of an output: ${offered}`,
    );
  }
  if (keys.includes(name)) return ok(name);
  if (name !== kind) return refuse(`is no ${kind} of this job; there is ${offered}`);
  const [only, ...others] = keys;
  return only === undefined || others.length > 0
    ? refuse(`does not say which of ${offered}`)
    : ok(only);
}

/** The options that have waited for the file at hand, typed. */
function settle(
  state: State,
  table: OptionTable,
  here: string,
  elsewhere: string,
  format: OutputFormat | null = null,
): readonly Option[] | CommandRefusal {
  const options: Option[] = [];
  const seen = new Set<string>();
  for (const pending of state.pending) {
    const { index, name, specifier } = pending;
    const spec = specIn(table, name);
    if (spec === null)
      return refusal(state.args, index, `is an option of ${elsewhere}, not of ${here}`);
    if (format !== null && spec.formats !== undefined && !spec.formats.includes(format)) {
      return refusal(
        state.args,
        index,
        `is an option of ${spec.formats.join(", ")}, not of ${format}`,
      );
    }
    const once = `${name}:${specifier ?? ""}`;
    if (seen.has(once) && spec.repeats !== true) {
      return refusal(state.args, index, "is given twice for the same file");
    }
    seen.add(once);
    const option = typed(state, pending, withGraph(name, specifier, spec));
    if ("status" in option) return option;
    const wrong = format === null ? null : encoderRefusal(state, option, format);
    if (wrong !== null) return wrong;
    options.push(option);
  }
  state.pending = [];
  return options;
}

function encoderRefusal(state: State, option: Option, format: OutputFormat): CommandRefusal | null {
  if (option.name !== "c" || option.value === null) return null;
  const rule = refuseEncoder(option.value, format);
  return rule === null
    ? null
    : refusal(state.args, option.index + 1, rule, state.args[option.index]);
}

function typed(state: State, pending: Pending, spec: OptionSpec): Option | CommandRefusal {
  const { index, name, specifier, value } = pending;
  const { args } = state;
  if (specifier !== null) {
    const read = spec.specifier?.(specifier) ?? refuse("takes nothing after a colon");
    if (read.status === "refused") return refusal(args, index, read.rule);
  }
  if (name === "filter" && !/^[va]/.test(specifier ?? "")) {
    return refusal(args, index, "must say for which streams: -filter:v or -filter:a");
  }
  if (value === null) return { name, specifier, value, graph: null, index };
  if (spec.graph !== undefined) {
    const graph = parseGraph(value);
    if (graph.status === "refused") return refusal(args, index + 1, graph.rule, args[index]);
    return { name, specifier, value: graph.value.text, graph: graph.value, index };
  }
  const read = spec.value?.(value) ?? refuse("takes no value");
  if (read.status === "refused") return refusal(args, index + 1, read.rule, args[index]);
  return { name, specifier, value: read.value, graph: null, index };
}

function finish(state: State): ParsedCommand {
  const { args, keys, pending, globals, inputs, complex, outputs } = state;
  const [left] = pending;
  if (left !== undefined) return refusal(args, left.index, "stands after the last output");
  const last = Math.max(0, args.length - 1);
  if (inputs.length === 0) return refusal(args, last, "ends a command without an input");
  if (outputs.length === 0) return refusal(args, last, "ends a command without an output");
  const missing = Object.keys(keys.outputs).find(
    (key) => !outputs.some((each) => each.key === key),
  );
  if (missing !== undefined) {
    return refusal(args, last, `ends a command that does not write ${quoted(`{{${missing}}}`)}`);
  }
  for (const output of outputs) {
    const image = imageRefusal(args, output);
    if (image !== null) return image;
  }
  return { status: "ok", command: { globals, inputs, complex, outputs } };
}

/** A picture is one frame. */
function imageRefusal(
  args: readonly string[],
  { format, options }: CommandOutput,
): CommandRefusal | null {
  if (format !== "jpg" && format !== "png") return null;
  const many = optionsOf(options, "frames").find(({ value }) => value !== "1");
  return many === undefined
    ? null
    : refusal(args, many.index + 1, `must be 1 for ${format}`, args[many.index]);
}
