/** What lies in a scratch directory: its size, and a mark that changes with every write. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

export interface ScratchUsage {
  readonly bytes: number;
  /**
   * Sum of the files' modification times in milliseconds: it moves while ffmpeg rewrites a finished file
   * (`+faststart`), when neither frames nor sizes do.
   */
  readonly mark: number;
}

/** Measures the files directly in `dir`; one that vanishes meanwhile is not counted. */
export async function measureScratch(dir: string): Promise<ScratchUsage> {
  const names = await readdir(dir).catch(() => []);
  const stats = await Promise.all(names.map((name) => stat(join(dir, name)).catch(() => null)));
  let bytes = 0;
  let mark = 0;
  for (const file of stats) {
    if (!file?.isFile()) continue;
    bytes += file.size;
    mark += file.mtimeMs;
  }
  return { bytes, mark };
}
