/** Walks the boxes of MP4 and QuickTime files (ISO/IEC 14496-12, section 4.2) through bounded reads. */
import type { BlockReader } from "./block-reader.ts";

/** A box's type and where its content lies: `start` inclusive, `end` exclusive. */
export interface Box {
  readonly type: string;
  /** Where its header begins. */
  readonly at: number;
  readonly start: number;
  readonly end: number;
}

/** The boxes from `start` to `end`. Stops where a header makes no sense: what came before is still good. */
export async function* boxesIn(
  reader: BlockReader,
  start: number,
  end: number,
): AsyncGenerator<Box> {
  let at = start;
  while (at + 8 <= end) {
    const header = viewOf(await reader.read(at, Math.min(at + 16, end)));
    const short = header.getUint32(0);
    const isLong = short === 1 && header.byteLength >= 16;
    const size = isLong ? Number(header.getBigUint64(8)) : short === 0 ? end - at : short;
    const headerSize = isLong ? 16 : 8;
    if (size < headerSize) return;
    const type = fourCc(header, 4);
    yield { type, at, start: at + headerSize, end: Math.min(at + size, end) };
    at += size;
  }
}

/** The first box at the end of `path`, each a child of the one before; null where one is missing. */
export async function findBox(
  reader: BlockReader,
  parent: Box,
  ...path: readonly string[]
): Promise<Box | null> {
  const [type, ...rest] = path;
  if (type === undefined) return parent;
  for await (const box of boxesIn(reader, parent.start, parent.end)) {
    if (box.type === type) return findBox(reader, box, ...rest);
  }
  return null;
}

/** All children of one type, at most `limit`. */
export async function findBoxes(
  reader: BlockReader,
  parent: Box,
  type: string,
  limit: number,
): Promise<readonly Box[]> {
  const found: Box[] = [];
  for await (const box of boxesIn(reader, parent.start, parent.end)) {
    if (box.type === type) found.push(box);
    if (found.length === limit) break;
  }
  return found;
}

/** The first `maxBytes` of a box's content. */
export async function contentOf(
  reader: BlockReader,
  box: Box,
  maxBytes: number,
): Promise<DataView> {
  const end = Math.min(box.end, box.start + maxBytes);
  return viewOf(end > box.start ? await reader.read(box.start, end) : new Uint8Array());
}

/** Four characters, as types and brands are. */
export function fourCc(view: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
