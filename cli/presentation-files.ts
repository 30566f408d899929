/** The files that a presentation is made of, as its playlists and manifest name them. Pure. */

/** As the edge names outputs (protocol/task-names.ts), with room for what parts add: a plain file name everywhere. */
const PLAIN_NAME = /^(?!\.)[A-Za-z0-9._-]{1,200}$/;

/** Whether a file of this name can only stand in the folder it is put into. */
export function isPlainName(name: string): boolean {
  return PLAIN_NAME.test(name);
}

/** Whether an output names other files. */
export function namesFiles(name: string): boolean {
  return /\.(?:m3u8|mpd)$/.test(name);
}

/**
 * The names in the text of a playlist (RFC 8216: lines that are no tag, and `URI` attributes) or of a manifest
 * (ISO/IEC 23009-1: `BaseURL`, and what a SegmentList points to), each once, in their order. They are whatever the text
 * holds: see `isPlainName`.
 */
export function filesNamedBy(name: string, text: string): readonly string[] {
  const found = name.endsWith(".mpd")
    ? text.matchAll(/<BaseURL>([^<]*)<\/BaseURL>|\b(?:sourceURL|media)="([^"]*)"/g)
    : text.matchAll(/^([^#\s].*?)\s*$|^#.*?[:,]URI="([^"]*)"/gm);
  return [...new Set([...found].map(([, first, second]) => first ?? second ?? ""))];
}
