/**
 * Makes a folder, and those above it that are missing. Node's own `recursive` tries for ever where a file system has no
 * such name to give, as /proc has none (24.21).
 */
import { mkdir, stat } from "node:fs/promises";
import path from "node:path";

/** @throws the system's error, with its `code`; EEXIST or ENOTDIR where a file is in the way. */
export async function makeFolder(folder: string, mode = 0o777): Promise<void> {
  try {
    await mkdir(folder, { mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EEXIST" && (await isFolder(folder))) return;
    if (code !== "ENOENT") throw error;
    const above = path.dirname(path.resolve(folder));
    if (await isFolder(above)) {
      throw new Error(`${folder} cannot be made: there, no folders can be. Name another place.`);
    }
    await makeFolder(above, mode);
    await makeFolder(folder, mode);
  }
}

async function isFolder(name: string): Promise<boolean> {
  return stat(name).then(
    (found) => found.isDirectory(),
    () => false,
  );
}
