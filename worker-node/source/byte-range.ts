/** `Range` of RFC 9110 section 14.1.2, for one range of bytes. */

export type RangeResult =
  /** No range, or one that this server may ignore: the whole is served with 200. */
  | { readonly status: "whole" }
  /** Bytes `start` to `end`, both included. */
  | { readonly status: "part"; readonly start: number; readonly end: number }
  /** 416 */
  | { readonly status: "unsatisfiable" };

/** Reads a `Range` header against a file of `size` bytes. Several ranges, and other units, are ignored. */
export function parseByteRange(header: string | undefined, size: number): RangeResult {
  const match = /^bytes=(\d{0,15})-(\d{0,15})$/.exec((header ?? "").replace(/\s/g, ""));
  if (match === null || (match[1] === "" && match[2] === "")) return { status: "whole" };
  if (match[1] === "") {
    const length = Math.min(Number(match[2]), size);
    return length === 0
      ? { status: "unsatisfiable" }
      : { status: "part", start: size - length, end: size - 1 };
  }
  const start = Number(match[1]);
  const end = match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (match[2] !== "" && Number(match[2]) < start) return { status: "whole" };
  return start >= size ? { status: "unsatisfiable" } : { status: "part", start, end };
}

/** Reads `Content-Range: bytes a-b/size` of a 206; null when it is another form. */
export function parseContentRange(
  header: string | null,
): { readonly start: number; readonly end: number; readonly size: number } | null {
  const match = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(header ?? "");
  if (match === null) return null;
  return { start: Number(match[1]), end: Number(match[2]), size: Number(match[3]) };
}
