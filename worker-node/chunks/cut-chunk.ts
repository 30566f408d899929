/**
 * What ffmpeg made of a chunk and the frames around it becomes the chunk alone: whole fragments are kept or left out,
 * and the last sample lasts until the next chunk begins.
 */
import { createHash } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import type { MediaIndex } from "../../protocol/chunks/contract.ts";
import { boxesIn, viewOf } from "../../protocol/packaging/boxes.ts";
import { renditionOf } from "../../protocol/packaging/segments.ts";
import {
  codecConfiguration,
  type Fragment,
  readFragment,
  type TrackHead,
} from "../../protocol/packaging/track.ts";
import type { ListedFile } from "../ffmpeg/index.ts";
import { type FragmentedFile, readFragmentedFile } from "../packaging/read-rendition.ts";
import { listedFile } from "./listed-file.ts";
import { withDuration } from "./sample-durations.ts";
import { repeatedTime, shownTimes } from "./sample-times.ts";

export interface Cut {
  readonly rendition: string;
  readonly encoder: string;
  /** Of the chunk among all: fragments are numbered on from it. */
  readonly chunk: number;
  /** Shown in [from, to), in ticks of the file's track. */
  readonly from: number;
  readonly to: number;
  readonly ticks: number;
  /** As promised: exactly so many. */
  readonly frames: number;
  /** Null where the file is not listed by segments. */
  readonly segmentSeconds: number | null;
}

export type CutResult =
  | { readonly status: "ok"; readonly index: MediaIndex; readonly listed: ListedFile }
  /** What ffmpeg wrote is not what was asked for. */
  | { readonly status: "invalid"; readonly detail: string };

/** Writes `target` from `raw`, and lists what is in it. @throws what the file system says. */
export async function cutChunk(raw: string, target: string, cut: Cut): Promise<CutResult> {
  try {
    const file = await readFragmentedFile(raw);
    const kept = keptFragments(file, cut);
    if (typeof kept === "string") {
      return { status: "invalid", detail: `${cut.rendition}, chunk ${cut.chunk}: ${kept}.` };
    }
    const written = await write(raw, target, file, kept, cut);
    if (typeof written !== "string") return { status: "ok", ...written };
    return { status: "invalid", detail: `${cut.rendition}, chunk ${cut.chunk}: ${written}.` };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return { status: "invalid", detail: `${cut.rendition}, chunk ${cut.chunk}: ${error.message}` };
  }
}

interface Kept {
  readonly fragment: FragmentedFile["fragments"][number];
  /** Until the next one begins. */
  readonly lasts: number;
}

/** The fragments of the chunk, or what is wrong with them. */
function keptFragments({ head, fragments }: FragmentedFile, cut: Cut): readonly Kept[] | string {
  if (head.timescale !== cut.ticks)
    return `it has ${head.timescale} ticks a second, not ${cut.ticks}`;
  const shownOf = (one: Fragment) => one.decodeTime + one.compositionOffset - head.mediaStart;
  const inside = fragments.filter((one) => shownOf(one) >= cut.from && shownOf(one) < cut.to);
  const [first] = inside;
  if (first === undefined) return "none of its frames were encoded";
  if (shownOf(first) !== cut.from) return `it begins at tick ${shownOf(first)}, not ${cut.from}`;
  if (!first.isSync) return "it does not begin with a key frame";
  const samples = inside.reduce((sum, one) => sum + one.samples, 0);
  if (samples !== cut.frames) return `${cut.frames} frames were promised, but it has ${samples}`;
  const begin = fragments.indexOf(first);
  const beyond = fragments[begin + inside.length];
  if (beyond !== undefined && (!beyond.isSync || shownOf(beyond) !== cut.to)) {
    return `no key frame stands at its end, tick ${cut.to}`;
  }
  const end = cut.to - cut.from + first.decodeTime;
  return inside.map((fragment, at) => {
    const lasts = (inside[at + 1]?.decodeTime ?? end) - fragment.decodeTime;
    return { fragment, lasts };
  });
}

/** What was written, or what is wrong with it. */
async function write(
  raw: string,
  target: string,
  { head, headBytes }: FragmentedFile,
  kept: readonly Kept[],
  cut: Cut,
): Promise<{ readonly index: MediaIndex; readonly listed: ListedFile } | string> {
  const from = await open(raw, "r");
  const to = await open(target, "w", 0o600);
  try {
    await to.write(headBytes, 0, headBytes.length, 0);
    let offset = headBytes.length;
    const fragments: Fragment[] = [];
    const times: number[] = [];
    for (const [at, { fragment, lasts }] of kept.entries()) {
      const bytes = await read(from, fragment.offset, fragment.moofSize);
      const sequence = cut.chunk * 65_536 + at + 1;
      const { duration } = fragment;
      const moof = withDuration(bytes, sequence, duration, lasts, head.defaults.duration);
      const size = moof.length + fragment.size - fragment.moofSize;
      for (const time of shownTimes(moof, head.defaults.duration)) times.push(time);
      fragments.push(readFragment(moof, { offset, size }, head));
      await to.write(moof, 0, moof.length, offset);
      await copy(from, to, {
        from: fragment.offset + fragment.moofSize,
        to: offset + moof.length,
        length: fragment.size - fragment.moofSize,
      });
      offset += size;
    }
    const repeated = repeatedTime(times);
    if (repeated !== null) return `two of its frames are shown at tick ${repeated}`;
    const index = indexOf(head, headBytes, fragments, cut);
    return { index, listed: listedFile(head, fragments) };
  } finally {
    await from.close();
    await to.close();
  }
}

async function read(file: FileHandle, offset: number, length: number): Promise<Buffer> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, offset);
  return buffer.subarray(0, bytesRead);
}

const COPY_BYTES = 1024 * 1024;

async function copy(
  source: FileHandle,
  target: FileHandle,
  range: { readonly from: number; readonly to: number; readonly length: number },
): Promise<void> {
  for (let done = 0; done < range.length; done += COPY_BYTES) {
    const bytes = await read(source, range.from + done, Math.min(COPY_BYTES, range.length - done));
    await target.write(bytes, 0, bytes.length, range.to + done);
  }
}

/** What is reported of a file of one track. */
export function indexOf(
  head: TrackHead,
  headBytes: Uint8Array,
  fragments: readonly Fragment[],
  about: Pick<Cut, "rendition" | "encoder" | "segmentSeconds">,
): MediaIndex {
  const { defaults: _, ...facts } = head;
  const segmentSeconds = about.segmentSeconds ?? Number.POSITIVE_INFINITY;
  const rendition = renditionOf(head, headBytes.length, fragments, segmentSeconds, "shown");
  return {
    track: head.kind,
    rendition: about.rendition,
    encoder: about.encoder,
    configSha256: configurationHash(head, headBytes),
    head: facts,
    headSize: headBytes.length,
    start: rendition.segments[0]?.start ?? 0,
    segments: rendition.segments.map(({ size, duration }) => [size, duration]),
    keyPictures:
      about.segmentSeconds === null
        ? []
        : rendition.keyPictures.map(({ offset, size, duration }) => [offset, size, duration]),
    samples: rendition.samples,
  };
}

/** Of the codec's configuration, the size, the ticks and the edit: not of encoders' names and dates. */
function configurationHash(head: TrackHead, headBytes: Uint8Array): string {
  const data = viewOf(headBytes);
  const moov = boxesIn(data, 0, headBytes.length).find(({ type }) => type === "moov");
  if (moov === undefined) throw new RangeError("The file has no head.");
  const { timescale, mediaStart, width, height, videoRange } = head;
  return createHash("sha256")
    .update(JSON.stringify([timescale, mediaStart, width, height, videoRange]))
    .update(codecConfiguration(headBytes.subarray(moov.start - 8, moov.end)))
    .digest("hex");
}
