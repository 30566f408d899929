/** Looking at processes, and ending those that the experiments started. They announce nothing: looks are bounded. */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { childrenOf } from "../../../cli/runtime/processes.ts";

const LOOK_MS = 20;

/** All processes below one, itself left out. */
export function descendantsOf(pid: number): number[] {
  return childrenOf(pid).flatMap((child) => [child, ...descendantsOf(child)]);
}

/** Whether the process runs. A zombie has ended: only its parent has not asked yet. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

/** The descendants that are ffmpeg encoding something: checks, too, say `-progress`, but they write no file (`-y`). */
export function encodersOf(pid: number): number[] {
  return descendantsOf(pid).filter((child) => {
    try {
      const argv = readFileSync(`/proc/${child}/cmdline`, "utf8").split("\0");
      return argv.includes("-y") && argv.includes("-progress");
    } catch {
      return false;
    }
  });
}

/** Sends a signal to each; one that has ended meanwhile is no error. */
export function signalAll(pids: readonly number[], signal: NodeJS.Signals): void {
  for (const pid of pids) {
    try {
      process.kill(pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }
}

/** Waits until none of them runs. @returns how long it took; rejects, naming them, after `limitMs`. */
export async function untilEnded(pids: readonly number[], limitMs: number): Promise<number> {
  return until(`processes ${pids.join(", ")} to end`, limitMs, () => !pids.some(isAlive));
}

/** Looks until it holds. @returns the milliseconds it took; rejects after `limitMs`. */
export async function until(
  what: string,
  limitMs: number,
  holds: () => boolean | Promise<boolean>,
  lookMs = LOOK_MS,
): Promise<number> {
  const startedAt = performance.now();
  while (!(await holds())) {
    if (performance.now() - startedAt > limitMs) {
      throw new Error(`waited ${limitMs} ms in vain for ${what}`);
    }
    await delay(lookMs);
  }
  return performance.now() - startedAt;
}
