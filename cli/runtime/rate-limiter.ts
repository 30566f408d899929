/**
 * The rate limiting binding of the embedded edge. It runs inside the Worker, which is one isolate here, so counting in
 * memory is exact. Miniflare's binding asks a Durable Object that writes a row for every request (2026-11): a third of
 * what a request with a key took.
 */

export interface RateLimit {
  /** Requests of one key in one period. */
  readonly limit: number;
  /** Seconds. */
  readonly period: number;
}

export interface RateLimiter {
  limit(of: { readonly key: string }): Promise<{ readonly success: boolean }>;
}

/** Counts in periods that begin with the clock's, as the binding's do. @param now milliseconds since the epoch. */
export function createRateLimiter(
  { limit, period }: RateLimit,
  now: () => number = Date.now,
): RateLimiter {
  const counts = new Map<string, number>();
  let current = 0;
  return {
    async limit({ key }) {
      const present = Math.floor(now() / (period * 1000));
      if (present !== current) counts.clear();
      current = present;
      const count = (counts.get(key) ?? 0) + 1;
      // Refused ones are not counted: no number grows with what is sent in vain.
      if (count > limit) return { success: false };
      counts.set(key, count);
      return { success: true };
    },
  };
}
