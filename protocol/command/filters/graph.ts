/** A filter graph as it was understood: filters from the table, parameters typed. Pure. */
import { ok, quoted, type Read, refuse } from "../read.ts";
import type { FilterSpec } from "./define.ts";
import { type RawFilter, readGraph, type WrittenFilter, writeGraph } from "./syntax.ts";
import { filters, refusedFilters } from "./table.ts";

export interface Filter extends WrittenFilter {
  readonly spec: FilterSpec;
}

export interface Graph {
  readonly chains: readonly (readonly Filter[])[];
  /** As it is written out, and only so it reaches ffmpeg. */
  readonly text: string;
}

function nameOf(spec: FilterSpec, key: string): string {
  return Object.hasOwn(spec.aliases, key) ? (spec.aliases[key] ?? key) : key;
}

function readParams(spec: FilterSpec, raw: RawFilter): Read<ReadonlyMap<string, string>> {
  const params = new Map<string, string>();
  let isNamed = false;
  for (const [index, { key, value }] of raw.options.entries()) {
    // After the first named one ffmpeg takes no more by place.
    if (key === null && isNamed) {
      return refuse(`has ${quoted(value, 40)} in ${raw.name} after a named option`);
    }
    isNamed ||= key !== null;
    const name = key === null ? spec.order[index] : nameOf(spec, key);
    if (name === undefined) return refuse(`has too many options for ${raw.name}`);
    const type = Object.hasOwn(spec.params, name) ? spec.params[name] : undefined;
    if (type === undefined) {
      return refuse(
        `has the option ${quoted(key ?? name, 40)} of ${raw.name}, which may not be set`,
      );
    }
    if (params.has(name)) return refuse(`has the option ${quoted(name)} of ${raw.name} twice`);
    const read = type(value);
    if (read.status === "refused") return refuse(`has ${raw.name}'s ${name} that ${read.rule}`);
    params.set(name, read.value);
  }
  return ok(params);
}

function readFilter(raw: RawFilter): Read<Filter> {
  const spec = filters.get(raw.name);
  if (spec === undefined) {
    const why = refusedFilters.get(raw.name);
    return refuse(
      `has the filter ${quoted(raw.name, 40)}, which may not be used${why === undefined ? "" : `: ${why}`}`,
    );
  }
  const params = readParams(spec, raw);
  if (params.status === "refused") return params;
  const broken = spec.check?.(params.value) ?? null;
  if (broken !== null) return refuse(`has ${raw.name} that ${broken}`);
  return ok({ ...raw, params: params.value, spec });
}

/**
 * Labels that are used again once they were taken, as `[0:v]split[a][b];[b]boxblur[b];[a][b]overlay` does: ffmpeg links each
 * in the order of the text. All but the last of a name are given others, so that each names one link.
 */
function withOwnLabels(chains: readonly (readonly RawFilter[])[]): RawFilter[][] {
  const all = new Set(chains.flat().flatMap(({ inputs, outputs }) => [...inputs, ...outputs]));
  const count = (label: string) =>
    chains.flat().reduce((n, { outputs }) => n + outputs.filter((one) => one === label).length, 0);
  const given = new Map<string, number>();
  const open = new Map<string, string>();
  const fresh = (label: string) => {
    const times = (given.get(label) ?? 0) + 1;
    given.set(label, times);
    if (times >= count(label)) return label;
    let name = `${label}_${times}`;
    while (all.has(name)) name += "_";
    all.add(name);
    return name;
  };
  const take = (label: string) => {
    const name = open.get(label) ?? label;
    open.delete(label);
    return name;
  };
  const give = (label: string) => {
    // Given twice and not taken between: it means two links, and is refused.
    const name = open.get(label) ?? fresh(label);
    open.set(label, name);
    return name;
  };
  return chains.map((chain) =>
    chain.map((filter) => {
      const inputs = filter.inputs.map(take);
      return { ...filter, inputs, outputs: filter.outputs.map(give) };
    }),
  );
}

/** The graph in a text. What is not understood, to the last character, is refused. */
export function parseGraph(text: string): Read<Graph> {
  const read = readGraph(text);
  if (read.status === "refused") return read;
  const chains: Filter[][] = [];
  for (const raw of withOwnLabels(read.value)) {
    const chain: Filter[] = [];
    for (const each of raw) {
      const filter = readFilter(each);
      if (filter.status === "refused") return filter;
      chain.push(filter.value);
    }
    chains.push(chain);
  }
  return ok({ chains, text: writeGraph(chains) });
}
