/** Runs two sides in pairs, each first every other time, so that neither has the warmer machine. */

export interface Sides<T> {
  readonly ours: () => Promise<T>;
  readonly rival: () => Promise<T>;
}

export interface Measured<T> {
  readonly ours: T;
  readonly rival: T;
}

/**
 * Takes `count` pairs, one run after the other; then none is begun any more. A pair that was begun is finished,
 * and at least one is taken.
 *
 * @param isOver says that the time for further pairs is used up.
 */
export async function takePairs<T>(
  count: number,
  sides: Sides<T>,
  isOver: () => boolean = () => false,
): Promise<readonly Measured<T>[]> {
  const pairs: Measured<T>[] = [];
  while (pairs.length < count && (pairs.length === 0 || !isOver())) {
    if (pairs.length % 2 === 0) {
      const ours = await sides.ours();
      pairs.push({ ours, rival: await sides.rival() });
    } else {
      const rival = await sides.rival();
      pairs.push({ ours: await sides.ours(), rival });
    }
  }
  return pairs;
}
