/**
 * What flows through a graph: pads linked as libavfilter/graphparser.c links them, then for every link its kind,
 * whether it ever ends, and the size of its pictures. Pure.
 */
import { ok, quoted, type Read, refuse } from "../read.ts";
import { MAX_DIMENSION } from "../values.ts";
import type { FrameSize, Media } from "./define.ts";
import type { Filter, Graph } from "./graph.ts";

export interface Link {
  readonly media: Media;
  /** It goes on without end. */
  readonly endless: boolean;
  /** Null where it is not known. */
  readonly size: FrameSize | null;
}

/** Where a graph takes what it does not make itself. */
export interface Surroundings {
  /** The stream that a label means (`0:v`). */
  readonly labelled: (label: string, media: Media) => Read<Link>;
  /** The stream that a pad without a label is given. */
  readonly unlabelled: (media: Media) => Read<Link>;
  /** Whether sizes are known: then every picture must be seen to be small enough. */
  readonly measures: boolean;
}

export interface GraphOutput {
  readonly label: string | null;
  readonly link: Link;
}

interface Port {
  readonly node: Node;
  readonly pad: number;
}

interface Node {
  readonly filter: Filter;
  readonly inputs: readonly Media[];
  readonly outputs: readonly Media[];
  /** By input pad: a filter's output, a label, or nothing yet. */
  readonly sources: (Port | string | null)[];
}

interface Wiring {
  readonly nodes: readonly Node[];
  readonly labels: ReadonlyMap<string, Port>;
  readonly open: readonly { readonly label: string | null; readonly port: Port }[];
}

function wire(graph: Graph): Read<Wiring> {
  const nodes: Node[] = [];
  const labels = new Map<string, Port>();
  const loose: Port[] = [];
  for (const chain of graph.chains) {
    let free: Port[] = [];
    for (const filter of chain) {
      const { name, params, spec } = filter;
      const node: Node = {
        filter,
        inputs: spec.inputs(params),
        outputs: spec.outputs(params),
        sources: [],
      };
      const given: (Port | string)[] = [...filter.inputs, ...free];
      if (given.length > node.inputs.length) {
        return refuse(`gives ${given.length} inputs to ${name}, which takes ${node.inputs.length}`);
      }
      node.sources.push(...node.inputs.map((_, pad) => given[pad] ?? null));
      free = node.outputs.map((_, pad) => ({ node, pad }));
      for (const label of filter.outputs) {
        const port = free.shift();
        if (port === undefined)
          return refuse(`has a label ${quoted(label)} for no output of ${name}`);
        if (labels.has(label)) return refuse(`has the label ${quoted(label)} twice`);
        labels.set(label, port);
      }
      nodes.push(node);
    }
    loose.push(...free);
  }
  return connect(nodes, labels, loose);
}

/** Puts outputs where their labels are taken; what nobody takes leaves the graph. */
function connect(
  nodes: readonly Node[],
  labels: Map<string, Port>,
  loose: readonly Port[],
): Read<Wiring> {
  const taken = new Set<string>();
  for (const { sources } of nodes) {
    for (const [pad, source] of sources.entries()) {
      if (typeof source !== "string") continue;
      const port = labels.get(source);
      if (port === undefined) continue;
      if (taken.has(source)) return refuse(`takes the label ${quoted(source)} twice`);
      taken.add(source);
      sources[pad] = port;
    }
  }
  const named = [...labels].filter(([label]) => !taken.has(label));
  return ok({
    nodes,
    labels,
    open: [
      ...named.map(([label, port]) => ({ label, port })),
      ...loose.map((port) => ({ label: null, port })),
    ],
  });
}

/** Follows the links of a graph from its surroundings to its outputs. */
export function followGraph(graph: Graph, around: Surroundings): Read<readonly GraphOutput[]> {
  const wiring = wire(graph);
  if (wiring.status === "refused") return wiring;
  const done = new Map<Node, Read<readonly Link[]>>();
  const underWay = new Set<Node>();

  const outputsOf = (node: Node): Read<readonly Link[]> => {
    const known = done.get(node);
    if (known !== undefined) return known;
    if (underWay.has(node)) return refuse(`goes round in a circle at ${node.filter.name}`);
    underWay.add(node);
    const inputs: Link[] = [];
    for (const [pad, media] of node.inputs.entries()) {
      const link = source(node.sources[pad] ?? null, media, node);
      if (link.status === "refused") return link;
      inputs.push(link.value);
    }
    const outputs = flow(node, inputs, around.measures);
    done.set(node, outputs);
    return outputs;
  };

  const source = (from: Port | string | null, media: Media, { filter }: Node): Read<Link> => {
    if (from === null) return around.unlabelled(media);
    if (typeof from === "string") return around.labelled(from, media);
    const links = outputsOf(from.node);
    if (links.status === "refused") return links;
    const link = links.value[from.pad];
    if (link === undefined || link.media !== media) {
      return refuse(`gives ${link?.media ?? "nothing"} to ${filter.name}, which takes ${media}`);
    }
    return ok(link);
  };

  // In the order of the text, as ffmpeg hands out streams to pads without a label.
  for (const node of wiring.value.nodes) {
    const links = outputsOf(node);
    if (links.status === "refused") return links;
  }
  const outputs: GraphOutput[] = [];
  for (const { label, port } of wiring.value.open) {
    const links = outputsOf(port.node);
    if (links.status === "refused") return links;
    const link = links.value[port.pad];
    if (link !== undefined) outputs.push({ label, link });
  }
  return ok(outputs);
}

function flow(
  { filter, outputs }: Node,
  inputs: readonly Link[],
  measures: boolean,
): Read<readonly Link[]> {
  const { name, params, spec } = filter;
  const ends = inputs.map((link) => link.endless);
  if (spec.waitsForEnd === true && ends.some(Boolean)) {
    return refuse(`has ${name} wait for the end of something that has none`);
  }
  const endless = spec.endless?.(params, ends) ?? ends.some(Boolean);
  const pictures = inputs.filter((link) => link.media === "video").map((link) => link.size);
  const size = spec.size === undefined ? (pictures[0] ?? null) : spec.size(params, pictures);
  const sizes = spec.sizes?.(params, pictures) ?? outputs.map(() => size);
  const isSized = spec.size !== undefined || spec.sizes !== undefined;
  for (const [pad, made] of sizes.entries()) {
    if (!measures || !isSized || outputs[pad] !== "video") continue;
    if (made === null) return refuse(`has ${name} make pictures whose size cannot be known`);
    const fault = sizeFault(made);
    if (fault !== null) return refuse(`has ${name} make pictures of ${fault}`);
  }
  return ok(
    outputs.map((media, pad) => ({
      media,
      endless,
      size: media === "video" ? (sizes[pad] ?? null) : null,
    })),
  );
}

function sizeFault({ width, height }: FrameSize): string | null {
  const isGood = width >= 1 && height >= 1 && width <= MAX_DIMENSION && height <= MAX_DIMENSION;
  return isGood ? null : `${width}x${height}; the limit is ${MAX_DIMENSION}x${MAX_DIMENSION}`;
}
