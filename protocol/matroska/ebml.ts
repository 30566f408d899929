/** Walks the elements of EBML (RFC 8794) through bounded reads. */

/** Reads a file by position, and decides how much may be read: a file's author decides where. */
export interface ByteReader {
  /** Bytes `start` (inclusive) to `end` (exclusive). @throws when there is no more to be had */
  read(start: number, end: number): Promise<Uint8Array>;
}

/** An element's id (its marker bits included) and where its content lies: `end` is exclusive. */
export interface Element {
  readonly id: number;
  readonly start: number;
  readonly end: number;
}

/** Bytes of the longest header: an id of 4 and a size of 8. */
const MAX_HEADER_BYTES = 12;
const MAX_TEXT_BYTES = 256;

/**
 * The elements from `start` to `end`; one of unknown size reaches to `end`. Stops where a header makes no sense:
 * what came before is still good.
 */
export async function* elementsIn(
  reader: ByteReader,
  start: number,
  end: number,
): AsyncGenerator<Element> {
  let at = start;
  while (at + 2 <= end) {
    const bytes = await reader.read(at, Math.min(at + MAX_HEADER_BYTES, end));
    const header = readHeader(bytes);
    if (header === null) return;
    const begins = at + header.length;
    const next = header.size === null ? end : begins + header.size;
    yield { id: header.id, start: begins, end: Math.min(next, end) };
    at = next;
  }
}

/** The element header at the start of `bytes`; `size` null stands for unknown. Null where there is none. */
function readHeader(
  bytes: Uint8Array,
): { readonly id: number; readonly size: number | null; readonly length: number } | null {
  const idLength = vintLength(bytes[0]);
  if (idLength > 4) return null;
  const sizeLength = vintLength(bytes[idLength]);
  const length = idLength + sizeLength;
  if (sizeLength > 8 || length > bytes.byteLength) return null;
  const id = bigEndian(bytes.subarray(0, idLength));
  // Copied by `Uint8Array.from`: a `Buffer`'s own slice is the reader's memory, and would be changed.
  const marked = Uint8Array.from(bytes.subarray(idLength, length));
  marked[0] = (marked[0] ?? 0) & (0xff >> sizeLength);
  const size = bigEndian(marked);
  return { id, size: size === 2 ** (7 * sizeLength) - 1 ? null : size, length };
}

export async function findElement(
  reader: ByteReader,
  parent: Element,
  id: number,
): Promise<Element | null> {
  return (await findElements(reader, parent, id, 1))[0] ?? null;
}

/** Children with this id, at most `limit`. */
export async function findElements(
  reader: ByteReader,
  parent: Element,
  id: number,
  limit: number,
): Promise<readonly Element[]> {
  const found: Element[] = [];
  for await (const element of elementsIn(reader, parent.start, parent.end)) {
    if (element.id === id) found.push(element);
    if (found.length === limit) break;
  }
  return found;
}

/** An unsigned integer of at most 8 bytes, or null where there is none. */
export async function readUnsigned(
  reader: ByteReader,
  element: Element | null,
): Promise<number | null> {
  const bytes = await readContent(reader, element, 8);
  return bytes === null ? null : bigEndian(bytes);
}

/** A float of 4 or 8 bytes, or null where there is none. */
export async function readFloat(
  reader: ByteReader,
  element: Element | null,
): Promise<number | null> {
  const bytes = await readContent(reader, element, 8);
  if (bytes === null) return null;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return bytes.byteLength === 8
    ? view.getFloat64(0)
    : bytes.byteLength === 4
      ? view.getFloat32(0)
      : null;
}

/** A string of ASCII, at most 256 bytes, up to its padding, or null where there is none. */
export async function readText(
  reader: ByteReader,
  element: Element | null,
): Promise<string | null> {
  const bytes = await readContent(reader, element, MAX_TEXT_BYTES);
  return bytes === null ? null : String.fromCharCode(...bytes).replace(/\0.*$/s, "");
}

async function readContent(
  reader: ByteReader,
  element: Element | null,
  maxBytes: number,
): Promise<Uint8Array | null> {
  if (element === null) return null;
  const length = element.end - element.start;
  if (length < 1 || length > maxBytes) return null;
  return reader.read(element.start, element.end);
}

/** RFC 8794, section 4: the leading zero bits of the first byte say how many bytes follow. 9: not one. */
export function vintLength(first: number | undefined): number {
  return first === undefined || first === 0 ? 9 : Math.clz32(first) - 23;
}

/** The bytes as one number; exact up to 2^53. */
export function bigEndian(bytes: Uint8Array): number {
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}
