/** Decides when a run has stalled: pure, given samples of what moves. */

/** Anything that grows or changes while a run is alive; compared, never interpreted. */
export type MovementSample = readonly (number | null)[];

/** Tells for each sample whether nothing has changed for `stallMs`. Times are monotonic milliseconds. */
export function createWatchdog(stallMs: number, startedAt: number) {
  let last: MovementSample = [];
  let movedAt = startedAt;
  return {
    /** True when the run is to be stopped. */
    isStalled(sample: MovementSample, now: number): boolean {
      if (sample.length !== last.length || sample.some((value, i) => value !== last[i])) {
        last = sample;
        movedAt = now;
      }
      return now - movedAt >= stallMs;
    },
  };
}
