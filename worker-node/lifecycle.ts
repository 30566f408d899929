/** Signals and parents: when the agent drains, and when it drops everything. */
import { isAlive } from "./is-alive.ts";

export interface LifecycleOptions {
  readonly parentPid: number | null;
  readonly exitWithStdin: boolean;
  /** The first signal. */
  readonly onDrain: (why: string) => void;
  /** The second signal, or the end of the parent. */
  readonly onAbort: (why: string) => void;
}

const PARENT_POLL_MS = 500;

/** Listens until the returned function is called. */
export function watchLifecycle(options: LifecycleOptions): () => void {
  let signals = 0;
  const onSignal = (signal: NodeJS.Signals) => {
    signals += 1;
    if (signals === 1) options.onDrain(signal);
    else options.onAbort(signal);
  };
  process.on("SIGTERM", onSignal);
  process.on("SIGINT", onSignal);
  // A terminal that goes away takes its agent with it only by a second signal, as any other.
  process.on("SIGHUP", onSignal);

  let isOrphan = false;
  /** Standard input says so twice, and the parent's id for as long as this process lives. */
  const orphaned = () => {
    if (!isOrphan) options.onAbort("its parent ended, or stops it");
    isOrphan = true;
  };
  const { parentPid } = options;
  // A parent that died is a zombie until it is reaped and still answers: our own parent's pid tells at once.
  const isDirect = process.ppid === parentPid;
  // The named process may be a grandparent (npm runs scripts through a shell): then it is asked itself.
  const hasEnded = (pid: number) => (isDirect ? process.ppid !== pid : !isAlive(pid));
  const poll =
    parentPid === null
      ? undefined
      : setInterval(() => hasEnded(parentPid) && orphaned(), PARENT_POLL_MS);
  if (options.exitWithStdin) {
    process.stdin.once("end", orphaned).once("error", orphaned).once("close", orphaned).resume();
  }
  return () => {
    process.off("SIGTERM", onSignal);
    process.off("SIGINT", onSignal);
    process.off("SIGHUP", onSignal);
    clearInterval(poll);
    if (options.exitWithStdin) process.stdin.destroy();
  };
}
