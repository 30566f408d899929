/** CPU time of processes from /proc (proc(5)). Linux only. */
import { readFile } from "node:fs/promises";
import { childrenOf } from "../cli/runtime/processes.ts";

/** `sysconf(_SC_CLK_TCK)`: 100 on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

export interface CpuSeconds {
  /** User and system time of the process itself (`utime`, `stime`: fields 14 and 15 of proc(5)'s stat). */
  readonly own: number;
  /** Of its children that ended and were waited for, theirs included (`cutime`, `cstime`: 16 and 17). */
  readonly endedChildren: number;
}

/** Reads a line of `/proc/PID/stat`. */
export function cpuSecondsOf(stat: string): CpuSeconds {
  // The second field is the name in parentheses, which may hold spaces and parentheses.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields.slice(11, 15).map(Number);
  return {
    own: (user + system) / TICKS_PER_SECOND,
    endedChildren: (childUser + childSystem) / TICKS_PER_SECOND,
  };
}

/** What of Telecine uses CPU time. `tools` are ffmpeg and ffprobe, `host` the process that runs the edge. */
export type Part = "host" | "runtime" | "agent" | "tools";
export type CpuByPart = Readonly<Record<Part, number>>;

/** CPU seconds used so far below `telecine start`, by part. Children that ended are counted with their parent. */
export async function telecineCpu(root: number): Promise<CpuByPart> {
  const parts: Record<Part, number> = { host: 0, runtime: 0, agent: 0, tools: 0 };
  const add = async (pid: number, parent: Part | null): Promise<void> => {
    const [stat, command] = await Promise.all([readProc(pid, "stat"), readProc(pid, "cmdline")]);
    if (stat === null || command === null) return;
    const part = parent === null ? "host" : partOf(command, parent);
    const { own, endedChildren } = cpuSecondsOf(stat);
    parts[part] += own;
    parts[part === "agent" ? "tools" : part] += endedChildren;
    await Promise.all(childrenOf(pid).map((child) => add(child, part)));
  };
  await add(root, null);
  return parts;
}

export function totalOf(parts: CpuByPart): number {
  return parts.host + parts.runtime + parts.agent + parts.tools;
}

export function differenceOf(after: CpuByPart, before: CpuByPart): CpuByPart {
  return {
    host: after.host - before.host,
    runtime: after.runtime - before.runtime,
    agent: after.agent - before.agent,
    tools: after.tools - before.tools,
  };
}

/** CPU seconds of the children of this very process that ended and were waited for. */
export async function endedChildrenCpuSeconds(): Promise<number> {
  const stat = await readProc(process.pid, "stat");
  if (stat === null) throw new Error("/proc is not there: CPU time is measured on Linux alone");
  return cpuSecondsOf(stat).endedChildren;
}

function partOf(command: string, parent: Part): Part {
  if (parent === "agent" || parent === "tools") return "tools";
  if (command.includes("worker-node/main.ts")) return "agent";
  return command.split("\0")[0]?.endsWith("workerd") ? "runtime" : parent;
}

async function readProc(pid: number, file: "stat" | "cmdline"): Promise<string | null> {
  return readFile(`/proc/${pid}/${file}`, "utf8").catch(() => null);
}
