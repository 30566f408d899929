/** What a master playlist and a manifest are written from: renditions with their names and languages. */
import type { Rendition } from "./segments.ts";

export interface VideoPart {
  /** That its files' names begin with. */
  readonly name: string;
  readonly rendition: Rendition;
  /** Greatest bit rate in bit/s that its encoder may reach, where what is there is not all yet. */
  readonly peakRate?: number | null;
}

export interface AudioPart extends VideoPart {
  /** ISO 639, or null where it is not known. */
  readonly language: string | null;
  /** For people; unique among the audio renditions. */
  readonly label: string;
}

export interface SubtitlePart {
  readonly name: string;
  readonly language: string | null;
  readonly label: string;
}

export interface Presentation {
  readonly layout: "single_file" | "segments";
  /** Grouped by codec, the largest first. */
  readonly video: readonly VideoPart[];
  /** The first is the default. */
  readonly audio: readonly AudioPart[];
  readonly subtitles: readonly SubtitlePart[];
  /** In seconds. */
  readonly duration: number;
  /** In whole seconds. */
  readonly target: number;
  /**
   * Absent, all is there. `growing`: more segments are added at the end; `ended`: none will, though some are missing.
   */
  readonly state?: "growing" | "ended";
}

export const mediaFile = (name: string) => `${name}.mp4`;
/** The first piece of a track of sound, made before the rest. */
export const preludeFile = (name: string) => `${name}.first.mp4`;
export const playlistFile = (name: string) => `${name}.m3u8`;
export const keyPlaylistFile = (name: string) => `${name}-iframes.m3u8`;
export const cuesFile = (name: string) => `${name}.vtt`;
export const headFile = (name: string) => `${name}-init.mp4`;
/** Counted from 1. */
export const segmentFile = (name: string, number: number) =>
  `${name}-${String(number).padStart(5, "0")}.m4s`;
