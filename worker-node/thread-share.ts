/** How many threads an attempt's ffmpeg may use. Pure. */

/**
 * An attempt that is alone leaves the choice to ffmpeg, which uses the whole machine and knows best how (x264 takes
 * more threads than there are cores). One that begins beside others takes its share of the cores, so that encoders
 * do not fight over them; those that run already keep what they have, because ffmpeg cannot change it.
 *
 * @param running attempts under way, the one that begins included.
 * @returns null for ffmpeg's own choice.
 */
export function threadShare(cores: number, running: number): number | null {
  return running <= 1 ? null : Math.max(1, Math.floor(cores / running));
}
