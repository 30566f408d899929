/**
 * Signals belong to the command. The libraries that the edge is run with listen, too: Miniflare ends the
 * process on the spot, and signal-exit sends the signal anew when it believes itself alone; either way the
 * leases of local workers would not be given back.
 */
const ours = new Set<NodeJS.SignalsListener>();

export const stopSignals = ["SIGINT", "SIGTERM"] as const;

/** Listens to SIGINT and SIGTERM. */
export function onStopSignal(listener: NodeJS.SignalsListener): void {
  ours.add(listener);
  for (const signal of stopSignals) process.on(signal, listener);
}

/** Takes the signals away from everybody who did not use `onStopSignal`; does nothing when nobody did. */
export function claimStopSignals(): void {
  if (ours.size === 0) return;
  for (const signal of stopSignals) {
    for (const listener of process.listeners(signal)) {
      if (!ours.has(listener)) process.removeListener(signal, listener);
    }
  }
}
