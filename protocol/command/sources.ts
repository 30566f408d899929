/** What a command's inputs give: which streams a specifier means, their sizes and ends. Pure. */
import type { SourceInfo } from "../media.ts";
import type { FrameSize, Media } from "./filters/define.ts";
import type { Link } from "./filters/links.ts";
import { type Command, hasOption, optionsOf } from "./model.ts";
import { ok, type Read } from "./read.ts";
import type { StreamRef } from "./streams.ts";

/** By the keys of inputs; null at the edge. */
export type KnownSources = Readonly<Record<string, SourceInfo>> | null;

/** A command and what is known of its inputs. */
export interface Scene {
  readonly command: Command;
  readonly sources: KnownSources;
}

/** A stream that may go into an output. */
export interface Stream extends Link {
  readonly presence: "yes" | "unknown";
}

export function sourceOf({ command, sources }: Scene, file: number): SourceInfo | null {
  const key = command.inputs[file]?.key;
  return key === undefined ? null : (sources?.[key] ?? null);
}

export function firstWith(scene: Scene, media: Media, from: number): number {
  for (let file = from; file < scene.command.inputs.length; file += 1) {
    const source = sourceOf(scene, file);
    if (source === null) return file;
    if (media === "video" ? source.video !== null : source.audio.length > 0) return file;
  }
  return from;
}

function isEndless({ command }: Scene, file: number): boolean {
  const options = command.inputs[file]?.options ?? [];
  const loops = optionsOf(options, "stream_loop").some(({ value }) => value === "-1");
  return loops && !hasOption(options, "t", "to");
}

export function sourceLink(scene: Scene, ref: StreamRef, media: Media): Read<Link> {
  const endless = isEndless(scene, ref.file);
  return ok({ media, endless, size: media === "video" ? sourceSize(scene, ref) : null });
}

/** As frames leave the decoder: turned upright, unless the input says not to. */
function sourceSize(scene: Scene, { file, kind, index }: StreamRef): FrameSize | null {
  const video = sourceOf(scene, file)?.video ?? null;
  if (video === null) return null;
  const isFirst = kind === null ? index === null || index === video.index : (index ?? 0) === 0;
  if (!isFirst) return null;
  const { width, height, sampleAspect, rotation } = video;
  const aspect =
    sampleAspect.num > 0 && sampleAspect.den > 0 ? sampleAspect.num / sampleAspect.den : 1;
  const isTurned =
    (rotation === 90 || rotation === 270) &&
    !hasOption(scene.command.inputs[file]?.options ?? [], "noautorotate");
  return isTurned
    ? { width: height, height: width, aspect: 1 / aspect }
    : { width, height, aspect };
}

/** The streams of pictures and sound that a specifier means; of data and subtitles nothing is said. */
export function matching(scene: Scene, wanted: StreamRef): readonly Stream[] | "none" {
  const { file, kind, index } = wanted;
  const source = sourceOf(scene, file);
  const endless = isEndless(scene, file);
  const video: Stream = {
    media: "video",
    endless,
    size: sourceSize(scene, wanted),
    presence: "yes",
  };
  const audio: Stream = { media: "audio", endless, size: null, presence: "yes" };
  if (kind === "subtitle" || kind === "data") return [];
  if (wanted.language !== undefined)
    return speaking(source, wanted.language, kind, { video, audio });
  if (source === null || source.attachedPictures > 0 || (kind === null && index !== null)) {
    // Cover art is a picture to ffmpeg and none to the gate.
    const kinds = kind === null ? [video, audio] : kind === "video" ? [video] : [audio];
    return kinds.map((stream) => ({ ...stream, presence: "unknown" }));
  }
  const hasVideo = source.video !== null;
  if (kind === "video") {
    if (!hasVideo) return "none";
    return [index === null || index === 0 ? video : { ...video, presence: "unknown" }];
  }
  if (kind === "audio") return source.audio.length > (index ?? 0) ? [audio] : "none";
  const all = [...(hasVideo ? [video] : []), ...(source.audio.length > 0 ? [audio] : [])];
  return all.length === 0 ? "none" : all;
}

/** Those of a language. Of pictures the probe keeps none, and of sound not whether it says that it is unknown. */
function speaking(
  source: SourceInfo | null,
  language: string,
  kind: StreamRef["kind"],
  { video, audio }: Readonly<Record<Media, Stream>>,
): readonly Stream[] | "none" {
  const isHeard = source?.audio.some((track) => track.language === language) === true;
  const mayBeHeard = source === null || (language === "und" && source.audio.length > 0);
  const found: Stream[] = [];
  if (kind !== "audio" && source?.video !== null) found.push({ ...video, presence: "unknown" });
  if (kind !== "video" && (isHeard || mayBeHeard)) {
    found.push({ ...audio, presence: isHeard ? "yes" : "unknown" });
  }
  return found.length === 0 ? "none" : found;
}

type Chosen =
  | { readonly status: "none" }
  | { readonly status: "chosen"; readonly file: number; readonly stream: Stream };

/** The largest picture, or the first sound, of all inputs. */
export function largest(scene: Scene, media: Media): Chosen {
  let best: Chosen = { status: "none" };
  let bestArea = -1;
  for (const file of scene.command.inputs.keys()) {
    const found = matching(scene, { file, kind: media, index: 0 });
    const stream = found === "none" ? undefined : found[0];
    if (stream === undefined) continue;
    const { size } = stream;
    const area = media === "video" && size !== null ? size.width * size.height : 0;
    if (area > bestArea) {
      best = { status: "chosen", file, stream };
      bestArea = area;
    }
  }
  return best;
}
