/**
 * Client's file names made harmless. A name is kept for display alone: it is never part of an object key or a
 * path, and whoever writes it into a header quotes it.
 */
import { type SourceExtension, sourceExtensions } from "../../protocol/media.ts";

/** What file systems allow for one name (NAME_MAX). */
const MAX_FILENAME_BYTES = 255;

export type FilenameResult =
  | { readonly status: "ok"; readonly filename: string }
  | { readonly status: "invalid"; readonly detail: string };

/**
 * Invisible or dangerous in display: controls (CR, LF, NUL), format characters (bidi marks, zero-width ones),
 * lone surrogates, line and paragraph separators, default-ignorable and non-characters.
 */
const harmful = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{DI}\p{NChar}]/gu;

/**
 * The last path segment of `raw`, without what harms, NFC, at most 255 bytes of UTF-8 with its extension kept.
 * Double quotes become single ones, so that a consumer who forgets to quote cannot be broken out of.
 */
export function safeFilename(raw: string): FilenameResult {
  const base = raw.slice(Math.max(raw.lastIndexOf("/"), raw.lastIndexOf("\\")) + 1);
  const clean = base.replace(harmful, "").replaceAll('"', "'").normalize("NFC").trim();
  if (/^\.*$/.test(clean)) {
    return {
      status: "invalid",
      detail: "filename must name a file: nothing harmless is left of this one",
    };
  }
  return { status: "ok", filename: shorten(clean) };
}

/** The accepted extension a name ends in, lower-case, or null. */
export function sourceExtensionOf(filename: string): SourceExtension | null {
  const extension = filename.slice(filename.lastIndexOf(".") + 1).toLowerCase();
  return filename.includes(".") && isSourceExtension(extension) ? extension : null;
}

/** The `detail` of UNSUPPORTED_FORMAT for a name with another extension. */
export function unsupportedExtension(filename: string): string {
  const known = Object.keys(sourceExtensions).join(", ");
  return `The extension of '${filename}' is not supported. Supported are: ${known}.`;
}

function isSourceExtension(text: string): text is SourceExtension {
  return Object.hasOwn(sourceExtensions, text);
}

function shorten(name: string): string {
  if (utf8Length(name) <= MAX_FILENAME_BYTES) return name;
  const dot = name.lastIndexOf(".");
  const extension = dot > 0 && utf8Length(name.slice(dot)) <= 16 ? name.slice(dot) : "";
  const stem = name.slice(0, name.length - extension.length);
  return cutUtf8(stem, MAX_FILENAME_BYTES - utf8Length(extension)).trimEnd() + extension;
}

/** The longest prefix within `maxBytes` that ends between code points. */
function cutUtf8(text: string, maxBytes: number): string {
  let bytes = 0;
  let end = 0;
  for (const character of text) {
    bytes += utf8Length(character);
    if (bytes > maxBytes) break;
    end += character.length;
  }
  return text.slice(0, end);
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}
