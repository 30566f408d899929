/** When the outbox is drained: one drain at a time, and not one for every transition of a burst. */
import { DRAIN_SPACING_MS } from "./durations.ts";

export interface Drains {
  /** Drains now, or after the drain that is under way; resolved when everything due was tried. */
  drain(): Promise<void>;
  /**
   * Drains in a moment, together with what is added until then. `urgent` does not wait, unless a drain ended just
   * now. Should the object be evicted first, the alarm does it.
   */
  drainSoon(urgent: boolean): void;
  /** Whether a drain is under way. */
  isDraining(): boolean;
}

export function createDrains(
  drainOnce: () => Promise<void>,
  background: (what: string, work: Promise<unknown>) => void,
): Drains {
  let running: Promise<void> | null = null;
  let again = false;
  let resting = false;
  let isScheduled = false;

  async function drainAll(): Promise<void> {
    do {
      again = false;
      await drainOnce();
    } while (again);
  }

  function drain(): Promise<void> {
    again = true;
    running ??= drainAll().finally(() => {
      running = null;
      rest();
    });
    return running;
  }

  function rest(): void {
    resting = true;
    setTimeout(() => {
      resting = false;
    }, DRAIN_SPACING_MS);
  }

  return {
    drain,
    isDraining: () => running !== null,
    drainSoon(urgent) {
      if (urgent && !resting && running === null) {
        background("drain", drain());
        return;
      }
      if (isScheduled) return;
      isScheduled = true;
      setTimeout(() => {
        isScheduled = false;
        background("drain", drain());
      }, DRAIN_SPACING_MS);
    },
  };
}
