/** Stream specifiers, and what `-map` and labels of a graph mean by them. Pure. */
import type { Media } from "./filters/define.ts";
import { ok, type Read, refuse, type ValueType } from "./read.ts";

/** Which streams of one file: of a kind or any, all or one of them. */
export interface StreamRef {
  readonly file: number;
  readonly kind: Media | "subtitle" | "data" | null;
  /** Among those of its kind, or of the file where there is none; null for all. */
  readonly index: number | null;
  /** Only those whose tag says this language, as the container writes it. */
  readonly language?: string;
}

const kinds: Readonly<Record<string, StreamRef["kind"]>> = {
  v: "video",
  V: "video",
  a: "audio",
  s: "subtitle",
  d: "data",
};

const pattern = /^(\d{1,2})(?::([vVasd]))?(?::(\d{1,2}))?$/;

/** `0`, `0:v`, `0:a:1`, `0:2`; null for anything else. */
export function streamRef(text: string): StreamRef | null {
  const match = pattern.exec(text);
  if (match === null) return null;
  const [, file, kind, index] = match;
  return {
    file: Number(file),
    kind: kind === undefined ? null : (kinds[kind] ?? null),
    index: index === undefined ? null : Number(index),
  };
}

export type MapRef =
  | { readonly kind: "label"; readonly label: string }
  | {
      readonly kind: "streams";
      readonly streams: StreamRef;
      readonly isOptional: boolean;
      /** Takes away what was mapped before. */
      readonly isNegative: boolean;
    };

/** `0:m:language:eng`, `0:a:m:language:eng`: of tags the language alone, which the probe knows. */
function languageRef(text: string): StreamRef | null {
  const match = /^(\d{1,2}(?::[vVas])?):m:language:([A-Za-z]{2,3})$/.exec(text);
  const streams = streamRef(match?.[1] ?? "");
  const language = match?.[2];
  return streams === null || language === undefined ? null : { ...streams, language };
}

/** The value of `-map`. */
export function mapRef(text: string): MapRef | null {
  const label = /^\[([A-Za-z0-9_-]{1,40})\]$/.exec(text)?.[1];
  if (label !== undefined) return { kind: "label", label };
  const match = /^(-?)(.*?)(\??)$/.exec(text);
  const streams = languageRef(match?.[2] ?? "") ?? streamRef(match?.[2] ?? "");
  if (streams === null) return null;
  return {
    kind: "streams",
    streams,
    isOptional: match?.[3] === "?",
    isNegative: match?.[1] === "-",
  };
}

/** ffmpeg reads a kind without a file as that of the first: `a` is `0:a`. */
export const mapType: ValueType = (text) => {
  const told = /^[vVas](?::\d{1,2})?\??$/.test(text) ? `0:${text}` : text;
  return mapRef(told) === null
    ? refuse("must be streams of an input as 0:v:0 or 0:m:language:eng, or a label as [v]")
    : ok(told);
};

/** What may stand after the colon of an option: `v`, `a:0`, `2`. */
export function streamSpecifier(text: string): Read<string> {
  return /^(?:[vVasd](?::\d{1,2})?|\d{1,2})$/.test(text)
    ? ok(text)
    : refuse("must have a stream specifier as v, a or v:0 after its colon");
}

/** Of `-metadata`: the whole file, streams, chapters. */
export function metadataSpecifier(text: string): Read<string> {
  return /^(?:g|s(?::[vas])?(?::\d{1,2})?|c:\d{1,3})$/.test(text)
    ? ok(text)
    : refuse("must have g, s:a:0 or c:0 after its colon");
}
