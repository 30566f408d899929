/** How fast bytes go, over the last seconds. Pure: time is an argument. */

export interface Sample {
  /** Milliseconds. */
  readonly at: number;
  /** Bytes since the beginning. */
  readonly bytes: number;
}

const WINDOW_MS = 10_000;
/** Less than this says nothing yet. */
const LEAST_MS = 500;

/** Adds a sample, and drops those that are too old to count. */
export function withSample(samples: readonly Sample[], sample: Sample): readonly Sample[] {
  const kept = samples.filter(({ at }) => sample.at - at <= WINDOW_MS);
  return [...kept, sample];
}

/** Bytes per second; null while too little is known, or nothing moves. */
export function speedOf(samples: readonly Sample[]): number | null {
  const first = samples[0];
  const last = samples.at(-1);
  if (first === undefined || last === undefined || last.at - first.at < LEAST_MS) return null;
  const speed = ((last.bytes - first.bytes) * 1000) / (last.at - first.at);
  return speed > 0 ? speed : null;
}
