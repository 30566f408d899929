/** The machine that figures were taken on, for whoever reads them. */
import { readFile } from "node:fs/promises";
import {
  availableParallelism,
  cpus,
  loadavg,
  release,
  type as systemName,
  totalmem,
} from "node:os";
import path from "node:path";
import { findMediaTools } from "../cli/media-tools.ts";
import { ROOT } from "../cli/runtime/bundle.ts";

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly kernel: string;
  readonly node: string;
  readonly ffmpeg: string;
  readonly workerd: string;
  /** Of the last minute, when the bench began: much over 0 means that others use the machine. */
  readonly loadAverage: number;
}

export async function describeMachine(): Promise<Machine> {
  const [tools, workerd] = await Promise.all([findMediaTools(), workerdVersion()]);
  return {
    cpu: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    kernel: `${systemName()} ${release()}`,
    node: process.version,
    ffmpeg: tools.version,
    workerd,
    loadAverage: loadNow(),
  };
}

/** The load average of the last minute. */
export function loadNow(): number {
  return Math.round((loadavg()[0] ?? 0) * 100) / 100;
}

export function machineLines(machine: Machine): readonly string[] {
  const { cpu, cores, memoryGiB, kernel, node, ffmpeg, workerd, loadAverage } = machine;
  return [
    `${cpu}, ${cores} cores, ${memoryGiB} GiB, ${kernel}`,
    `node ${node}, ffmpeg ${ffmpeg}, ${workerd}, load average ${loadAverage} at the start`,
  ];
}

async function workerdVersion(): Promise<string> {
  const text = await readFile(path.join(ROOT, "node_modules/workerd/package.json"), "utf8");
  return `workerd ${(JSON.parse(text) as { readonly version: string }).version}`;
}
