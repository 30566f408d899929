/** Where a Matroska or WebM file keeps what it says of itself (RFC 9559), and the clock that its times are counted on. */
import { type ByteReader, type Element, elementsIn, findElement, readUnsigned } from "./ebml.ts";

const SEGMENT = 0x18538067;
const TIMESTAMP_SCALE = 0x2ad7b1;
/** Of TimestampScale, in nanoseconds (section 5.1.2.9). */
const DEFAULT_SCALE = 1_000_000;

export const INFO = 0x1549a966;
export const CLUSTER = 0x1f43b675;

/** The file's segment, which has all the rest in it; null where there is none. */
export async function findSegment(reader: ByteReader, sizeBytes: number): Promise<Element | null> {
  for await (const element of elementsIn(reader, 0, sizeBytes)) {
    if (element.id === SEGMENT) return element;
  }
  return null;
}

/** Nanoseconds in a tick of the segment's clock, as its Info says; the default where it says nothing, or is not there. */
export async function readTickNs(reader: ByteReader, info: Element | null): Promise<number> {
  const told = info === null ? null : await findElement(reader, info, TIMESTAMP_SCALE);
  return (await readUnsigned(reader, told)) ?? DEFAULT_SCALE;
}
