import { onStopSignal, stopSignals } from "./runtime/signals.ts";

/** Does something that SIGINT or SIGTERM stops in order; a second signal ends the process at once. */
export async function stoppable<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const listener = () => {
    if (stop.signal.aborted) process.exit(130);
    stop.abort();
  };
  onStopSignal(listener);
  try {
    return await work(stop.signal);
  } finally {
    for (const signal of stopSignals) process.removeListener(signal, listener);
  }
}
