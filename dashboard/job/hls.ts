/** hls.js, in a chunk of its own: it weighs more than all the rest. */
import Hls, { type ErrorData } from "hls.js";

/**
 * Plays a playlist in the element; `onProblem` is told what keeps it from playing. Answers what ends it.
 */
export function playHls(
  video: HTMLVideoElement,
  url: string,
  onProblem: (problem: string | null) => void,
): () => void {
  if (!Hls.isSupported()) {
    // Safari on iOS plays playlists by itself.
    video.src = url;
    return () => video.removeAttribute("src");
  }
  // No worker: it would be a script from a blob, which the page's policy forbids, and fragments of mp4 need none.
  // A playlist that still grows is no broadcast: it is watched from its beginning.
  const hls = new Hls({ enableWorker: false, capLevelToPlayerSize: true, startPosition: 0 });
  hls.on(Hls.Events.ERROR, (_event: unknown, data: ErrorData) => {
    if (!data.fatal) return;
    if (data.type === Hls.ErrorTypes.MEDIA_ERROR) hls.recoverMediaError();
    else onProblem(`The player stopped: ${data.details}.`);
  });
  hls.on(Hls.Events.FRAG_BUFFERED, () => onProblem(null));
  hls.loadSource(url);
  hls.attachMedia(video);
  return () => hls.destroy();
}
