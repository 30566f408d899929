/**
 * The bindings of `wrangler.toml`, read in a process of its own: wrangler keeps 130 MB of memory, which this one would hold
 * for as long as it runs.
 *
 * As a module it starts that process; run as a program it is that process, and prints what it read as JSON.
 */
import { execFile } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { unstable_getMiniflareWorkerOptions } from "wrangler";
import { ROOT } from "./root.ts";

type WorkerOptions = Pick<
  ReturnType<typeof unstable_getMiniflareWorkerOptions>,
  "workerOptions" | "main"
>;

const MAX_LENGTH = 1024 * 1024;

/** @throws Error with what wrangler says of the file. */
export async function readWorkerOptions(): Promise<WorkerOptions> {
  const program = fileURLToPath(import.meta.url);
  const { stdout } = await promisify(execFile)(process.execPath, [program], {
    cwd: ROOT,
    maxBuffer: MAX_LENGTH,
  });
  return JSON.parse(stdout) as WorkerOptions;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { unstable_getMiniflareWorkerOptions: read } = await import("wrangler");
  const { workerOptions, main } = read(path.join(ROOT, "wrangler.toml"));
  process.stdout.write(JSON.stringify({ workerOptions, main }));
}
