/**
 * The grammar of filter graphs, as libavfilter/graphparser.c and av_get_token() read it: chains of filters with
 * labelled pads, backslash escapes and single quotes, on two levels (the graph's, then each filter's options').
 * Pure, and about form alone: which filters and parameters there are is in `table.ts`.
 */
import { ok, quoted, type Read, refuse } from "../read.ts";

/** A filter as it stands in the text, its options unescaped. */
export interface RawFilter {
  readonly inputs: readonly string[];
  readonly name: string;
  readonly options: readonly RawOption[];
  readonly outputs: readonly string[];
}

export interface RawOption {
  /** Null where it is told by its place. */
  readonly key: string | null;
  readonly value: string;
}

const MAX_LENGTH = 4096;
const MAX_FILTERS = 100;
const MAX_OPTIONS = 40;
const SPACE = " \n\t\r";

interface Token {
  readonly text: string;
  /** Where the terminator stands, or the text's end. */
  readonly end: number;
}

function skipSpace(text: string, at: number): number {
  let next = at;
  while (next < text.length && SPACE.includes(text.charAt(next))) next += 1;
  return next;
}

/** As av_get_token(); an open quote and a backslash at the end, which that forgives, are refused. */
function readToken(text: string, from: number, terminators: string): Read<Token> {
  let at = skipSpace(text, from);
  let out = "";
  let kept = 0;
  while (at < text.length && !terminators.includes(text.charAt(at))) {
    const character = text.charAt(at);
    at += 1;
    if (character === "\\") {
      if (at >= text.length) return refuse("ends in a backslash");
      out += text.charAt(at);
      at += 1;
      kept = out.length;
    } else if (character === "'") {
      const close = text.indexOf("'", at);
      if (close < 0) return refuse("has a quote that is not closed");
      out += text.slice(at, close);
      at = close + 1;
      kept = out.length;
    } else out += character;
  }
  let length = out.length;
  while (length > kept && SPACE.includes(out.charAt(length - 1))) length -= 1;
  return ok({ text: out.slice(0, length), end: at });
}

/** Splits a filter's options; `text` is unescaped once already. */
function readOptions(text: string): Read<readonly RawOption[]> {
  const options: RawOption[] = [];
  let at = 0;
  while (at < text.length) {
    if (options.length >= MAX_OPTIONS) return refuse(`has over ${MAX_OPTIONS} options in a filter`);
    const start = skipSpace(text, at);
    const key = /^([A-Za-z0-9_./]+)[ \n\t\r]*=/.exec(text.slice(start));
    const from = key === null ? start : start + key[0].length;
    const value = readToken(text, from, ":");
    if (value.status === "refused") return value;
    options.push({ key: key?.[1] ?? null, value: value.value.text });
    at = value.value.end + 1;
    if (value.value.end === text.length - 1) return refuse("has an option that is empty");
  }
  return ok(options);
}

interface Labels {
  readonly names: readonly string[];
  readonly end: number;
}

function readLabels(text: string, from: number): Read<Labels> {
  const names: string[] = [];
  let at = skipSpace(text, from);
  while (text.charAt(at) === "[") {
    const close = text.indexOf("]", at);
    const name = close < 0 ? "" : text.slice(at + 1, close).trim();
    if (!/^[A-Za-z0-9_:#-]{1,40}$/.test(name)) {
      return refuse(`has no label that could be read at ${quoted(text.slice(at), 20)}`);
    }
    names.push(name);
    at = skipSpace(text, close + 1);
  }
  return ok({ names, end: at });
}

function readFilter(text: string, from: number): Read<{ filter: RawFilter; end: number }> {
  const inputs = readLabels(text, from);
  if (inputs.status === "refused") return inputs;
  const start = inputs.value.end;
  const name = /^[a-z0-9_]{1,40}/.exec(text.slice(start))?.[0];
  if (name === undefined) {
    return refuse(`has no filter's name at ${quoted(text.slice(start), 20)}`);
  }
  let at = skipSpace(text, start + name.length);
  let options: readonly RawOption[] = [];
  if (text.charAt(at) === "=") {
    const token = readToken(text, at + 1, "[],;");
    if (token.status === "refused") return token;
    const read = readOptions(token.value.text);
    if (read.status === "refused") return read;
    options = read.value;
    at = token.value.end;
  }
  const outputs = readLabels(text, at);
  if (outputs.status === "refused") return outputs;
  const filter = {
    inputs: inputs.value.names,
    name,
    options,
    outputs: outputs.value.names,
  };
  return ok({ filter, end: outputs.value.end });
}

/** Chains (parted by `;`) of filters (parted by `,`). */
export function readGraph(text: string): Read<readonly (readonly RawFilter[])[]> {
  if (text.length > MAX_LENGTH) return refuse(`must be at most ${MAX_LENGTH} characters`);
  const chains: RawFilter[][] = [[]];
  let count = 0;
  let at = 0;
  for (;;) {
    count += 1;
    if (count > MAX_FILTERS) return refuse(`must have at most ${MAX_FILTERS} filters`);
    const read = readFilter(text, at);
    if (read.status === "refused") return read;
    chains.at(-1)?.push(read.value.filter);
    at = read.value.end;
    if (at >= text.length) return ok(chains);
    const separator = text.charAt(at);
    if (separator === ";") chains.push([]);
    else if (separator !== ",") return refuse(`cannot be read at ${quoted(text.slice(at), 20)}`);
    at = skipSpace(text, at + 1);
    // A semicolon at the end is customary.
    if (separator === ";" && at >= text.length) {
      chains.pop();
      return ok(chains);
    }
  }
}

/** Escapes every character that either level gives a meaning to, and spaces, which would be trimmed. */
function escaped(text: string): string {
  const option = text.replace(/[\\':]/g, "\\$&").replace(/^[ ]|[ ]$/g, "\\$&");
  return option.replace(/[\\'[\],;]| $/g, "\\$&");
}

export interface WrittenFilter {
  readonly inputs: readonly string[];
  readonly name: string;
  readonly params: ReadonlyMap<string, string>;
  readonly outputs: readonly string[];
}

function writeFilter({ inputs, name, params, outputs }: WrittenFilter): string {
  const label = (names: readonly string[]) => names.map((each) => `[${each}]`).join("");
  const options = [...params].map(([key, value]) => `${key}=${escaped(value)}`).join(":");
  return `${label(inputs)}${name}${options === "" ? "" : `=${options}`}${label(outputs)}`;
}

/** The one way a graph is written; `readGraph` of it gives the same graph. */
export function writeGraph(chains: readonly (readonly WrittenFilter[])[]): string {
  return chains.map((chain) => chain.map(writeFilter).join(",")).join(";");
}
