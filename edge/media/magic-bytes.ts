/** What a file is, from its first bytes. A name is a claim; this is the evidence. */
import type { SourceExtension } from "../../protocol/media.ts";

/** Bytes from the start of the file that `detectContainer` wants (or the whole file, where it is shorter). */
export const MAGIC_BYTES = 4096;

export type Container = "iso" | "matroska" | "webm" | "avi";

const containerNames: Record<Container, string> = {
  iso: "MP4 or QuickTime",
  matroska: "Matroska",
  webm: "WebM",
  avi: "AVI",
};

/**
 * MP4 and QuickTime are one family: cameras and editors write either brand under either name, and players do
 * not care. WebM is a subset of Matroska, so a WebM file is a good .mkv, but not the other way round.
 */
const accepted: Record<SourceExtension, readonly Container[]> = {
  mp4: ["iso"],
  mov: ["iso"],
  avi: ["avi"],
  mkv: ["matroska", "webm"],
  webm: ["webm"],
};

/**
 * Whether a file that begins with `head` and has `sizeBytes` bytes is what its extension says; `detail` tells
 * what it looks like instead.
 */
export function checkMagic(
  extension: SourceExtension,
  head: Uint8Array,
  sizeBytes: number,
): { readonly status: "ok" } | { readonly status: "mismatch"; readonly detail: string } {
  const found = detectContainer(head, sizeBytes);
  if (found !== null && accepted[extension].includes(found)) return { status: "ok" };
  const looks = found === null ? (otherKind(head) ?? "no known video") : containerNames[found];
  return {
    status: "mismatch",
    detail: `The content is not what the extension .${extension} says: it looks like ${looks}.`,
  };
}

/** The container that `head` starts, or null. */
export function detectContainer(head: Uint8Array, sizeBytes: number): Container | null {
  if (isAvi(head)) return "avi";
  return detectMatroska(head) ?? (isIsoMedia(head, sizeBytes) ? "iso" : null);
}

/** https://learn.microsoft.com/windows/win32/directshow/avi-riff-file-reference */
function isAvi(head: Uint8Array): boolean {
  return ascii(head, 0, 4) === "RIFF" && ascii(head, 8, 12) === "AVI ";
}

/** Brands of still images and image sequences (HEIF, AVIF, JPEG XL, Canon raw), which share the `ftyp` box. */
const imageBrands: ReadonlySet<string> = new Set([
  ...["heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs"],
  ...["mif1", "mif2", "msf1", "miaf", "avif", "avis", "jxl ", "crx ", "j2ki", "j2is"],
]);

/** Boxes that QuickTime files from before `ftyp` (2001) begin with. */
const legacyFirstBoxes: ReadonlySet<string> = new Set([
  "moov",
  "mdat",
  "wide",
  "free",
  "skip",
  "pnot",
]);

/** ISO/IEC 14496-12, 4.2 and 4.3; QuickTime File Format, "Atoms". */
function isIsoMedia(head: Uint8Array, sizeBytes: number): boolean {
  if (head.byteLength < 8) return false;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  const boxSize = view.getUint32(0);
  const type = ascii(head, 4, 8);
  if (type === "ftyp") {
    return boxSize >= 16 && boxSize <= sizeBytes && !imageBrands.has(ascii(head, 8, 12));
  }
  if (!legacyFirstBoxes.has(type)) return false;
  // 1: a 64-bit size follows; 0: to the end of the file, which only `mdat` may do. Otherwise the size is
  // checked, because four letters alone are too easily met: a text that begins "The free ..." has them.
  if (boxSize === 1) return head.byteLength >= 16 && view.getUint32(8) < 0x100000;
  if (boxSize === 0) return type === "mdat";
  return boxSize >= 8 && boxSize <= sizeBytes;
}

const EBML_HEADER = 0x1a45dfa3;
const EBML_DOC_TYPE = 0x4282;

/** RFC 8794, sections 4 to 6 and 11.2.6. DocType's default is "matroska". */
function detectMatroska(head: Uint8Array): Container | null {
  if (head.byteLength < 5) return null;
  const view = new DataView(head.buffer, head.byteOffset, head.byteLength);
  if (view.getUint32(0) !== EBML_HEADER) return null;
  const header = readVint(head, 4);
  if (header === null) return null;
  const end = Math.min(head.byteLength, header.next + header.value);
  let at = header.next;
  while (at < end) {
    const idLength = vintLength(head[at]);
    if (idLength > 4) return null;
    let id = 0;
    for (let i = 0; i < idLength; i++) id = id * 256 + (head[at + i] ?? 0);
    const size = readVint(head, at + idLength);
    if (size === null) return null;
    if (id === EBML_DOC_TYPE) {
      const docType = ascii(head, size.next, size.next + size.value).replace(/\0+$/, "");
      return docType === "webm" ? "webm" : docType === "matroska" ? "matroska" : null;
    }
    at = size.next + size.value;
  }
  return "matroska";
}

/** RFC 8794, section 4: the leading zero bits of the first byte say how many bytes follow. 9: not one. */
function vintLength(first: number | undefined): number {
  return first === undefined || first === 0 ? 9 : Math.clz32(first) - 23;
}

function readVint(bytes: Uint8Array, at: number): { value: number; next: number } | null {
  const length = vintLength(bytes[at]);
  if (length > 8 || at + length > bytes.byteLength) return null;
  let value = (bytes[at] ?? 0) & (0xff >> length);
  for (let i = 1; i < length; i++) value = value * 256 + (bytes[at + i] ?? 0);
  return { value, next: at + length };
}

/** What people do rename to .mp4, so that the refusal tells them at once. */
const otherKinds: readonly (readonly [kind: string, magic: readonly number[]])[] = [
  ["a PNG image", [0x89, 0x50, 0x4e, 0x47]],
  ["a JPEG image", [0xff, 0xd8, 0xff]],
  ["a GIF image", [0x47, 0x49, 0x46, 0x38]],
  ["a PDF document", [0x25, 0x50, 0x44, 0x46]],
  ["a ZIP archive", [0x50, 0x4b, 0x03, 0x04]],
  ["an Ogg file", [0x4f, 0x67, 0x67, 0x53]],
  ["an FLV video", [0x46, 0x4c, 0x56, 0x01]],
  ["an HLS playlist", [0x23, 0x45, 0x58, 0x54, 0x4d, 0x33, 0x55]],
];

function otherKind(head: Uint8Array): string | null {
  const match = otherKinds.find(([, magic]) => magic.every((byte, i) => head[i] === byte));
  if (match !== undefined) return match[0];
  const isText = head.subarray(0, 512).every((b) => b === 9 || b === 10 || b === 13 || b >= 32);
  return head.byteLength > 0 && isText ? "text" : null;
}

function ascii(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.subarray(from, to));
}
