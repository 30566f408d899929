/** When to try again: full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/). */

/** The first reconnect comes within this: a deploy drops every socket, and a lease must survive it. */
export const FIRST_RECONNECT_MS = 500;

const RECONNECT_CAP_MS = 10_000;
const REQUEST_BASE_MS = 200;
const REQUEST_CAP_MS = 5_000;

/**
 * How long to wait before a reconnect, in milliseconds.
 *
 * @param failures connections lost or refused in a row before this one; 0 is the first.
 * @param random in [0, 1).
 */
export function reconnectDelayMs(failures: number, random: number): number {
  return fullJitter(FIRST_RECONNECT_MS, RECONNECT_CAP_MS, failures, random);
}

/** How long to wait before an HTTP request is repeated, in milliseconds; arguments as above. */
export function requestDelayMs(failures: number, random: number): number {
  return fullJitter(REQUEST_BASE_MS, REQUEST_CAP_MS, failures, random);
}

function fullJitter(baseMs: number, capMs: number, failures: number, random: number): number {
  // 2 ** 1024 is Infinity, and Math.min still answers with the cap.
  return Math.floor(random * Math.min(capMs, baseMs * 2 ** failures));
}
