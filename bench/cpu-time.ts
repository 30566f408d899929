/** CPU time of processes from /proc (proc(5)). Linux only. */
import { readFile } from "node:fs/promises";
import { childrenOf } from "../cli/runtime/processes.ts";

/** `sysconf(_SC_CLK_TCK)`: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

/**
 * User and system time in seconds that a process has used, with that of its children that ended and were waited
 * for (`utime`, `stime`, `cutime`, `cstime`: fields 14 to 17 of proc(5)'s stat).
 */
export function cpuSecondsOf(stat: string): number {
  // The second field is the name in parentheses, which may hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = fields.slice(11, 15).map(Number);
  return ticks.reduce((sum, each) => sum + each, 0) / TICKS_PER_SECOND;
}

/** CPU seconds of a process and everything below it, the children that ended included. */
export async function treeCpuSeconds(root: number): Promise<number> {
  const pids = [root, ...descendantsOf(root)];
  const times = await Promise.all(pids.map((pid) => readStat(pid)));
  return times.reduce((sum, stat) => sum + (stat === null ? 0 : cpuSecondsOf(stat)), 0);
}

/** CPU seconds of the children of this very process that ended and were waited for. */
export async function endedChildrenCpuSeconds(): Promise<number> {
  const stat = (await readStat(process.pid)) ?? "";
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[13]) + Number(fields[14])) / TICKS_PER_SECOND;
}

export function descendantsOf(root: number): readonly number[] {
  return childrenOf(root).flatMap((child) => [child, ...descendantsOf(child)]);
}

async function readStat(pid: number): Promise<string | null> {
  return readFile(`/proc/${pid}/stat`, "utf8").catch(() => null);
}
