/** The headers of the tus resumable upload protocol 1.0.0 (https://tus.io/protocols/resumable-upload). Pure. */
import { ApiError } from "./errors.ts";

export const TUS_VERSION = "1.0.0";
export const TUS_EXTENSIONS = "creation,termination,expiration";
export const TUS_CONTENT_TYPE = "application/offset+octet-stream";

/** Refuses a request that does not speak this version; the spec asks for 412 and `Tus-Version`. */
export function refuseOtherVersion(version: string | undefined): void {
  if (version === TUS_VERSION) return;
  throw new ApiError(
    "PRECONDITION_FAILED",
    `The header Tus-Resumable must be '${TUS_VERSION}'${version === undefined ? "" : `, not '${version}'`}.`,
    { "tus-version": TUS_VERSION },
  );
}

/** A header that is a whole number of bytes. */
export function byteCount(name: string, value: string | undefined): number {
  if (value !== undefined && /^\d{1,15}$/.test(value)) return Number(value);
  throw new ApiError("VALIDATION_ERROR", `The header ${name} must be a whole number of bytes.`);
}

/**
 * The size announced at creation. A size to be told later (`Upload-Defer-Length`) and parts to be joined later
 * (`Upload-Concat`) are not offered: who overlooked it would take each part for a file of its own.
 */
export function uploadLength(headers: Headers): number {
  if (headers.has("upload-concat")) {
    throw new ApiError(
      "VALIDATION_ERROR",
      "Upload-Concat is not supported: send the file as one upload.",
    );
  }
  if (headers.has("upload-defer-length")) {
    throw new ApiError(
      "VALIDATION_ERROR",
      "Upload-Defer-Length is not supported: send Upload-Length, the size in bytes.",
    );
  }
  const length = byteCount("Upload-Length", headers.get("upload-length") ?? undefined);
  if (length > 0) return length;
  throw new ApiError("VALIDATION_ERROR", "The header Upload-Length must be at least 1.");
}

/**
 * `Upload-Metadata`: pairs of a key and its Base64 value, with commas between (spec, "Upload-Metadata"). Values are
 * UTF-8 here.
 */
export function uploadMetadata(header: string | null): ReadonlyMap<string, string> {
  const pairs = new Map<string, string>();
  for (const pair of (header ?? "").split(",")) {
    const [key, value, ...more] = pair.trim().split(" ");
    if (key === undefined || key === "") continue;
    if (more.length > 0 || pairs.has(key)) {
      throw new ApiError(
        "VALIDATION_ERROR",
        `The header Upload-Metadata must hold each key once, with one Base64 value: look at '${key.slice(0, 50)}'.`,
      );
    }
    pairs.set(key, decoded(key, value ?? ""));
  }
  return pairs;
}

function decoded(key: string, value: string): string {
  try {
    const bytes = Uint8Array.from(atob(value), (character) => character.charCodeAt(0));
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw new ApiError(
      "VALIDATION_ERROR",
      `The header Upload-Metadata must hold Base64 of UTF-8: the value of '${key.slice(0, 50)}' is not.`,
    );
  }
}
