/** Boxes of ISO base media files (ISO/IEC 14496-12) in memory: heads and fragments, never the media itself. */

export interface Box {
  readonly type: string;
  /** Where its content begins and ends. */
  readonly start: number;
  readonly end: number;
}

/** The boxes between two positions, in order; ends at the first that does not fit. */
export function boxesIn(data: DataView, start: number, end: number): readonly Box[] {
  const boxes: Box[] = [];
  let at = start;
  while (at + 8 <= end) {
    const size = data.getUint32(at);
    // Sizes of 64 bits and boxes to the end of the file occur outside of heads and fragments alone.
    if (size < 8 || at + size > end) break;
    boxes.push({ type: fourCc(data, at + 4), start: at + 8, end: at + size });
    at += size;
  }
  return boxes;
}

/** The first box that lies at a path below a position, or null. */
export function boxAt(data: DataView, parent: Box, ...path: readonly string[]): Box | null {
  let box: Box | null = parent;
  for (const type of path) {
    if (box === null) return null;
    box = boxesIn(data, box.start, box.end).find((child) => child.type === type) ?? null;
  }
  return box;
}

export function fourCc(data: DataView, at: number): string {
  return String.fromCharCode(...[0, 1, 2, 3].map((i) => data.getUint8(at + i)));
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
