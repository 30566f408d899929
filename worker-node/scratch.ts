/**
 * Where attempts write: one directory for the agent, in it one for each attempt, readable by nobody else.
 * An agent that was killed cannot clean up; the next one to start on the same root does it for it.
 */
import { randomBytes } from "node:crypto";
import { chmod, lstat, mkdir, readdir, readFile, rm, statfs, writeFile } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { dirname, join, resolve } from "node:path";
import { isAlive } from "./is-alive.ts";

const AGENT_PREFIX = "agent-";
const LOCK_FILE = "lock.json";

/** The owner of a lock: a process id alone may have been given to another process since. */
interface Lock {
  readonly pid: number;
  /** Clock ticks since boot at which the process started (proc(5)), or null where there is no /proc. */
  readonly startedAt: string | null;
}

/** The scratch directory cannot be used; the message names it, the rule and the remedy. */
export class ScratchError extends Error {
  override readonly name = "ScratchError";
}

export interface Scratch {
  readonly path: string;
  /** How many directories of dead agents were removed at the start. */
  readonly orphansRemoved: number;
  /** A new private directory for one attempt. */
  createAttemptDir(label: string): Promise<AttemptDir>;
  freeBytes(): Promise<number>;
  /** Removes everything of this agent. */
  remove(): Promise<void>;
}

export interface AttemptDir {
  readonly path: string;
  remove(): Promise<void>;
}

/** `<tmp>/telecine-<uid>/<name>`: its parent belongs to the user alone, so that nobody can lay traps in it. */
export function defaultScratchRoot(name: string): string {
  return join(tmpdir(), `telecine-${userInfo().uid}`, name.replace(/[^A-Za-z0-9._-]/g, "_"));
}

/**
 * Makes this agent's directory under `root` and removes those of agents that are no more. Its path is absolute, whatever
 * `root` is: tools run in directories of their own, and the gate takes no other.
 *
 * @throws ScratchError if the root is not a directory of this user's, or cannot be written.
 */
export async function openScratch(root: string): Promise<Scratch> {
  await prepareRoot(root);
  const orphansRemoved = await removeOrphans(root);
  const path = join(
    resolve(root),
    `${AGENT_PREFIX}${process.pid}-${randomBytes(4).toString("hex")}`,
  );
  await mkdir(path, { mode: 0o700 });
  const lock: Lock = { pid: process.pid, startedAt: await startTimeOf(process.pid) };
  await writeFile(join(path, LOCK_FILE), JSON.stringify(lock), { mode: 0o600 });
  return {
    path,
    orphansRemoved,
    createAttemptDir: async (label) => {
      const dir = join(path, `${label}-${randomBytes(4).toString("hex")}`);
      await mkdir(dir, { mode: 0o700 });
      return { path: dir, remove: () => removeTree(dir) };
    },
    freeBytes: async () => {
      const { bavail, bsize } = await statfs(path);
      return bavail * bsize;
    },
    remove: () => removeTree(path),
  };
}

async function prepareRoot(root: string): Promise<void> {
  try {
    await makeDirectories(resolve(root));
    const stat = await lstat(root);
    if (!stat.isDirectory()) {
      throw new ScratchError(
        `--scratch '${root}' is not a directory. Name a directory that this user can write.`,
      );
    }
    const uid = userInfo().uid;
    if (uid >= 0 && stat.uid !== uid) {
      throw new ScratchError(
        `--scratch '${root}' belongs to another user (uid ${stat.uid}). Name a directory of your own.`,
      );
    }
  } catch (error) {
    if (error instanceof ScratchError) throw error;
    throw new ScratchError(
      `--scratch '${root}' cannot be used: ${messageOf(error)}. Name a directory that this user can write.`,
    );
  }
}

/** Not `recursive`: where a file system refuses with ENOENT (procfs), Node tries it over and over, for ever. */
async function makeDirectories(path: string): Promise<void> {
  const parent = dirname(path);
  const exists = (at: string) =>
    lstat(at).then(
      () => true,
      () => false,
    );
  if (await exists(path)) return;
  if (parent !== path) await makeDirectories(parent);
  await mkdir(path, { mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    // Another agent on the same root may have been quicker.
    if (error.code !== "EEXIST") throw error;
  });
}

async function removeOrphans(root: string): Promise<number> {
  let removed = 0;
  for (const entry of await readdir(root, { withFileTypes: true })) {
    if (!entry.isDirectory() || !entry.name.startsWith(AGENT_PREFIX)) continue;
    const path = join(root, entry.name);
    if (await isOwnerAlive(path, entry.name)) continue;
    await removeTree(path);
    removed += 1;
  }
  return removed;
}

/** An agent writes its lock right after its directory: until then its name tells the process. */
async function isOwnerAlive(path: string, name: string): Promise<boolean> {
  const lock = await readLock(path);
  const pid = lock?.pid ?? Number(name.slice(AGENT_PREFIX.length).split("-")[0]);
  if (!Number.isInteger(pid) || pid <= 0 || !isAlive(pid)) return false;
  if (lock === null || lock.startedAt === null) return true;
  return (await startTimeOf(pid)) === lock.startedAt;
}

async function readLock(path: string): Promise<Lock | null> {
  try {
    const json: unknown = JSON.parse(await readFile(join(path, LOCK_FILE), "utf8"));
    if (typeof json !== "object" || json === null || !("pid" in json)) return null;
    const startedAt = "startedAt" in json ? json.startedAt : null;
    return typeof json.pid === "number"
      ? { pid: json.pid, startedAt: typeof startedAt === "string" ? startedAt : null }
      : null;
  } catch {
    return null;
  }
}

/** Field 22 of /proc/<pid>/stat; the name in field 2 may hold blanks and parentheses, so it is cut off first. */
async function startTimeOf(pid: number): Promise<string | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8");
    const afterName = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return afterName[19] ?? null;
  } catch {
    return null;
  }
}

/** A file that is written while the tree is removed makes `rmdir` fail: it is tried again. */
async function removeTree(path: string): Promise<void> {
  await chmod(path, 0o700).catch(() => {});
  await rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
