/** When a delivery is tried again: exponential backoff with jitter. Pure. */

/** A request is given up after this long (docs/guides/webhooks.md). */
export const TRY_LIMIT_MS = 10_000;

/**
 * A claimed delivery is nobody else's for this long: the try, its bookkeeping, and slack. When the claimer
 * dies, the sweep takes the delivery up after it.
 */
export const VISIBILITY_TIMEOUT_MS = 30_000;

const FIRST_DELAY_MS = 5_000;
const GROWTH = 4;
const MAX_DELAY_MS = 3_600_000;

/**
 * Milliseconds to wait after try number `tried` (1 is the first) failed. Half of the delay is fixed and
 * half is random, so that consumers that came back are not met by all senders at once. `Retry-After` makes
 * it longer, never shorter, and never longer than an hour.
 *
 * @param random from 0 (inclusive) to 1 (exclusive).
 */
export function retryDelayMs(tried: number, random: number, retryAfterMs: number | null): number {
  const full = Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * GROWTH ** (tried - 1));
  const jittered = full / 2 + (full / 2) * random;
  return Math.round(Math.min(MAX_DELAY_MS, Math.max(jittered, retryAfterMs ?? 0)));
}

/**
 * Reads `Retry-After` (RFC 9110 section 10.2.3): seconds, or an HTTP date.
 *
 * @returns milliseconds from `now`, at least 0, or null where there is none that makes sense.
 */
export function retryAfterMs(header: string | null, now: number): number | null {
  if (header === null) return null;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}
