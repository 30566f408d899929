/** When a Matroska file ends that does not say so: the last frame of its last cluster. */
import {
  type ByteReader,
  bigEndian,
  type Element,
  elementsIn,
  findElement,
  readUnsigned,
  vintLength,
} from "./ebml.ts";
import { CLUSTER } from "./segment.ts";

const CLUSTER_BYTES = [0x1f, 0x43, 0xb6, 0x75] as const;
const TIMESTAMP = 0xe7;
const SIMPLE_BLOCK = 0xa3;
const BLOCK_GROUP = 0xa0;
const BLOCK = 0xa1;

/** Clusters are 5 MB at most by convention, and browsers write one every second or so. */
const TAIL_BYTES = 1024 * 1024;

/** Ticks of the segment's clock at which its last frame begins, or null where the tail shows no cluster. */
export async function lastTimestamp(reader: ByteReader, segment: Element): Promise<number | null> {
  const tailAt = Math.max(segment.start, segment.end - TAIL_BYTES);
  if (segment.end <= tailAt) return null;
  const tail = await reader.read(tailAt, segment.end);
  for (let at = lastClusterIn(tail, tail.byteLength); at !== -1; at = lastClusterIn(tail, at)) {
    const { value } = await elementsIn(reader, tailAt + at, segment.end).next();
    const time = value?.id === CLUSTER ? await lastTimeOf(reader, value) : null;
    if (time !== null) return time;
  }
  return null;
}

/** Where the last cluster before `before` begins; its four bytes may also be met by chance in a frame. */
function lastClusterIn(tail: Uint8Array, before: number): number {
  for (let at = before - 1; at >= 0; at--) {
    if (tail[at] === CLUSTER_BYTES[0] && CLUSTER_BYTES.every((byte, i) => tail[at + i] === byte)) {
      return at;
    }
  }
  return -1;
}

async function lastTimeOf(reader: ByteReader, cluster: Element): Promise<number | null> {
  const base = await readUnsigned(reader, await findElement(reader, cluster, TIMESTAMP));
  if (base === null) return null;
  let last = 0;
  for await (const element of elementsIn(reader, cluster.start, cluster.end)) {
    const block =
      element.id === SIMPLE_BLOCK
        ? element
        : element.id === BLOCK_GROUP
          ? await findElement(reader, element, BLOCK)
          : null;
    if (block !== null) last = Math.max(last, await relativeTime(reader, block));
  }
  return base + last;
}

/** A block begins with its track's number, of one or more bytes, and its time relative to its cluster. */
async function relativeTime(reader: ByteReader, block: Element): Promise<number> {
  if (block.end - block.start < 4) return 0;
  const bytes = await reader.read(block.start, Math.min(block.start + 10, block.end));
  const at = vintLength(bytes[0]);
  const time = bigEndian(bytes.subarray(at, at + 2));
  return time < 0x8000 ? time : 0;
}
