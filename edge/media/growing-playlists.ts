/**
 * The playlists of a presentation that is not all there yet. They are rendered from what was accepted, never stored:
 * the store takes one write of a key in a second, and a stored one could lag behind or run ahead. Pure.
 */
import { assemblePresentation, type IndexedFile } from "../../protocol/chunks/assemble.ts";
import type { PlanFacts, PresentationPlan } from "../../protocol/chunks/contract.ts";
import {
  keyPicturePlaylist,
  masterPlaylist,
  mediaPlaylist,
  subtitlePlaylist,
} from "../../protocol/packaging/hls.ts";
import { keyPlaylistFile, playlistFile } from "../../protocol/packaging/presentation.ts";

type Named = { readonly name: string };

/** Which playlist a name is, and what must be read to render it. */
export interface PlaylistNeed {
  readonly kind: "master" | "video" | "keys" | "audio" | "subtitles";
  /** What of the presentation is looked at. */
  readonly view: PresentationPlan;
  /** Renditions whose chunks must be there, of which those from the first on are listed. */
  readonly pictures: readonly string[];
  /** Of these only the first chunk counts. */
  readonly isFirstOnly: boolean;
}

/** What the playlist `name` of this presentation needs, or null where there is none of that name. */
export function needOfPlaylist(facts: PlanFacts, name: string): PlaylistNeed | null {
  const { presentation, renditions } = facts;
  if (presentation === null) return null;
  const none = { ...presentation, video: [], audio: [], subtitles: [] };
  if (name === presentation.master) {
    return { kind: "master", view: presentation, pictures: renditions, isFirstOnly: true };
  }
  const called = <T extends Named>(tracks: readonly T[], file: (name: string) => string) =>
    tracks.filter((track) => file(track.name) === name);
  const video = called(presentation.video, playlistFile);
  const keys = called(presentation.video, keyPlaylistFile);
  for (const [kind, found] of [
    ["video", video],
    ["keys", keys],
  ] as const) {
    if (found.length === 0) continue;
    const pictures = found.map((track) => track.name);
    return { kind, view: { ...none, video: found }, pictures, isFirstOnly: false };
  }
  // Sound and cues are whole, but nothing is shown before there is a picture to them.
  const pictures = renditions.slice(0, 1);
  const audio = called(presentation.audio, playlistFile);
  if (audio.length > 0) {
    return { kind: "audio", view: { ...none, audio }, pictures, isFirstOnly: true };
  }
  const subtitles = called(presentation.subtitles, playlistFile);
  return subtitles.length === 0
    ? null
    : { kind: "subtitles", view: { ...none, subtitles }, pictures, isFirstOnly: true };
}

/** Every rendition whose files must be read for it. */
export function renditionsOf({ view, pictures }: PlaylistNeed): readonly string[] {
  const named = [...view.audio, ...view.subtitles].map(({ name }) => name);
  return [...new Set([...pictures, ...named])];
}

/**
 * The playlist's text, or null while what it needs is not there.
 *
 * @param files accepted ones, of any order; what comes after a missing chunk is not listed.
 * @param state `growing` while more may come; `ended` when the job ended before all did.
 */
export function renderPlaylist(
  { facts, count }: { readonly facts: PlanFacts; readonly count: number },
  need: PlaylistNeed,
  files: readonly IndexedFile[],
  state: "growing" | "ended",
): string | null {
  const view = { ...facts, renditions: [...need.pictures], presentation: need.view };
  const assembled = assemblePresentation(view, files, need.isFirstOnly ? 1 : count, state);
  if (assembled.status !== "ok") return null;
  const { presentation } = assembled;
  const [video] = presentation.video;
  const [audio] = presentation.audio;
  const [subtitles] = presentation.subtitles;
  switch (need.kind) {
    case "master":
      return masterPlaylist(presentation);
    case "video":
      return video === undefined ? null : mediaPlaylist(presentation, video);
    case "keys":
      return video === undefined ? null : keyPicturePlaylist(presentation, video);
    case "audio":
      return audio === undefined ? null : mediaPlaylist(presentation, audio);
    case "subtitles":
      return subtitles === undefined ? null : subtitlePlaylist(presentation, subtitles);
  }
}
