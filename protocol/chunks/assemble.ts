/** The files of chunks and of the audio task become one presentation, by their indexes alone. Pure. */
import {
  type AudioPart,
  type Presentation,
  preludeFile,
  type VideoPart,
} from "../packaging/presentation.ts";
import type { KeyPicture, Rendition, Segment } from "../packaging/segments.ts";
import type { MediaIndex, Part, PlanFacts, PresentationPlan, RenditionIndex } from "./contract.ts";

/** What is needed of an accepted file; a `Part` is one. */
export type IndexedFile = Pick<Part, "kind" | "chunk" | "filename"> & {
  readonly index: RenditionIndex;
};

export type Assembled =
  | { readonly status: "ok"; readonly presentation: Presentation }
  /** In words that name the file: parts do not follow each other, or are not of one configuration. */
  | { readonly status: "invalid"; readonly detail: string }
  /** A first chunk or a track is missing: nothing can be shown yet. */
  | { readonly status: "incomplete" };

type MediaFile = IndexedFile & { readonly index: MediaIndex };

/**
 * The presentation of those parts that follow each other from the first on: what comes after a hole is left out.
 *
 * @param count of chunks; all of them and every track are there exactly where `state` is absent.
 * @param state why not all is there: more will come, or nothing more will.
 */
export function assemblePresentation(
  plan: Pick<PlanFacts, "renditions"> & { readonly presentation: PresentationPlan },
  files: readonly IndexedFile[],
  count: number,
  state?: "growing" | "ended",
): Assembled {
  const { presentation: asked } = plan;
  const video: VideoPart[] = [];
  const prefix = prefixLength(files, plan.renditions, count);
  if (prefix === 0 || (state === undefined && prefix < count)) return { status: "incomplete" };
  for (const { name, peakRate } of asked.video) {
    const joined = joinFiles(chunksOf(files, name).slice(0, prefix));
    if (joined.status !== "ok") return joined;
    const declared = state === undefined ? {} : { peakRate };
    video.push({ name, rendition: joined.rendition, ...declared });
  }
  const audio: AudioPart[] = [];
  for (const track of asked.audio) {
    const sound = soundOf(files, track.name, state);
    if (sound === null) return { status: "incomplete" };
    audio.push({ ...track, rendition: renditionOfFiles(sound) });
  }
  const hasCues = ({ name }: { readonly name: string }) =>
    files.some(({ index }) => index.track === "text" && index.rendition === name);
  if (!asked.subtitles.every(hasCues)) return { status: "incomplete" };
  const presentation: Presentation = {
    layout: "single_file",
    video,
    audio,
    subtitles: asked.subtitles,
    duration: asked.durationSeconds,
    target: asked.targetSeconds,
    ...(state === undefined ? {} : { state }),
  };
  return { status: "ok", presentation };
}

/**
 * The files of a track of sound: the whole, or as long as there is none the prelude alone. With both the prelude goes
 * on being what the first piece is read from, because a playlist may not name another file for what it has listed; a
 * whole that does not continue it, made by another version of an encoder, stands alone.
 */
function soundOf(
  files: readonly IndexedFile[],
  track: string,
  state: "growing" | "ended" | undefined,
): readonly [MediaFile, ...MediaFile[]] | null {
  const made = files
    .filter(isMedia)
    .filter(({ index }) => index.track === "audio" && index.rendition === track);
  const prelude = made.find(({ filename }) => filename === preludeFile(track));
  const whole = made.find(({ filename }) => filename !== preludeFile(track));
  if (whole === undefined) return prelude === undefined || state === undefined ? null : [prelude];
  const rest = prelude === undefined ? null : restAfter(prelude.index, whole.index);
  return prelude === undefined || rest === null ? [whole] : [prelude, { ...whole, index: rest }];
}

/** What the whole has after the prelude's segments; null where it does not begin with those. */
function restAfter(prelude: MediaIndex, whole: MediaIndex): MediaIndex | null {
  const { configSha256, start, segments, samples } = prelude;
  const skipped = whole.segments.slice(0, segments.length);
  const isSame =
    whole.configSha256 === configSha256 &&
    whole.start === start &&
    segments.every(([, duration], at) => duration === skipped[at]?.[1]);
  if (!isSame) return null;
  const [bytes, ticks] = skipped.reduce(
    ([size, time], [more, longer]) => [size + more, time + longer],
    [0, 0],
  );
  return {
    ...whole,
    headSize: whole.headSize + bytes,
    start: start + ticks,
    segments: whole.segments.slice(segments.length),
    keyPictures: [],
    samples: whole.samples - samples,
  };
}

/** How many chunks are there from the first on, each with every rendition. */
export function prefixLength(
  files: readonly IndexedFile[],
  renditions: readonly string[],
  count: number,
): number {
  const there = new Set(
    files.flatMap(({ kind, chunk, index }) =>
      kind === "chunk" ? [`${chunk}/${index.rendition}`] : [],
    ),
  );
  let prefix = 0;
  while (prefix < count && renditions.every((name) => there.has(`${prefix}/${name}`))) prefix += 1;
  return prefix;
}

/** The files of a rendition in the order of their chunks. */
export function chunksOf(files: readonly IndexedFile[], rendition: string): readonly MediaFile[] {
  return files
    .filter(isMedia)
    .filter(({ kind, index }) => kind === "chunk" && index.rendition === rendition)
    .sort((a, b) => (a.chunk ?? 0) - (b.chunk ?? 0));
}

function isMedia(file: IndexedFile): file is MediaFile {
  return file.index.track === "video" || file.index.track === "audio";
}

export type Joined =
  | { readonly status: "ok"; readonly rendition: Rendition }
  | { readonly status: "invalid"; readonly detail: string };

/** One rendition of files that follow each other: each begins where the one before ends, under the same head. */
export function joinFiles(files: readonly MediaFile[]): Joined {
  const [first] = files;
  if (first === undefined) return { status: "invalid", detail: "There is no file to join." };
  let end: number | null = null;
  for (const { filename, index } of files) {
    if (index.configSha256 !== first.index.configSha256) {
      const detail = `'${filename}' is of another configuration than '${first.filename}'.`;
      return { status: "invalid", detail };
    }
    if (end !== null && index.start !== end) {
      const detail = `'${filename}' begins at tick ${index.start}; the file before it ends at ${end}.`;
      return { status: "invalid", detail };
    }
    end = index.segments.reduce((sum, [, duration]) => sum + duration, index.start);
  }
  return { status: "ok", rendition: renditionOfFiles([first, ...files.slice(1)]) };
}

function renditionOfFiles(files: readonly [MediaFile, ...MediaFile[]]): Rendition {
  const [{ filename, index }] = files;
  const segments: Segment[] = [];
  const keyPictures: KeyPicture[] = [];
  for (const { filename: file, index } of files) {
    let offset = index.headSize;
    let start = index.start;
    for (const [size, duration] of index.segments) {
      segments.push({ file, offset, size, start, duration });
      offset += size;
      start += duration;
    }
    for (const [at, size, duration] of index.keyPictures) {
      keyPictures.push({ file, offset: at, size, duration });
    }
  }
  const samples = files.reduce((sum, one) => sum + one.index.samples, 0);
  const { head, headSize } = index;
  return { head, headFile: filename, headSize, segments, keyPictures, samples };
}
