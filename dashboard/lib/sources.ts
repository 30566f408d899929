/** What may be uploaded. Kept apart from the protocol's media module, whose schemas would come along. */
import type { SourceExtension } from "../../protocol/media.ts";

export const sourceExtensions = [
  "mp4",
  "mov",
  "avi",
  "mkv",
  "webm",
] as const satisfies readonly SourceExtension[];
