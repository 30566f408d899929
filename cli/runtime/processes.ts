import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

interface Row {
  readonly pid: number;
  readonly parent: number;
}

/** The process ids of a process's children: from /proc where there is one, else from `ps`. */
export function childrenOf(parent: number): number[] {
  return processTable()
    .filter((row) => row.parent === parent)
    .map((row) => row.pid);
}

/** A process's parent, its parent's parent and so on, `depth` of them at most. */
export function ancestorsOf(pid: number, depth: number): number[] {
  const table = new Map(processTable().map((row) => [row.pid, row.parent]));
  const ancestors: number[] = [];
  for (
    let parent = table.get(pid);
    parent && ancestors.length < depth;
    parent = table.get(parent)
  ) {
    ancestors.push(parent);
  }
  return ancestors;
}

function processTable(): Row[] {
  if (process.platform === "win32") return [];
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

function linuxProcessTable(): Row[] {
  const rows: Row[] = [];
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
