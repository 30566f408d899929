/** What is said of an option. */
import type { OutputFormat } from "../../media.ts";
import type { Read, ValueType } from "../read.ts";
import { metadataSpecifier, streamSpecifier } from "../streams.ts";

export interface OptionSpec {
  /** Null for a switch, which takes no value. */
  readonly value: ValueType | null;
  /** Reads what stands after the colon; null where nothing may. */
  readonly specifier: ((text: string) => Read<string>) | null;
  /** Formats it belongs to; all when absent. */
  readonly formats?: readonly OutputFormat[];
  /** May stand more than once with the same specifier. */
  readonly repeats?: boolean;
  /** Its value is a filter graph of this kind. */
  readonly graph?: "video" | "audio" | "complex";
}

export type OptionTable = Readonly<Record<string, OptionSpec>>;

/** Of a file: no specifier. */
export function plain(value: ValueType | null, more: Partial<OptionSpec> = {}): OptionSpec {
  return { value, specifier: null, ...more };
}

/** Of streams: `-b:v`, `-ac:a:1`. */
export function perStream(value: ValueType | null, more: Partial<OptionSpec> = {}): OptionSpec {
  return { value, specifier: streamSpecifier, ...more };
}

export function perMetadata(value: ValueType, more: Partial<OptionSpec> = {}): OptionSpec {
  return { value, specifier: metadataSpecifier, ...more };
}

/** The same for each name. */
export function each(names: readonly string[], spec: OptionSpec): OptionTable {
  return Object.fromEntries(names.map((name) => [name, spec]));
}
