/** Which file extension means which output format. */
import { type OutputFormat, outputFormats } from "./media.ts";

/** The extension an output is given, without the dot. */
export const extensionOf: Record<OutputFormat, string> = {
  mp4: "mp4",
  webm: "webm",
  mov: "mov",
  gif: "gif",
  mp3: "mp3",
  aac: "aac",
  wav: "wav",
  jpg: "jpg",
  png: "png",
  hls: "m3u8",
};

/** The format a file name's extension means; null for any other. */
export function formatOfName(name: string): OutputFormat | null {
  const extension = /\.([^.]+)$/.exec(name)?.[1]?.toLowerCase();
  if (extension === "jpeg") return "jpg";
  return outputFormats.find((format) => extensionOf[format] === extension) ?? null;
}

/** Formats of outputs that may consist of several files. */
const withCompanions: ReadonlySet<OutputFormat> = new Set(["hls", "jpg"]);

export function mayHaveCompanions(format: OutputFormat): boolean {
  return withCompanions.has(format);
}

/** Of a file name's 100 characters, what its companions take over; the rest is theirs. */
const STEM_LENGTH = 60;

/** How the names of all files begin that an output brings along; its own name, without the extension. */
export function companionStem(filename: string): string {
  return filename.replace(/(?<=.)\.[^.]*$/, "").slice(0, STEM_LENGTH);
}
