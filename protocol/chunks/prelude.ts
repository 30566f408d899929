/** The prelude: the first piece of the sound, which the first chunk of a presentation may bring along. Pure. */
import type { PresentationPlan } from "./contract.ts";

/**
 * Tracks whose beginning can be delivered with a chunk (as `preludeFile` of the track): all of the first one's, so that it
 * can be heard before the sound is made. None where cues are, because nothing is shown before those are read.
 */
export function preludeTracks(
  presentation: PresentationPlan | null,
  chunk: number,
): readonly string[] {
  if (presentation === null || chunk > 0 || presentation.subtitles.length > 0) return [];
  return presentation.audio.map(({ name }) => name);
}
