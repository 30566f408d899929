/** What a container's head says; each reader fills in what it finds. */
export interface HeadInfo {
  readonly format: "mp4" | "mov" | "mkv" | "webm";
  readonly durationSeconds: number | null;
  /** Null for a file without video. `width` and `height` as a player shows them: square pixels, upright. */
  readonly video: {
    readonly codec: string | null;
    readonly width: number;
    readonly height: number;
    readonly frameRate: number | null;
  } | null;
  /** Null for a file without sound. */
  readonly audio: { readonly codec: string | null } | null;
}

/** What lies beyond the head, or null: a budget used up there must not take along what was read before. */
export async function orNull<T>(reading: Promise<T>): Promise<T | null> {
  try {
    return await reading;
  } catch {
    return null;
  }
}
