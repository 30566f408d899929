/**
 * The rate of pictures that a graph joins. Filters that take several rates give none, and without one ffmpeg fills a picture
 * into every tick of the clock: a million a second behind `concat` (5.1). Pure.
 */
import type { SourceInfo } from "../media.ts";
import { averageFps, exactRate, isConstantRate } from "../recipes/parts/timing.ts";
import type { Graph } from "./filters/graph.ts";
import { type Command, type CommandOutput, optionsOf } from "./model.ts";
import { streamRef } from "./streams.ts";
import { MAX_RATE } from "./values.ts";

type Filter = Graph["chains"][number][number];

/** They give no rate where those of their inputs differ. */
const rateless = new Set(["concat", "interleave", "hstack", "vstack", "xstack", "mix"]);
/** They give one, whatever they take, with what it is where it is not told. */
const settling: ReadonlyMap<string, string> = new Map([
  ["fps", "25"],
  ["framerate", "50"],
  ["minterpolate", "60"],
]);
/** They make pictures at a rate of their own. */
const making: ReadonlyMap<string, string> = new Map(
  [
    ...["color", "testsrc", "testsrc2", "smptebars", "smptehdbars"],
    ...["showwaves", "showspectrum", "showcqt", "showvolume", "avectorscope", "zoompan"],
  ].map((name) => [name, "25"]),
);
const deinterlacing = new Set(["yadif", "bwdif", "w3fdif"]);

/** Rates of pictures as they flow, per second, and whether any of them may lie unevenly. */
interface Rates {
  readonly all: readonly number[];
  readonly isUneven: boolean;
}

type Sources = Readonly<Record<string, SourceInfo>>;

/** Options that say the fastest of rates that differ; nothing where there is one, or where the graph itself says it. */
export function joinedRate(
  command: Command,
  { options }: CommandOutput,
  sources: Sources,
): string[] {
  const graphs = [command.complex, ...optionsOf(options, "filter")].flatMap(
    (one) => one?.graph ?? [],
  );
  const joined = union(graphs.flatMap((graph) => ratesLeft(graph, command, sources)));
  const [first, ...others] = joined.all;
  if (first === undefined || (others.length === 0 && !joined.isUneven)) return [];
  const { num, den } = exactRate(Math.min(MAX_RATE, Math.max(1, first, ...others)));
  return ["-r:v", `${num}/${den}`];
}

function union(rates: readonly Rates[]): Rates {
  return {
    all: [...new Set(rates.flatMap(({ all }) => all))],
    isUneven: rates.some(({ isUneven }) => isUneven),
  };
}

/** What comes without a rate of its own to an end of the graph, by the rates that it was joined of. */
function ratesLeft(graph: Graph, command: Command, sources: Sources): readonly Rates[] {
  const links = linksOf(graph);
  const into = (filter: Filter): Rates => {
    const before = links.before.get(filter);
    const labelled = filter.inputs.map((label) => {
      const giver = links.givers.get(label);
      return giver === undefined ? ofSource(label, command, sources) : from(giver);
    });
    const all = before === undefined ? labelled : [...labelled, from(before)];
    const pads = filter.spec.inputs(filter.params).length;
    return union(all.length < pads ? [...all, ofSource(null, command, sources)] : all);
  };
  const from = once((filter: Filter): Rates => {
    const { name, params } = filter;
    const usual = settling.get(name) ?? making.get(name);
    if (usual !== undefined) {
      const told = params.get("fps") ?? params.get("rate") ?? usual;
      return { all: [perSecond(told)], isUneven: false };
    }
    const rates = into(filter);
    // Of each field a picture of its own.
    const factor = deinterlacing.has(name) && !isByFrame(params.get("mode") ?? "") ? 2 : 1;
    return { ...rates, all: rates.all.map((rate) => rate * factor) };
  });
  return graph.chains
    .flat()
    .filter((filter) => rateless.has(filter.name) && links.reachesEnd(filter))
    .map((filter): Rates => {
      const rates = into(filter);
      return { ...rates, isUneven: rates.isUneven || filter.name === "interleave" };
    });
}

const byFrame = /^(?:|0|2|send_frame|send_frame_nospatial)$/;
function isByFrame(mode: string): boolean {
  return byFrame.test(mode);
}

/** @param label of a stream as `0:v`; null where it cannot be told which, and all count. */
function ofSource(label: string | null, { inputs }: Command, sources: Sources): Rates {
  const file = label === null ? null : (streamRef(label)?.file ?? null);
  const meant = inputs.filter((_, at) => file === null || at === file);
  const rates = meant.flatMap(({ key, options }): Rates[] => {
    const video = sources[key]?.video ?? null;
    const [told] = optionsOf(options, "r");
    if (told?.value != null) return [{ all: [perSecond(told.value)], isUneven: false }];
    if (video === null) return [];
    return [{ all: [averageFps(video) ?? 0], isUneven: !isConstantRate(video) }];
  });
  return union(rates);
}

/** Ways through a graph double at each `split`: a filter is asked once. Checked graphs have no circle. */
function once<T>(ask: (filter: Filter) => T): (filter: Filter) => T {
  const known = new Map<Filter, T>();
  return (filter) => {
    const before = known.get(filter);
    if (before !== undefined) return before;
    const answer = ask(filter);
    known.set(filter, answer);
    return answer;
  };
}

function perSecond(rate: string): number {
  const [num = 0, den = 1] = rate.split(/[/:]/).map(Number);
  return num / den;
}

/** How the filters hang together. */
function linksOf({ chains }: Graph) {
  const givers = new Map<string, Filter>();
  const takers = new Map<string, Filter>();
  const before = new Map<Filter, Filter>();
  const after = new Map<Filter, Filter>();
  for (const chain of chains) {
    for (const [at, filter] of chain.entries()) {
      for (const label of filter.inputs) takers.set(label, filter);
      for (const label of filter.outputs) givers.set(label, filter);
      const next = chain[at + 1];
      if (next === undefined) continue;
      after.set(filter, next);
      before.set(next, filter);
    }
  }
  /** Whether it leaves the graph on any way that no filter gives a rate on. */
  const reachesEnd = once((filter: Filter): boolean => {
    const next = [...filter.outputs.map((label) => takers.get(label)), after.get(filter)];
    const taken = next.filter((one) => one !== undefined);
    const isOut = taken.length === 0 || filter.outputs.some((label) => !takers.has(label));
    return isOut || taken.some((one) => !settling.has(one.name) && reachesEnd(one));
  });
  return { givers, before, reachesEnd };
}
