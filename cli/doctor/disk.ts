/** A folder tried out: how much fits, and whether it can be written at all. */
import { randomUUID } from "node:crypto";
import { access, rm, statfs, writeFile } from "node:fs/promises";
import path from "node:path";
import type { DiskState } from "./judge.ts";

const TRIED_BYTES = 1024 * 1024;

/** Writes a little and removes it. A folder that is not there yet is judged by the one it would be made in. */
export async function tryDisk(folder: string): Promise<DiskState> {
  const there = await nearestExisting(path.resolve(folder));
  const file = path.join(there, `.telecine-doctor-${randomUUID()}`);
  try {
    await writeFile(file, new Uint8Array(TRIED_BYTES), { flag: "wx", flush: true });
    const { bavail, bsize } = await statfs(there);
    return { status: "writable", freeBytes: bavail * bsize };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    return { status: "unwritable", why: code ?? message, code: code ?? null };
  } finally {
    await rm(file, { force: true }).catch(() => {});
  }
}

async function nearestExisting(folder: string): Promise<string> {
  const exists = await access(folder).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code !== "ENOENT",
  );
  const parent = path.dirname(folder);
  return exists || parent === folder ? folder : nearestExisting(parent);
}
