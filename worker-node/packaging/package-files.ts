/** Writes the playlists and the manifest of encoded renditions, and cuts these into segments where asked to. */
import { createReadStream, createWriteStream } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { dashManifest } from "../../protocol/packaging/dash.ts";
import {
  keyPicturePlaylist,
  masterPlaylist,
  mediaPlaylist,
  subtitlePlaylist,
} from "../../protocol/packaging/hls.ts";
import {
  headFile,
  keyPlaylistFile,
  mediaFile,
  type Presentation,
  playlistFile,
  segmentFile,
  type VideoPart,
} from "../../protocol/packaging/presentation.ts";
import { secondsOf, targetDuration } from "../../protocol/packaging/segments.ts";
import type { PackageStep } from "../../protocol/plan.ts";
import { MAX_FILES } from "../../protocol/recipes/hls.ts";
import { readRendition } from "./read-rendition.ts";

export type Packaged =
  | { readonly status: "ok"; readonly cuts: ReadonlyMap<string, readonly string[]> }
  /** `isOurs`: what was encoded is not what the plan said, and may be another time. */
  | { readonly status: "failed"; readonly detail: string; readonly isOurs: boolean };

/** Packages the files of the scratch directory `folder`. @throws what the file system says. */
export async function packageFiles(
  folder: string,
  step: PackageStep,
  signal: AbortSignal,
): Promise<Packaged> {
  let presentation: Presentation;
  try {
    presentation = await present(folder, step);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { status: "failed", detail: error.message, isOurs: true };
  }
  const parts = [...presentation.video, ...presentation.audio];
  if (step.layout === "segments") {
    const count = parts.reduce((sum, { rendition }) => sum + rendition.segments.length + 1, 0);
    if (count > MAX_FILES) {
      const detail = `layout segments would make ${count} files; at most ${MAX_FILES} are made. Use layout single_file, or a longer segmentSeconds.`;
      return { status: "failed", detail, isOurs: false };
    }
  }
  await writeTexts(folder, step, presentation);
  const cuts = new Map<string, readonly string[]>();
  if (step.layout === "segments") {
    for (const part of parts) cuts.set(mediaFile(part.name), await cut(folder, part, signal));
  }
  return { status: "ok", cuts };
}

async function present(folder: string, step: PackageStep): Promise<Presentation> {
  const read = async <T extends { readonly name: string }>(part: T) => ({
    ...part,
    rendition: await readRendition(join(folder, mediaFile(part.name)), step.segmentSeconds),
  });
  const video = await Promise.all(step.video.map(read));
  const audio = await Promise.all(step.audio.map(read));
  const renditions = [...video, ...audio].map(({ rendition }) => rendition);
  const ends = renditions.map((one) => {
    const last = one.segments.at(-1);
    return last === undefined ? 0 : last.start / one.head.timescale + secondsOf(one, last);
  });
  return {
    layout: step.layout,
    video,
    audio,
    subtitles: step.subtitles,
    duration: Math.max(0, ...ends),
    target: targetDuration(renditions),
  };
}

/** Writes playlists and manifest into the scratch directory `folder`; returns their names. */
export async function writeTexts(
  folder: string,
  { master, manifest }: Pick<PackageStep, "master" | "manifest">,
  presentation: Presentation,
): Promise<readonly string[]> {
  const { video, audio, subtitles } = presentation;
  const texts: [file: string, text: string][] = [
    [master, masterPlaylist(presentation)],
    [manifest, dashManifest(presentation)],
    ...[...video, ...audio].map((part): [string, string] => [
      playlistFile(part.name),
      mediaPlaylist(presentation, part),
    ]),
    ...video.map((part): [string, string] => [
      keyPlaylistFile(part.name),
      keyPicturePlaylist(presentation, part),
    ]),
    ...subtitles.map((part): [string, string] => [
      playlistFile(part.name),
      subtitlePlaylist(presentation, part),
    ]),
  ];
  for (const [file, text] of texts) await writeFile(join(folder, file), text, { mode: 0o600 });
  return texts.map(([file]) => file);
}

/** The head, then a file per segment: together the bytes of the whole. */
async function cut(
  folder: string,
  { name, rendition }: VideoPart,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const pieces = [
    { file: headFile(name), offset: 0, size: rendition.headSize },
    ...rendition.segments.map((segment, at) => ({ ...segment, file: segmentFile(name, at + 1) })),
  ];
  for (const { file, offset, size } of pieces) {
    await pipeline(
      createReadStream(join(folder, mediaFile(name)), { start: offset, end: offset + size - 1 }),
      createWriteStream(join(folder, file), { mode: 0o600 }),
      { signal },
    );
  }
  return pieces.map(({ file }) => file);
}
