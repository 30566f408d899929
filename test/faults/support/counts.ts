/** How often each experiment is done, and whether the run is the long one. */

/** `npm run test:faults` sets it; `npm test` runs the same experiments a few times, to see that they still hold. */
export const isFullRun = process.env.TELECINE_FAULTS === "full";

/**
 * The count of an experiment: what the environment says, else `full` in the long run and `smoke` in the ordinary
 * one.
 */
export function countOf(variable: string, counts: { full: number; smoke: number }): number {
  const asked = process.env[variable];
  if (asked === undefined || asked === "") return isFullRun ? counts.full : counts.smoke;
  const count = Number(asked);
  if (!Number.isSafeInteger(count) || count < 1) {
    throw new Error(`${variable} must be a whole number of at least 1, not '${asked}'.`);
  }
  return count;
}

/** The indices 0 to count − 1. */
export function indices(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

/** Does `work` for every item, `lanes` of them at a time, each lane taking the next when it is done. */
export async function inLanes<T>(
  items: readonly T[],
  lanes: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const waiting = [...items];
  const lane = async () => {
    for (let item = waiting.shift(); item !== undefined; item = waiting.shift()) await work(item);
  };
  await Promise.all(indices(Math.min(lanes, items.length)).map(lane));
}
