/**
 * What a video is, read from its container's head by ranged reads, before any worker is involved. It informs;
 * it judges nothing: whatever cannot be read within the budget is null, and agents probe for themselves.
 */
import type { SourceExtension, VideoMetadata } from "../../protocol/media.ts";
import { type BlockReader, createBlockReader, type ReadBudget } from "./block-reader.ts";
import type { HeadInfo } from "./head-info.ts";
import { readIsoHead } from "./iso-head.ts";
import { detectContainer, MAGIC_BYTES } from "./magic-bytes.ts";
import { readMatroskaHead } from "./matroska-head.ts";
import type { Store, StoredObject } from "./store.ts";

export interface ProbeBudget extends ReadBudget {
  /** Wall-clock milliseconds for all of it. */
  readonly maxMs: number;
}

/** An honest file takes one to five requests of 64 KiB. */
const DEFAULT_BUDGET: ProbeBudget = {
  maxBytes: 8 * 1024 * 1024,
  maxRequests: 32,
  maxReads: 20_000,
  maxMs: 5_000,
};

/** Metadata of a stored source, or null where the head cannot be read (always for AVI). Never throws. */
export async function probeHead(
  store: Store,
  object: Pick<StoredObject, "key" | "etag" | "size">,
  extension: SourceExtension,
  budget: ProbeBudget = DEFAULT_BUDGET,
): Promise<VideoMetadata | null> {
  if (extension === "avi") return null;
  const reader = createBlockReader(store, object, budget);
  const { promise: timeUp, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(() => resolve(null), budget.maxMs);
  try {
    const info = await Promise.race([readHead(reader, object.size), timeUp]);
    return info === null ? null : describe(info, object.size);
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
    reader.stop();
  }
}

async function readHead(reader: BlockReader, sizeBytes: number): Promise<HeadInfo | null> {
  const magic = await reader.read(0, Math.min(MAGIC_BYTES, sizeBytes));
  switch (detectContainer(magic, sizeBytes)) {
    case "iso":
      return readIsoHead(reader, sizeBytes);
    case "matroska":
      return readMatroskaHead(reader, sizeBytes, "mkv");
    case "webm":
      return readMatroskaHead(reader, sizeBytes, "webm");
    case "avi":
    case null:
      return null;
  }
}

function describe(info: HeadInfo, sizeBytes: number): VideoMetadata {
  const { durationSeconds: seconds, video, audio } = info;
  return {
    format: info.format,
    durationSeconds: rounded(seconds, 3),
    width: video?.width ?? null,
    height: video?.height ?? null,
    frameRate: rounded(video?.frameRate ?? null, 3),
    videoCodec: video?.codec ?? null,
    audioCodec: audio?.codec ?? null,
    bitrateKbps: seconds === null ? null : rounded((sizeBytes * 8) / seconds / 1000, 0),
  };
}

function rounded(value: number | null, digits: number): number | null {
  return value === null || !Number.isFinite(value) ? null : Number(value.toFixed(digits));
}
