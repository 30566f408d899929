/** Byte ranges (RFC 9110 section 14) and the conditions that go with them (section 13). Pure. */
import type { ByteRange } from "./store.ts";

export type RangeAnswer =
  /** No range was asked for, or one that a server ignores: unknown unit, malformed, or several. */
  | { readonly status: "whole" }
  | { readonly status: "partial"; readonly range: ByteRange }
  /** The range is well-formed and holds no byte: 416 with `Content-Range: bytes *\/size`. */
  | { readonly status: "unsatisfiable" };

const WHOLE: RangeAnswer = { status: "whole" };

/**
 * Reads a `Range` header for content of `size` bytes. Several ranges at once are answered with the whole:
 * section 14.2 lets a server do so, no player asks for them, and overlapping ones are an amplification.
 */
export function parseRange(header: string | null, size: number): RangeAnswer {
  if (header === null) return WHOLE;
  const set = /^bytes[ \t]*=(.*)$/i.exec(header.trim())?.[1];
  if (set === undefined) return WHOLE;
  // A list may have empty elements (section 5.6.1).
  const specs = set.split(",").flatMap((spec) => spec.trim() || []);
  const [spec] = specs;
  return spec === undefined || specs.length > 1 ? WHOLE : readSpec(spec, size);
}

function readSpec(spec: string, size: number): RangeAnswer {
  const match = /^(\d*)-(\d*)$/.exec(spec);
  const [, firstText = "", lastText = ""] = match ?? [];
  if (firstText === "") return lastText === "" ? WHOLE : readSuffix(Number(lastText), size);
  const first = Number(firstText);
  const last = lastText === "" ? Number.POSITIVE_INFINITY : Number(lastText);
  if (last < first) return WHOLE;
  if (first >= size) return { status: "unsatisfiable" };
  return partial(first, Math.min(last, size - 1));
}

/** The last `length` bytes. Of nothing, everything: a 206 could not say so. */
function readSuffix(length: number, size: number): RangeAnswer {
  if (length === 0) return { status: "unsatisfiable" };
  if (size === 0) return WHOLE;
  return partial(Math.max(size - length, 0), size - 1);
}

function partial(first: number, last: number): RangeAnswer {
  return { status: "partial", range: { offset: first, length: last - first + 1 } };
}

/** `bytes 0-99/1000` for a 206. */
export function contentRange({ offset, length }: ByteRange, size: number): string {
  return `bytes ${offset}-${offset + length - 1}/${size}`;
}

/**
 * Whether `If-Range` lets the range stand: only for the very same bytes (strong comparison, section 13.1.5).
 * A date never does, for these objects show no `Last-Modified`.
 */
export function rangeStands(ifRange: string | null, etag: string): boolean {
  return ifRange === null || ifRange.trim() === `"${etag}"`;
}

/** Whether `If-None-Match` names this object (weak comparison, section 13.1.2): then 304. */
export function isNotModified(ifNoneMatch: string | null, etag: string): boolean {
  return ifNoneMatch !== null && names(ifNoneMatch, etag, true);
}

/** Whether `If-Match` holds (strong comparison, section 13.1.1); else 412. */
export function matches(ifMatch: string | null, etag: string): boolean {
  return ifMatch === null || names(ifMatch, etag, false);
}

function names(header: string, etag: string, weakly: boolean): boolean {
  if (header.trim() === "*") return true;
  const tags = header.matchAll(/(W\/)?"([^"]*)"/g);
  return Array.from(tags).some(([, weak, tag]) => tag === etag && (weakly || weak === undefined));
}
