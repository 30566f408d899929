import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** The process ids of a process's children: from /proc where there is one, else from `ps`. */
export function childrenOf(parent: number): number[] {
  if (process.platform === "win32") return [];
  return processTable()
    .filter((row) => row.parent === parent)
    .map((row) => row.pid);
}

function processTable(): { pid: number; parent: number }[] {
  if (process.platform === "linux") return linuxProcessTable();
  const listing = execFileSync("ps", ["-A", "-o", "pid=,ppid="], { encoding: "utf8" });
  return listing
    .trim()
    .split("\n")
    .map((line) => {
      const [pid = 0, parent = 0] = line.trim().split(/\s+/).map(Number);
      return { pid, parent };
    });
}

function linuxProcessTable(): { pid: number; parent: number }[] {
  const rows: { pid: number; parent: number }[] = [];
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      // proc(5): "pid (comm) state ppid ..."; comm may hold spaces and parentheses.
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const [, parent] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      rows.push({ pid: Number(name), parent: Number(parent) });
    } catch {
      // It ended between the listing and the reading.
    }
  }
  return rows;
}
