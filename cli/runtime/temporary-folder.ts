/**
 * Where the embedded runtime keeps its temporary files. In the system's folder they would stay for ever once the process
 * is killed; below the data, which is one process's alone, the next start knows them for left over.
 */
import { mkdir, rm } from "node:fs/promises";
import path from "node:path";

/** What Node goes by for `os.tmpdir()`, on one system or another. */
const VARIABLES = ["TMPDIR", "TEMP", "TMP"] as const;

/** An empty folder below the data, which must be locked: what an earlier process left in it goes. */
export async function emptyTemporaryFolder(data: string): Promise<string> {
  const folder = path.resolve(data, "tmp");
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return folder;
}

/** Does something, synchronously, to which the folder is the system's temporary one. */
export function withTemporaryFolder<T>(folder: string, work: () => T): T {
  const before = VARIABLES.map((name) => [name, process.env[name]] as const);
  for (const name of VARIABLES) process.env[name] = folder;
  try {
    return work();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
