import { ancestorsOf } from "./processes.ts";
import { onStopSignal } from "./signals.ts";

const LOOK_INTERVAL_MS = 1000;

/** npm runs a script as npm → sh → this process: both above it belong to the command that was typed. */
const NPM_DEPTH = 2;

/**
 * Settles with why the command should stop: SIGINT, SIGTERM, or, when it was started by `npm start`, the end
 * of npm. A killed npm hands on no signal, and would leave its script running. A second signal ends the
 * process at once.
 */
export function stopSignal(environment: NodeJS.ProcessEnv): Promise<string> {
  return new Promise((resolve) => {
    let signals = 0;
    onStopSignal((signal) => {
      if (signals++ > 0) process.exit(1);
      resolve(signal);
    });
    if (environment.npm_lifecycle_event === undefined) return;
    const started = ancestorsOf(process.pid, NPM_DEPTH).join();
    const timer = setInterval(() => {
      if (ancestorsOf(process.pid, NPM_DEPTH).join() === started) return;
      clearInterval(timer);
      resolve("npm was killed");
    }, LOOK_INTERVAL_MS);
    timer.unref();
  });
}
