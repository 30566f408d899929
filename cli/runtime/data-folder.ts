/**
 * The folder that all data is kept in. Two edges on one folder would each believe themselves the only one: their pools
 * lease the same tasks, and their databases lock each other out.
 *
 * Who has the folder is said by a lock of the operating system on a file in it, through SQLite, which has one for every
 * system that Node runs on. The system gives it to one process alone, however many ask at the same moment, and takes it
 * back when that process ends, however it ends: nothing is left behind that could be mistaken for somebody. (A process id
 * in a file is given to others again, and two that both find it outdated would both take its place.)
 */
import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { makeFolder } from "../make-folder.ts";
import { HostError } from "./host-error.ts";

/** Locked while somebody runs on the folder; there for good, and empty. */
const LOCK_FILE = "lock";
/** Who runs, and where: for whoever comes later, to be told. What it says is of interest only while the lock is held. */
const RUNNING_FILE = "running.json";
const runningSchema = z.object({ pid: z.number().int().positive(), url: z.url() });

/** https://sqlite.org/rescode.html#busy: another connection has the lock. */
const SQLITE_BUSY = 5;

const REMEDY = "Choose another with --data DIR.";

/** This process has the folder for itself. */
export interface DataFolder {
  /** Says at which URL this process serves what is in it. */
  announce(url: string): Promise<void>;
  /** Lets others have it. */
  release(): Promise<void>;
}

/**
 * Makes the folder, for this user alone, and takes it for this process.
 *
 * @throws HostError where it cannot be one, or where another edge runs on it.
 */
export async function openDataFolder(data: string): Promise<DataFolder> {
  await make(data);
  const lock = takeLock(data);
  if (lock === null) throw await inUse(data);
  const running = path.join(data, RUNNING_FILE);
  // Of one that was killed.
  await rm(running, { force: true });
  return {
    announce: (url) =>
      writeFile(running, JSON.stringify({ pid: process.pid, url }), { mode: 0o600 }),
    release: async () => {
      await rm(running, { force: true });
      if (lock.isOpen) lock.close();
    },
  };
}

async function make(data: string): Promise<void> {
  try {
    await makeFolder(data, 0o700);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOTDIR" || code === "EEXIST") {
      throw new HostError(`${data} is no folder for data: a file is in its place. ${REMEDY}`);
    }
    if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
      throw new HostError(`${data} cannot be made by this user (${code}). ${REMEDY}`);
    }
    throw error;
  }
}

/** The lock, held for as long as it is open; null where another process has it. */
function takeLock(data: string): DatabaseSync | null {
  let lock: DatabaseSync | null = null;
  try {
    lock = new DatabaseSync(path.join(data, LOCK_FILE), { timeout: 0 });
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock?.close();
    const { errcode, message } = error as Error & { readonly errcode?: number };
    if (errcode === SQLITE_BUSY) return null;
    throw new HostError(`${data} cannot be locked for this process (${message}). ${REMEDY}`);
  }
}

async function inUse(data: string): Promise<HostError> {
  const running = await readRunning(data);
  const who =
    running === null
      ? "another Telecine is just starting on it"
      : `Telecine runs on it at ${running.url} (process ${running.pid})`;
  return new HostError(
    `The data in ${data} is in use: ${who}. Stop that one, or choose another folder with --data DIR.`,
  );
}

/** Null where nothing was said yet, or what was said cannot be read. */
async function readRunning(data: string): Promise<z.infer<typeof runningSchema> | null> {
  try {
    return runningSchema.parse(JSON.parse(await readFile(path.join(data, RUNNING_FILE), "utf8")));
  } catch {
    return null;
  }
}
