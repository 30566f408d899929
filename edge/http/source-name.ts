/** What a client calls its file, judged before anything is done with it. */
import type { SourceExtension } from "../../protocol/media.ts";
import { safeFilename, sourceExtensionOf, unsupportedExtension } from "../media/filename.ts";
import { ApiError } from "./errors.ts";

/** The name made harmless and its extension, or VALIDATION_ERROR or UNSUPPORTED_FORMAT. */
export function sourceNameOf(raw: string): {
  readonly filename: string;
  readonly extension: SourceExtension;
} {
  const name = safeFilename(raw);
  if (name.status === "invalid") throw new ApiError("VALIDATION_ERROR", name.detail);
  const extension = sourceExtensionOf(name.filename);
  if (extension === null) {
    throw new ApiError("UNSUPPORTED_FORMAT", unsupportedExtension(name.filename));
  }
  return { filename: name.filename, extension };
}
