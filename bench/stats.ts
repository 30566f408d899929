/** The arithmetic of the figures. Pure. */

/** The middle value; of an even number of them the mean of the two in the middle. @throws RangeError for none. */
export function median(values: readonly number[]): number {
  const sorted = ascending(values);
  const upper = at(sorted, Math.floor(sorted.length / 2));
  const lower = at(sorted, Math.ceil(sorted.length / 2) - 1);
  return (lower + upper) / 2;
}

/**
 * The smallest value that at least `percent` per cent of the values do not exceed (nearest rank: always one that
 * was measured).
 *
 * @param percent over 0, at most 100.
 * @throws RangeError for no values, or a percentage outside of that.
 */
export function percentile(values: readonly number[], percent: number): number {
  if (!(percent > 0 && percent <= 100)) throw new RangeError(`no percentile ${percent}`);
  const sorted = ascending(values);
  return at(sorted, Math.ceil((percent / 100) * sorted.length) - 1);
}

/** One measurement of each side, taken right after one another. */
export interface Pair {
  readonly ours: number;
  readonly rival: number;
}

export interface Ratio {
  readonly median: number;
  readonly least: number;
  readonly greatest: number;
}

/**
 * Ours over the rival's, pair by pair, so that what disturbs the machine for a while disturbs both sides of a
 * pair; then the median of those, with the extremes to show the noise.
 */
export function ratioOf(pairs: readonly Pair[]): Ratio {
  const ratios = pairs.map(({ ours, rival }) => ours / rival);
  return {
    median: median(ratios),
    least: percentile(ratios, 1),
    greatest: percentile(ratios, 100),
  };
}

function ascending(values: readonly number[]): readonly number[] {
  if (values.length === 0) throw new RangeError("no values");
  return [...values].sort((a, b) => a - b);
}

function at(sorted: readonly number[], index: number): number {
  const value = sorted[Math.max(0, index)];
  if (value === undefined) throw new RangeError(`no value ${index} of ${sorted.length}`);
  return value;
}
