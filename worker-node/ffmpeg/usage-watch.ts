/** Looks at what a running tool uses up, and says which limit it has passed. Linux only: elsewhere there is no /proc. */
import { readFile } from "node:fs/promises";
import type { ToolLimits } from "./confinement.ts";

/** A decoder fills memory at a few gigabytes a second: between two looks it cannot take the machine. */
const LOOK_MS = 250;

export type PassedLimit =
  | { readonly limit: "memory"; readonly allowedBytes: number }
  | { readonly limit: "threads"; readonly allowed: number };

/** Calls `onPassed` when process `pid` is beyond a limit, at most once. @returns the means to end the watch */
export function watchUsage(
  pid: number,
  limits: ToolLimits,
  onPassed: (passed: PassedLimit) => void,
): () => void {
  if (process.platform !== "linux") return () => {};
  const look = async () => {
    const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => null);
    const passed = status === null ? null : passedLimit(status, limits);
    if (passed === null || isOver) return;
    end();
    onPassed(passed);
  };
  let isOver = false;
  const timer = setInterval(() => void look(), LOOK_MS);
  const end = () => {
    isOver = true;
    clearInterval(timer);
  };
  return end;
}

/** Which limit `/proc/<pid>/status` (proc(5)) shows to be passed; null when none is. Pure. */
export function passedLimit(status: string, limits: ToolLimits): PassedLimit | null {
  const residentKib = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0);
  const threads = Number(/^Threads:\s+(\d+)$/m.exec(status)?.[1] ?? 0);
  if (limits.memoryBytes !== null && residentKib * 1024 > limits.memoryBytes) {
    return { limit: "memory", allowedBytes: limits.memoryBytes };
  }
  return threads > limits.threads ? { limit: "threads", allowed: limits.threads } : null;
}

/** For people: `more than the 1024 MiB of memory allowed`. */
export function describeLimit(passed: PassedLimit): string {
  return passed.limit === "memory"
    ? `more than the ${Math.floor(passed.allowedBytes / 1024 ** 2)} MiB of memory allowed`
    : `more than the ${passed.allowed} threads allowed`;
}
