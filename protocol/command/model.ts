/** A client's command as it was understood. */
import type { OutputFormat } from "../media.ts";
import type { Graph } from "./filters/graph.ts";
import { quoted } from "./read.ts";

export interface Option {
  readonly name: string;
  /** What stands after the colon: which streams it is for. */
  readonly specifier: string | null;
  /** As it is written out; null for a switch. */
  readonly value: string | null;
  /** Of `filter` and `filter_complex`. */
  readonly graph: Graph | null;
  /** Where in the arguments it stood. */
  readonly index: number;
}

export interface CommandInput {
  readonly key: string;
  readonly options: readonly Option[];
}

export interface CommandOutput {
  readonly key: string;
  readonly format: OutputFormat;
  readonly options: readonly Option[];
  /** Where its placeholder stood. */
  readonly index: number;
}

export interface Command {
  /** Of the whole command; `filter_complex` is not among them. */
  readonly globals: readonly Option[];
  readonly inputs: readonly CommandInput[];
  readonly complex: Option | null;
  readonly outputs: readonly CommandOutput[];
}

/** An argument that is refused, and the rule it breaks. */
export interface CommandRefusal {
  readonly status: "refused";
  /** Its place in `ffmpeg.args`. */
  readonly index: number;
  readonly argument: string;
  /** One sentence that names the argument and the rule. */
  readonly detail: string;
}

/** @param of the option whose value it is. */
export function refusal(
  args: readonly string[],
  index: number,
  rule: string,
  of: string | null = null,
): CommandRefusal {
  const argument = args[index] ?? "";
  const place = of === null ? "" : ` of ${quoted(of, 40)}`;
  return {
    status: "refused",
    index,
    argument,
    detail: `ffmpeg.args[${index}] ${quoted(argument)}${place} is refused: it ${rule}.`,
  };
}

/** The options of that name, in their order. */
export function optionsOf(options: readonly Option[], name: string): readonly Option[] {
  return options.filter((option) => option.name === name);
}

export function hasOption(options: readonly Option[], ...names: readonly string[]): boolean {
  return options.some(({ name }) => names.includes(name));
}
