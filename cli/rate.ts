/** Speed and time left of something that goes on, by its last seconds. Pure. */

const WINDOW_MS = 10_000;

export class RateMeter {
  readonly #samples: { readonly at: number; readonly bytes: number }[] = [];

  /** Tells how many bytes there are by now; the first sample is where the counting begins. */
  add(at: number, bytes: number): void {
    this.#samples.push({ at, bytes });
    // One sample from before the window stays: the window is measured from it.
    while ((this.#samples[1]?.at ?? at) < at - WINDOW_MS) this.#samples.shift();
  }

  /** Null until there is something to measure. */
  bytesPerSecond(): number | null {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (first === undefined || last === undefined || last.at <= first.at) return null;
    return Math.max(0, ((last.bytes - first.bytes) * 1000) / (last.at - first.at));
  }

  /** Null where nothing moves. */
  secondsLeft(totalBytes: number): number | null {
    const speed = this.bytesPerSecond();
    const last = this.#samples.at(-1);
    if (speed === null || speed === 0 || last === undefined) return null;
    return Math.max(0, totalBytes - last.bytes) / speed;
  }
}
