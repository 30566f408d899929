/** What is said of a filter: its parameters, its pads, and what it does to size and end of what flows through. */
import { expression } from "../expression.ts";
import type { ValueType } from "../read.ts";

export type Media = "video" | "audio";

/** Frames as they flow: pixels, and the shape of a pixel (width over height). */
export interface FrameSize {
  readonly width: number;
  readonly height: number;
  readonly aspect: number;
}

export type Params = ReadonlyMap<string, string>;

/** The parameter by its canonical name, or what it is when it is not given. */
export function param(params: Params, name: string, fallback: string): string {
  return params.get(name) ?? fallback;
}

export function number(params: Params, name: string, fallback: number): number {
  return Number(params.get(name) ?? fallback);
}

export interface FilterSpec {
  /** By canonical name. */
  readonly params: Readonly<Record<string, ValueType>>;
  /** Other names of parameters. */
  readonly aliases: Readonly<Record<string, string>>;
  /** Canonical names in the order that values without a name take. */
  readonly order: readonly string[];
  readonly inputs: (params: Params) => readonly Media[];
  readonly outputs: (params: Params) => readonly Media[];
  /** A rule between parameters that is broken, or null. */
  readonly check?: (params: Params) => string | null;
  /** The size of its pictures, from those it takes; null where it cannot be known. By default the first one's. */
  readonly size?: (params: Params, inputs: readonly (FrameSize | null)[]) => FrameSize | null;
  /** The same where its outputs differ, one for each. */
  readonly sizes?: (
    params: Params,
    inputs: readonly (FrameSize | null)[],
  ) => readonly (FrameSize | null)[];
  /** Whether it goes on without end, given whether each input does. By default when any input does. */
  readonly endless?: (params: Params, inputs: readonly boolean[]) => boolean;
  /** It says nothing before its inputs have ended, or keeps all of them in memory until then. */
  readonly waitsForEnd?: boolean;
}

type Pads = readonly Media[] | ((params: Params) => readonly Media[]);

interface Told extends Partial<Omit<FilterSpec, "inputs" | "outputs">> {
  readonly inputs?: Pads;
  readonly outputs?: Pads;
}

const pads = (told: Pads | undefined, fallback: readonly Media[]) =>
  typeof told === "function" ? told : () => told ?? fallback;

function define(media: Media, told: Told): FilterSpec {
  return {
    aliases: {},
    order: Object.keys(told.params ?? {}),
    ...told,
    params: told.params ?? {},
    inputs: pads(told.inputs, [media]),
    outputs: pads(told.outputs, [media]),
  };
}

/** Of pictures: one in and one out unless told otherwise. */
export function video(told: Told = {}): FilterSpec {
  return define("video", told);
}

/** Of sound: one in and one out unless told otherwise. */
export function audio(told: Told = {}): FilterSpec {
  return define("audio", told);
}

/** `enable`, of the filters that can be switched on and off in time. */
export const enable = expression({ names: ["t", "n", "pos", "w", "h"] });

/** A filter with the timeline's `enable`. */
export function timed(spec: FilterSpec): FilterSpec {
  return { ...spec, params: { ...spec.params, enable } };
}

export function several(media: Media, count: number): readonly Media[] {
  return Array.from({ length: count }, () => media);
}

/** The same type for each name. */
export function sameFor(names: readonly string[], type: ValueType): FilterSpec["params"] {
  return Object.fromEntries(names.map((name) => [name, type]));
}
