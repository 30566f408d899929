/** Plans and indexes as agents say them. */
import type { ChunkPlan, MediaIndex, RenditionIndex } from "../../protocol/chunks/contract.ts";

/** A plan of chunks with these numbers of frames, at 25 frames a second. */
export function planOf(frames: readonly number[], facts: Partial<ChunkPlan> = {}): ChunkPlan {
  let from = 0;
  const chunks = frames.map((count, index) => {
    const to = from + count;
    const chunk = { index, from, to, seek: index === 0 ? null : from, frames: count };
    from = to;
    return chunk;
  });
  return {
    version: 1,
    sources: {},
    grid: { timeBase: { num: 1, den: 25 }, origin: 0, first: 0, frameRate: { num: 25, den: 1 } },
    renditions: ["v720"],
    audio: false,
    presentation: null,
    chunks,
    ...facts,
  };
}

/** What the first chunk reports of the sound that it brings along. */
export const soundIndex: RenditionIndex = {
  ...indexOf(),
  track: "audio",
  rendition: "a-eng",
  encoder: "aac",
  head: { ...indexOf().head, kind: "audio", codec: "mp4a.40.2", width: 0, height: 0, channels: 2 },
};

/** What a chunk reports of its only rendition. */
export function indexOf(
  change: { encoder?: string; config?: string } = {},
): MediaIndex & { readonly track: "video" } {
  return {
    track: "video",
    rendition: "v720",
    encoder: change.encoder ?? "libx264",
    configSha256: (change.config ?? "c").repeat(64),
    head: {
      kind: "video",
      codec: "avc1.640028",
      timescale: 25,
      mediaStart: 0,
      width: 1280,
      height: 720,
      videoRange: "SDR",
      channels: 0,
      sampleRate: 0,
    },
    headSize: 1,
    start: 0,
    segments: [[1, 1]],
    keyPictures: [],
    samples: 1,
  };
}
