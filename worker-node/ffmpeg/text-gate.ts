/** The gate for files that are read as text: tracks of cues, playlists, manifests, and what they name. */
import { readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { FileFormat, VideoMetadata } from "../../protocol/media.ts";
import type { PromisedOutput } from "../../protocol/plan.ts";
import { outputFilenameSchema } from "../../protocol/task.ts";

export type TextFormat = Extract<FileFormat, "hls" | "vtt" | "dash">;

export function isTextFormat(format: FileFormat): format is TextFormat {
  return format === "hls" || format === "vtt" || format === "dash";
}

/** How each begins: RFC 8216 section 4.3.1.1, WebVTT section 4.1, XML 1.0. */
const beginnings: Readonly<Record<TextFormat, RegExp>> = {
  hls: /^#EXTM3U\n/,
  vtt: /^WEBVTT(?:[ \t][^\n]*)?(?:\r?\n|$)/,
  dash: /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<MPD /,
};

/**
 * What is wrong with the text, or with a file that it names; null when nothing is.
 *
 * @param elsewhere sizes of files that are not beside it.
 */
export async function textFault(
  file: string,
  format: TextFormat,
  elsewhere: Readonly<Record<string, number>> = {},
): Promise<string | null> {
  const text = await readFile(file, "utf8");
  if (!beginnings[format].test(text)) return `it does not begin as ${format} does`;
  for (const { name, end } of referencesOf(text, format)) {
    if (!outputFilenameSchema.safeParse(name).success) return `it names '${name.slice(0, 100)}'`;
    const known = Object.hasOwn(elsewhere, name) ? elsewhere[name] : undefined;
    const size =
      known ??
      (await stat(join(dirname(file), name)).then(
        (found) => found.size,
        () => null,
      ));
    if (size === null) return `it names '${name}', which does not exist`;
    if (end !== null && end > size) return `it names byte ${end} of '${name}', which has ${size}`;
  }
  return null;
}

interface Reference {
  readonly name: string;
  /** One past the last byte that is named; null where all of the file is. */
  readonly end: number | null;
}

/** Files that a playlist or manifest names, with the furthest byte of each. Cues name none. */
function referencesOf(text: string, format: TextFormat): readonly Reference[] {
  if (format === "vtt") return [];
  const furthest = new Map<string, number | null>();
  const add = (name: string, end: number | null) => {
    const known = furthest.get(name) ?? null;
    furthest.set(name, known === null || end === null ? (end ?? known) : Math.max(known, end));
  };
  const read = format === "hls" ? playlistReferences : manifestReferences;
  read(text, add);
  return [...furthest].map(([name, end]) => ({ name, end }));
}

function playlistReferences(text: string, add: (name: string, end: number | null) => void): void {
  let end: number | null = null;
  for (const line of text.split("\n")) {
    const range = /^#EXT-X-BYTERANGE:(\d+)@(\d+)$/.exec(line);
    if (range !== null) end = Number(range[1]) + Number(range[2]);
    const named = /^#.*\bURI="([^"]*)"(?:,BYTERANGE="(\d+)@(\d+)")?/.exec(line);
    if (named?.[1] !== undefined) {
      add(named[1], named[2] === undefined ? null : Number(named[2]) + Number(named[3]));
    }
    if (line === "" || line.startsWith("#")) continue;
    add(line, end);
    end = null;
  }
}

function manifestReferences(text: string, add: (name: string, end: number | null) => void): void {
  for (const [, name] of text.matchAll(/<BaseURL>([^<]*)<\/BaseURL>/g)) add(name ?? "", null);
  const named = /(?:media|sourceURL)="([^"]*)"(?: (?:mediaRange|range)="\d+-(\d+)")?/g;
  for (const [, name, last] of text.matchAll(named)) {
    add(name ?? "", last === undefined ? null : Number(last) + 1);
  }
}

/** What is said of a text: what the plan knows of what it stands for. */
export function textMedia(promise: PromisedOutput): VideoMetadata {
  const { format, video, audio, durationSeconds } = promise;
  return {
    format,
    durationSeconds: durationSeconds === null ? null : Math.round(durationSeconds * 1000) / 1000,
    width: video?.width ?? null,
    height: video?.height ?? null,
    frameRate: null,
    videoCodec: video?.codec ?? null,
    audioCodec: audio?.codec ?? null,
    bitrateKbps: null,
  };
}
