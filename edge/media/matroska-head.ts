/** Reads what a Matroska or WebM file is from its first elements (RFC 9559). */
import {
  type Element,
  elementsIn,
  findElement,
  findElements,
  readFloat,
  readText,
  readUnsigned,
} from "../../protocol/matroska/ebml.ts";
import { lastTimestamp } from "../../protocol/matroska/last-timestamp.ts";
import { CLUSTER, findSegment, INFO, readTickNs } from "../../protocol/matroska/segment.ts";
import type { BlockReader } from "./block-reader.ts";
import { codecOfMatroska } from "./codec-names.ts";
import { type HeadInfo, orNull } from "./head-info.ts";

const SEEK_HEAD = 0x114d9b74;
const SEEK = 0x4dbb;
const SEEK_ID = 0x53ab;
const SEEK_POSITION = 0x53ac;
const DURATION = 0x4489;
const TRACKS = 0x1654ae6b;
const TRACK_ENTRY = 0xae;
const TRACK_TYPE = 0x83;
const CODEC_ID = 0x86;
const DEFAULT_DURATION = 0x23e383;
const VIDEO = 0xe0;
const PIXEL_WIDTH = 0xb0;
const PIXEL_HEIGHT = 0xba;
const DISPLAY_WIDTH = 0x54b0;
const DISPLAY_HEIGHT = 0x54ba;
const DISPLAY_UNIT = 0x54b2;

const MAX_TRACKS = 64;
const MAX_SEEKS = 32;
const NANOSECONDS = 1e9;

/** The file's head, or null where it has no readable tracks. */
export async function readMatroskaHead(
  reader: BlockReader,
  sizeBytes: number,
  format: "mkv" | "webm",
): Promise<HeadInfo | null> {
  const segment = await findSegment(reader, sizeBytes);
  if (segment === null) return null;
  const heads = await readHeads(reader, segment);
  const list = heads.get(TRACKS);
  if (list === undefined) return null;
  const tracks = await findElements(reader, list, TRACK_ENTRY, MAX_TRACKS);
  const video = await firstOfType(reader, tracks, 1);
  const audio = await firstOfType(reader, tracks, 2);
  if (video === null && audio === null) return null;
  return {
    format,
    durationSeconds: await durationOf(reader, segment, heads.get(INFO) ?? null),
    video: video === null ? null : await readPicture(reader, video),
    audio: audio === null ? null : { codec: await codecOf(reader, audio) },
  };
}

/** Info and Tracks: before the first cluster as they should be, else where the seek head says. */
async function readHeads(
  reader: BlockReader,
  segment: Element,
): Promise<ReadonlyMap<number, Element>> {
  const found = new Map<number, Element>();
  for await (const element of elementsIn(reader, segment.start, segment.end)) {
    if (element.id === CLUSTER) break;
    if (!found.has(element.id)) found.set(element.id, element);
    if (found.has(INFO) && found.has(TRACKS)) return found;
  }
  const seekHead = found.get(SEEK_HEAD);
  if (seekHead === undefined) return found;
  for (const seek of await findElements(reader, seekHead, SEEK, MAX_SEEKS)) {
    const id = await readUnsigned(reader, await findElement(reader, seek, SEEK_ID));
    const position = await readUnsigned(reader, await findElement(reader, seek, SEEK_POSITION));
    if (id === null || position === null || found.has(id)) continue;
    const { value } = await elementsIn(reader, segment.start + position, segment.end).next();
    if (value?.id === id) found.set(id, value);
  }
  return found;
}

async function firstOfType(
  reader: BlockReader,
  tracks: readonly Element[],
  type: number,
): Promise<Element | null> {
  for (const track of tracks) {
    if ((await readUnsigned(reader, await findElement(reader, track, TRACK_TYPE))) === type) {
      return track;
    }
  }
  return null;
}

/** As declared, else (recordings from a browser declare none) when the last frame begins. */
async function durationOf(
  reader: BlockReader,
  segment: Element,
  info: Element | null,
): Promise<number | null> {
  const tickNs = await readTickNs(reader, info);
  const declared = info === null ? null : await findElement(reader, info, DURATION);
  const ticks =
    (await readFloat(reader, declared)) ?? (await orNull(lastTimestamp(reader, segment)));
  return ticks !== null && ticks > 0 ? (ticks * tickNs) / NANOSECONDS : null;
}

async function codecOf(reader: BlockReader, track: Element): Promise<string | null> {
  const id = await readText(reader, await findElement(reader, track, CODEC_ID));
  return id === null ? null : codecOfMatroska(id);
}

async function readPicture(reader: BlockReader, track: Element) {
  const settings = await findElement(reader, track, VIDEO);
  if (settings === null) return null;
  const value = async (id: number) => readUnsigned(reader, await findElement(reader, settings, id));
  const coded = { width: await value(PIXEL_WIDTH), height: await value(PIXEL_HEIGHT) };
  // Other units than pixels (0) give a shape, not a size.
  const inPixels = ((await value(DISPLAY_UNIT)) ?? 0) === 0;
  const width = (inPixels ? await value(DISPLAY_WIDTH) : null) ?? coded.width;
  const height = (inPixels ? await value(DISPLAY_HEIGHT) : null) ?? coded.height;
  if (!width || !height) return null;
  const frameNs = await readUnsigned(reader, await findElement(reader, track, DEFAULT_DURATION));
  const frameRate = frameNs ? NANOSECONDS / frameNs : null;
  return { codec: await codecOf(reader, track), width, height, frameRate };
}
