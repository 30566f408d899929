/** Videos by id, asked for once: lists of jobs show what file each is about. */
import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Video } from "../../protocol/http/videos.ts";
import { api } from "./api.ts";

/** Null where the video is gone. */
const known = signal<ReadonlyMap<string, Video | null>>(new Map());
const asked = new Set<string>();

export function rememberVideos(videos: readonly Video[]): void {
  const next = new Map(known.value);
  for (const video of videos) {
    next.set(video.videoId, video);
    asked.add(video.videoId);
  }
  known.value = next;
}

async function ask(videoId: string): Promise<void> {
  if (asked.has(videoId)) return;
  asked.add(videoId);
  const video = await api.video(videoId).catch(() => null);
  known.value = new Map(known.value).set(videoId, video);
}

/** The video; undefined until known, null when it is gone or was none. */
export function useVideo(videoId: string | null): Video | null | undefined {
  useEffect(() => {
    if (videoId !== null) void ask(videoId);
  }, [videoId]);
  return videoId === null ? null : known.value.get(videoId);
}

/** Makes sure of many videos with few questions: the newest page of them, then each that it does not have. */
export async function learnVideos(ids: readonly string[]): Promise<void> {
  const missing = ids.filter((id) => !asked.has(id));
  if (missing.length > 3) {
    const page = await api.listVideos({ limit: 200 }).catch(() => null);
    if (page !== null) rememberVideos(page.videos);
  }
  await Promise.all(ids.map(ask));
}
