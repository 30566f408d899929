const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 300_000;

/** How long to wait before try `tries + 1` of something the pool owes to D1 or the store: doubling, to 5 minutes. */
export function retryDelayMs(tries: number): number {
  return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(tries, 20));
}
