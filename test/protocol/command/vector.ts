/** How the corpora write a command: as on a command line, with double quotes around what has spaces. */
import type { OutputFormat } from "../../../protocol/media.ts";

/** The arguments of a line; only double quotes group, and nothing is escaped. */
export function words(line: string): string[] {
  return [...line.matchAll(/"([^"]*)"|(\S+)/g)].map((match) => match[1] ?? match[2] ?? "");
}

export interface Vector {
  readonly line: string;
  readonly args: readonly string[];
  readonly inputs: readonly string[];
  readonly outputs: Readonly<Record<string, OutputFormat>>;
}

interface Shape {
  readonly format?: OutputFormat;
  readonly inputs?: readonly string[];
  readonly outputs?: Readonly<Record<string, OutputFormat>>;
}

/** A command on one input and one mp4, unless told otherwise. */
export function vector(line: string, { format = "mp4", inputs, outputs }: Shape = {}): Vector {
  const used = [
    ...new Set([...line.matchAll(/\{\{(in_[a-z0-9]+)\}\}/g)].map((match) => match[1] ?? "")),
  ];
  return {
    line,
    args: words(line),
    inputs: inputs ?? (used.length > 0 ? used : ["in_1"]),
    outputs: outputs ?? { out_1: format },
  };
}
