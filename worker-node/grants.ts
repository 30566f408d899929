/** A lease's grant as it is now: the edge renews it while the attempt runs, and calls in flight follow. */
import type { Grant } from "../protocol/messages.ts";

export interface GrantHolder {
  readonly current: () => Grant;
  /** Counts the renewals, so that a caller that was refused can tell whether there is a newer grant. */
  readonly version: () => number;
  readonly renew: (grant: Grant) => void;
  /**
   * Resolves with true as soon as the grant is newer than `version`, with false after `timeoutMs` or when
   * the signal is aborted.
   */
  readonly newerThan: (version: number, timeoutMs: number, signal: AbortSignal) => Promise<boolean>;
}

export function createGrantHolder(first: Grant): GrantHolder {
  let grant = first;
  let version = 0;
  const waiting = new Set<() => void>();
  return {
    current: () => grant,
    version: () => version,
    renew: (next) => {
      grant = next;
      version += 1;
      for (const wake of [...waiting]) wake();
    },
    newerThan: (known, timeoutMs, signal) => {
      if (version > known) return Promise.resolve(true);
      if (signal.aborted) return Promise.resolve(false);
      return new Promise((resolve) => {
        const end = () => {
          clearTimeout(timer);
          signal.removeEventListener("abort", end);
          waiting.delete(end);
          resolve(version > known);
        };
        const timer = setTimeout(end, timeoutMs);
        signal.addEventListener("abort", end);
        waiting.add(end);
      });
    },
  };
}
