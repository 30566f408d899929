/**
 * Ends what a killed parent leaves behind. `kill -9` gives a process no chance to stop its children, and
 * workerd goes on serving its port. This process holds the reading end of a pipe to the parent: when the
 * parent dies, however it dies, the pipe ends, and every process id that was written to it is killed.
 *
 * As a module it starts that process; run as a program it is that process.
 */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

export interface Watchdog {
  /** Has this process killed once the parent is gone. */
  watch(pid: number): void;
  /** The process has ended: its id may soon be somebody else's. */
  forget(pid: number): void;
}

/** Starts the watchdog of this process. It never keeps this process alive. */
export function startWatchdog(): Watchdog {
  const child = spawn(process.execPath, [fileURLToPath(import.meta.url)], {
    stdio: ["pipe", "ignore", "ignore"],
    detached: true,
  });
  child.unref();
  const pipe = child.stdin;
  // The pipe breaks only if somebody ends the watchdog: nothing is left to tell it then.
  pipe.on("error", () => {});
  if ("unref" in pipe && typeof pipe.unref === "function") pipe.unref();
  return {
    watch: (pid) => void pipe.write(`+${pid}\n`),
    forget: (pid) => void pipe.write(`-${pid}\n`),
  };
}

function main(): void {
  // A terminal's Ctrl-C goes to the parent, which ends its children itself.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => {});
  const watched = new Set<number>();
  const lines = createInterface({ input: process.stdin });
  lines.on("line", (line) => {
    const pid = Number(line.slice(1));
    if (!Number.isSafeInteger(pid) || pid <= 1) return;
    if (line.startsWith("+")) watched.add(pid);
    else watched.delete(pid);
  });
  lines.once("close", () => {
    for (const pid of watched) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It ended by itself.
      }
    }
  });
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
