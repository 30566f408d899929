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
