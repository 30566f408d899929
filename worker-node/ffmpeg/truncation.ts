/** Whether a run ended before its source should have. Pure. */

/** Shorter than declared by both of these is a truncated source: TRANSCODE_ERROR. */
const TOLERATED_SECONDS = 1;
const TOLERATED_SHARE = 0.02;

/**
 * Says how a run that reached `outSeconds` of the `expectedSeconds` fell short; null when it did not, or
 * when either is unknown.
 */
export function truncationDetail(
  outSeconds: number | null,
  expectedSeconds: number | null,
): string | null {
  if (outSeconds === null || expectedSeconds === null) return null;
  const missing = expectedSeconds - outSeconds;
  if (missing <= TOLERATED_SECONDS || missing <= expectedSeconds * TOLERATED_SHARE) return null;
  return `The source ends after ${outSeconds.toFixed(1)} s, before its declared duration of ${expectedSeconds.toFixed(1)} s.`;
}
