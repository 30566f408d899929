/** What the agent knows of a file of pictures that it put together from fragments, as the gate asks for it. Pure. */
import type { Fragment, TrackHead } from "../../protocol/packaging/track.ts";
import type { ListedFile } from "../ffmpeg/index.ts";

/** By the first letters of RFC 6381's names, ffmpeg's. */
const codecs: Readonly<Record<string, string>> = {
  avc1: "h264",
  hvc1: "hevc",
  av01: "av1",
  vp09: "vp9",
};

/** @param fragments all of the file's, of which each begins where the one before ends. */
export function listedFile(head: TrackHead, fragments: readonly Fragment[]): ListedFile {
  const { width, height, timescale } = head;
  const shownAt = (one: Fragment) =>
    (one.decodeTime + one.compositionOffset - head.mediaStart) / timescale;
  const keys = fragments.filter(({ isSync }) => isSync).map(shownAt);
  return {
    codec: codecs[head.codec.slice(0, 4)] ?? head.codec,
    width,
    height,
    frames: fragments.reduce((sum, { samples }) => sum + samples, 0),
    durationSeconds: fragments.reduce((sum, { duration }) => sum + duration, 0) / timescale,
    startSeconds: fragments.map(shownAt)[0] ?? 0,
    secondKey: keys[1] ?? null,
    lastKey: keys.at(-1) ?? null,
  };
}
