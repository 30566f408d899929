/**
 * What a video is, read from its container's head by ranged reads, before any worker is involved. It informs;
 * it judges nothing: whatever cannot be read within the budget is null, and agents probe for themselves.
 */
import {
  CustomSource,
  Input,
  type InputAudioTrack,
  type InputVideoTrack,
  MATROSKA,
  MP4,
  QTFF,
  WEBM,
} from "mediabunny";
import type { SourceExtension, VideoMetadata } from "../../protocol/media.ts";
import { createBlockReader, type ReadBudget } from "./block-reader.ts";
import { ffprobeCodecName } from "./codec-names.ts";
import type { Store, StoredObject } from "./store.ts";

export interface ProbeBudget extends ReadBudget {
  /** Wall-clock milliseconds for all of it. */
  readonly maxMs: number;
}

/** Holds the sample tables of a three-hour film; a hostile head costs no more than this. */
const DEFAULT_BUDGET: ProbeBudget = {
  maxBytes: 24 * 1024 * 1024,
  maxRequests: 48,
  maxMs: 5_000,
};

/** Enough frames to recognise 23.976 in a container that counts milliseconds. */
const FRAMES_FOR_RATE = 256;

/** Metadata of a stored source, or null where the head cannot be read (always for AVI). Never throws. */
export async function probeHead(
  store: Store,
  object: Pick<StoredObject, "key" | "etag" | "size">,
  extension: SourceExtension,
  budget: ProbeBudget = DEFAULT_BUDGET,
): Promise<VideoMetadata | null> {
  if (extension === "avi") return null;
  const reader = createBlockReader(store, object, budget);
  const input = new Input({
    formats: [MP4, QTFF, MATROSKA, WEBM],
    source: new CustomSource({
      getSize: () => object.size,
      read: (start, end) => reader.read(start, end),
      // Reads that fail after the answer is given up have nobody left to tell.
      handleUnhandledError: () => undefined,
    }),
  });
  const clock = startClock(budget.maxMs);
  try {
    return await readMetadata(input, object.size, clock);
  } catch {
    return null;
  } finally {
    clock.stop();
    reader.stop();
    input.dispose();
  }
}

async function readMetadata(input: Input, sizeBytes: number, clock: Clock): Promise<VideoMetadata> {
  const head = await clock.within(readHead(input));
  // What needs more than the head comes last: a budget used up here leaves the rest.
  const duration = await orNull(clock.within(durationOf(input)));
  const frameRate = head.video === null ? null : await orNull(clock.within(rateOf(head.video)));
  return {
    format: head.format,
    durationSeconds: rounded(duration),
    width: head.width,
    height: head.height,
    frameRate: rounded(frameRate),
    videoCodec: head.videoCodec,
    audioCodec: head.audioCodec,
    bitrateKbps: duration === null ? null : rounded((sizeBytes * 8) / duration / 1000, 0),
  };
}

async function readHead(input: Input) {
  const format = formatNames[(await input.getFormat()).name] ?? null;
  const video = await input.getPrimaryVideoTrack();
  const audio = await input.getPrimaryAudioTrack();
  if (format === null || (video === null && audio === null)) throw new Error("No tracks.");
  return {
    format,
    video,
    videoCodec: await codecOf(video),
    audioCodec: await codecOf(audio),
    ...(await displaySize(video)),
  };
}

/** By mediabunny's names. */
const formatNames: Readonly<Record<string, string>> = {
  MP4: "mp4",
  "QuickTime File Format": "mov",
  Matroska: "mkv",
  WebM: "webm",
};

/** As a player shows it: square pixels, upright. */
async function displaySize(
  video: InputVideoTrack | null,
): Promise<{ readonly width: number | null; readonly height: number | null }> {
  if (video === null) return { width: null, height: null };
  const width = Math.round(await video.getDisplayWidth());
  const height = Math.round(await video.getDisplayHeight());
  return width > 0 && height > 0 ? { width, height } : { width: null, height: null };
}

async function codecOf(track: InputVideoTrack | InputAudioTrack | null): Promise<string | null> {
  if (track === null) return null;
  return ffprobeCodecName(await track.getCodec(), await track.getInternalCodecId());
}

/** Seconds, from the head where it says so (fragmented files do not), else from the last frames. */
async function durationOf(input: Input): Promise<number | null> {
  const declared = await input.getDurationFromMetadata();
  const duration = declared ?? (await input.computeDuration());
  return duration > 0 ? duration : null;
}

async function rateOf(video: InputVideoTrack): Promise<number | null> {
  const rates = await video.computeFrameRateMetrics({ targetPacketCount: FRAMES_FOR_RATE });
  if (rates.probedPacketCount < 2) return null;
  return rates.underlyingFrameRate ?? rates.averageFrameRate;
}

function rounded(value: number | null, digits = 3): number | null {
  return value === null || !Number.isFinite(value) ? null : Number(value.toFixed(digits));
}

async function orNull<T>(promise: Promise<T>): Promise<T | null> {
  try {
    return await promise;
  } catch {
    return null;
  }
}

interface Clock {
  /** The promise's value, or a rejection once the time is up. */
  within<T>(promise: Promise<T>): Promise<T>;
  stop(): void;
}

function startClock(maxMs: number): Clock {
  const { promise: timeUp, reject } = Promise.withResolvers<never>();
  timeUp.catch(() => undefined);
  const timer = setTimeout(() => reject(new Error("The probe's time is up.")), maxMs);
  return {
    within: (promise) => Promise.race([promise, timeUp]),
    stop: () => clearTimeout(timer),
  };
}
