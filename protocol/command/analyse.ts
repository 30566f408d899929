import { kindsOf } from "./encoders.ts";
import type { FrameSize, Media } from "./filters/define.ts";
import { followGraph, type GraphOutput, type Link } from "./filters/links.ts";
import {
  type Command,
  type CommandOutput,
  type CommandRefusal,
  hasOption,
  type Option,
  optionsOf,
  refusal,
} from "./model.ts";
import { ok, quoted, type Read, refuse } from "./read.ts";
import {
  firstWith,
  type KnownSources,
  largest,
  matching,
  type Scene,
  type Stream,
  sourceLink,
  sourceOf,
} from "./sources.ts";
import { mapRef, type StreamRef, streamRef } from "./streams.ts";

/** Whether an output has streams of a kind: seen to, seen not to, or not to be seen. */
export type Presence = "yes" | "no" | "unknown";

export interface OutputStreams {
  readonly key: string;
  readonly video: Presence;
  readonly audio: Presence;
  /** Of the pictures, where there is one stream of them and it is known. */
  readonly size: FrameSize | null;
  /** The inputs whose streams go in, directly or through a graph, cannot be told from here when null. */
  readonly onlyInput: number | null;
}

export type Analysis =
  | { readonly status: "ok"; readonly outputs: readonly OutputStreams[] }
  | CommandRefusal;

interface Context extends Scene {
  readonly args: readonly string[];
}

export function analyse(
  args: readonly string[],
  command: Command,
  sources: KnownSources,
): Analysis {
  const context: Context = { args, command, sources };
  const graph = followComplex(context);
  if (graph.status === "refused") {
    const index = command.complex?.index ?? 0;
    return refusal(args, index + 1, graph.rule, args[index]);
  }
  const taken = new Set<string>();
  const outputs: OutputStreams[] = [];
  for (const [position, output] of command.outputs.entries()) {
    // What leaves the graph without a label goes into the first output.
    const loose = position === 0 ? graph.value.filter(({ label }) => label === null) : [];
    const judged = judgeOutput(context, output, graph.value, loose, taken);
    if (judged.status === "refused") return judged;
    outputs.push(judged.streams);
  }
  const unused = graph.value.find(({ label }) => label !== null && !taken.has(label));
  if (unused === undefined || command.complex === null) return { status: "ok", outputs };
  const { index } = command.complex;
  return refusal(
    args,
    index + 1,
    `has the label ${quoted(unused.label ?? "")}, which nothing takes`,
    args[index],
  );
}

function followComplex({ command, sources }: Context): Read<readonly GraphOutput[]> {
  const { complex, inputs } = command;
  if (complex === null || complex.graph === null) return ok([]);
  let next: Record<Media, number> = { video: 0, audio: 0 };
  return followGraph(complex.graph, {
    measures: sources !== null,
    labelled: (label, media) => {
      const ref = streamRef(label);
      if (ref === null) return refuse(`takes the label ${quoted(label)}, which nothing gives`);
      if (ref.file >= inputs.length)
        return refuse(`takes ${quoted(label)} of ${inputs.length} inputs`);
      if (ref.kind !== null && ref.kind !== media)
        return refuse(`takes ${quoted(label)} as ${media}`);
      return sourceLink({ command, sources }, ref, media);
    },
    unlabelled: (media) => {
      // ffmpeg gives each such pad the first stream of its kind that is still free.
      const file = firstWith({ command, sources }, media, next[media]);
      next = { ...next, [media]: file + 1 };
      const ref: StreamRef = { file: Math.min(file, inputs.length - 1), kind: media, index: 0 };
      return sourceLink({ command, sources }, ref, media);
    },
  });
}

type Judged = { readonly status: "ok"; readonly streams: OutputStreams } | CommandRefusal;

function judgeOutput(
  context: Context,
  output: CommandOutput,
  graph: readonly GraphOutput[],
  loose: readonly GraphOutput[],
  taken: Set<string>,
): Judged {
  const maps = optionsOf(output.options, "map");
  const streams: Stream[] = loose.map(({ link }) => ({ ...link, presence: "yes" }));
  const files = new Set<number>();
  for (const map of maps) {
    const mapped = mappedStreams(context, map, graph, taken);
    if (mapped.status === "refused") {
      return refusal(context.args, map.index + 1, mapped.rule, context.args[map.index]);
    }
    streams.push(...mapped.value.streams);
    if (mapped.value.file !== null) files.add(mapped.value.file);
    else files.add(-1);
  }
  if (maps.length === 0) streams.push(...chosenStreams(context, output, streams, files));
  else if (streams.length === 0 && maps.every(({ value }) => value?.endsWith("?"))) {
    // Where no map matches, ffmpeg chooses as if there were none.
    const chosen = chosenStreams(context, output, streams, files);
    streams.push(...chosen.map((stream): Stream => ({ ...stream, presence: "unknown" })));
  }
  const kept = streams.filter(
    ({ media }) => !hasOption(output.options, media === "video" ? "vn" : "an"),
  );
  const filtered = filterStreams(context, output, kept);
  if (filtered.status === "refused") return filtered;
  const endless = endRefusal(context, output, filtered.streams);
  if (endless !== null) return endless;
  const isPlain = context.command.complex === null && files.size === 1;
  const [file = -1] = files;
  return {
    status: "ok",
    streams: {
      key: output.key,
      video: presence(context, output, streams, kept, "video", maps),
      audio: presence(context, output, streams, kept, "audio", maps),
      size: outputSize(output, filtered.streams),
      onlyInput: isPlain && file >= 0 ? file : null,
    },
  };
}

interface Mapped {
  readonly streams: readonly Stream[];
  readonly file: number | null;
}

function mappedStreams(
  context: Context,
  map: Option,
  graph: readonly GraphOutput[],
  taken: Set<string>,
): Read<Mapped> {
  const ref = mapRef(map.value ?? "");
  if (ref === null) return refuse("must be streams or a label");
  if (ref.kind === "label") {
    const found = graph.find(({ label }) => label === ref.label);
    if (found === undefined) return refuse("names a label that no graph gives");
    if (taken.has(ref.label)) return refuse("names a label that is taken already");
    taken.add(ref.label);
    return ok({ streams: [{ ...found.link, presence: "yes" }], file: null });
  }
  const { streams: wanted, isOptional, isNegative } = ref;
  if (wanted.file >= context.command.inputs.length) {
    return refuse(`names input ${wanted.file} of ${context.command.inputs.length}`);
  }
  if (isNegative) return ok({ streams: [], file: null });
  const found = matching(context, wanted);
  if (found === "none" && !isOptional) return refuse("matches no stream of its input");
  return ok({ streams: found === "none" ? [] : found, file: wanted.file });
}

/** What ffmpeg chooses by itself: of each kind the format holds, unless a graph has given it. */
function chosenStreams(
  context: Context,
  output: CommandOutput,
  given: readonly Stream[],
  files: Set<number>,
): readonly Stream[] {
  const streams: Stream[] = [];
  for (const media of kindsOf(output.format)) {
    if (given.some((stream) => stream.media === media)) continue;
    const sized = largest(context, media);
    if (sized.status === "none") continue;
    files.add(sized.file);
    streams.push(sized.stream);
  }
  return streams;
}

type Filtered = { readonly status: "ok"; readonly streams: readonly Stream[] } | CommandRefusal;

/** Sends each stream through the filters of its kind. */
function filterStreams(
  context: Context,
  output: CommandOutput,
  streams: readonly Stream[],
): Filtered {
  const results: Stream[] = [...streams];
  for (const option of optionsOf(output.options, "filter")) {
    if (option.graph === null) continue;
    const media: Media = option.specifier?.startsWith("a") ? "audio" : "video";
    const fed = streams.filter((stream) => stream.media === media);
    const unknown: Stream = { media, endless: false, size: null, presence: "unknown" };
    for (const stream of fed.length === 0 ? [unknown] : fed) {
      const link = filterOne(option, media, stream, context.sources !== null && fed.length > 0);
      if (link.status === "refused") {
        return refusal(context.args, option.index + 1, link.rule, context.args[option.index]);
      }
      const place = results.indexOf(stream);
      if (place >= 0) results[place] = { ...link.value, presence: stream.presence };
    }
  }
  return { status: "ok", streams: results };
}

/** A simple graph: one stream in, one of the same kind out. */
function filterOne(option: Option, media: Media, stream: Link, measures: boolean): Read<Link> {
  if (option.graph === null) return ok(stream);
  let isTaken = false;
  const take = (): Read<Link> => {
    if (isTaken) return refuse("takes more than the one stream it is given");
    isTaken = true;
    return ok(stream);
  };
  const followed = followGraph(option.graph, {
    measures,
    labelled: (label) =>
      label === "in" ? take() : refuse(`takes the label ${quoted(label)}, which nothing gives`),
    unlabelled: (wanted) =>
      wanted === media ? take() : refuse(`takes ${wanted} where there is ${media}`),
  });
  if (followed.status === "refused") return followed;
  const [only, ...others] = followed.value;
  if (only === undefined || others.length > 0) return refuse("must have one output");
  if (only.label !== null && only.label !== "out")
    return refuse("must have one output without a label");
  if (only.link.media !== media) return refuse(`makes ${only.link.media} of ${media}`);
  return isTaken ? ok(only.link) : refuse("must take the stream it is given");
}

/** An output of something that has no end must be given one. */
function endRefusal(
  { args }: Context,
  { options, index }: CommandOutput,
  streams: readonly Stream[],
): CommandRefusal | null {
  if (!streams.some(({ endless }) => endless)) return null;
  const isShortest = hasOption(options, "shortest") && streams.some(({ endless }) => !endless);
  const isCounted =
    streams.every(({ media }) => media === "video") &&
    optionsOf(options, "frames").some(({ specifier }) => specifier === null || specifier === "v");
  if (hasOption(options, "t", "to", "fs") || isShortest || isCounted) return null;
  return refusal(
    args,
    index,
    "would have no end: give -t or -to, or -shortest beside a stream that ends",
  );
}

function presence(
  context: Context,
  output: CommandOutput,
  streams: readonly Stream[],
  kept: readonly Stream[],
  media: Media,
  maps: readonly Option[],
): Presence {
  const mine = kept.filter((stream) => stream.media === media);
  const isFirstOnly = maps.some(({ value }) => value?.startsWith("-"));
  if (context.sources === null || isFirstOnly) return "unknown";
  if (mine.length > 0) return mine.some((stream) => stream.presence === "yes") ? "yes" : "unknown";
  // `-vn` keeps a mapped stream of a file out, and not one of a graph.
  const wasDropped = streams.some((stream) => stream.media === media) && maps.length > 0;
  const coverArt = context.command.inputs.some(
    (_, file) => (sourceOf(context, file)?.attachedPictures ?? 0) > 0,
  );
  if (wasDropped) return "unknown";
  return media === "video" && coverArt && !hasOption(output.options, "vn") ? "unknown" : "no";
}

function outputSize({ options }: CommandOutput, streams: readonly Stream[]): FrameSize | null {
  const pictures = streams.filter(({ media }) => media === "video");
  const [only, ...others] = pictures;
  if (only === undefined || others.length > 0) return null;
  const [width, height] = (optionsOf(options, "s")[0]?.value ?? "").split("x").map(Number);
  return width && height ? { width, height, aspect: 1 } : only.size;
}
