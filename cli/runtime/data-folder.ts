/**
 * The folder that all data is kept in. Two edges on one folder would each believe themselves the only one: their pools
 * lease the same tasks, and their databases lock each other out.
 */
import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { makeFolder } from "../make-folder.ts";
import { HostError } from "./host-error.ts";

/** Who runs on a folder, and where: one file in it, there while they run. A killed one leaves it behind. */
const RUNNING_FILE = "running.json";
const runningSchema = z.object({ pid: z.number().int().positive(), url: z.url() });

/** An edge on this machine answers in milliseconds, unless it is very busy. */
const ANSWER_LIMIT_MS = 3_000;

/**
 * Makes the folder, for this user alone.
 *
 * @throws HostError where it cannot be one, or where another edge runs on it.
 */
export async function openDataFolder(data: string): Promise<void> {
  try {
    await makeFolder(data, 0o700);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const remedy = "Choose another with --data DIR.";
    if (code === "ENOTDIR" || code === "EEXIST") {
      throw new HostError(`${data} is no folder for data: a file is in its place. ${remedy}`);
    }
    if (code === "EACCES" || code === "EPERM" || code === "EROFS") {
      throw new HostError(`${data} cannot be made by this user (${code}). ${remedy}`);
    }
    throw error;
  }
  const running = await readRunning(data);
  if (running === null || !isAlive(running.pid) || !(await answers(running.url))) return;
  throw new HostError(
    `The data in ${data} is in use: Telecine runs on it at ${running.url} (process ${running.pid}). ` +
      "Stop that one, or choose another folder with --data DIR.",
  );
}

/** Says that this process runs on the folder, at `url`. */
export async function markRunning(data: string, url: string): Promise<void> {
  const text = JSON.stringify({ pid: process.pid, url });
  await writeFile(path.join(data, RUNNING_FILE), text, { mode: 0o600 });
}

/** Takes the mark away. */
export async function unmarkRunning(data: string): Promise<void> {
  await rm(path.join(data, RUNNING_FILE), { force: true });
}

/** What cannot be read says of nobody that they run. */
async function readRunning(data: string): Promise<z.infer<typeof runningSchema> | null> {
  try {
    return runningSchema.parse(JSON.parse(await readFile(path.join(data, RUNNING_FILE), "utf8")));
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process is alive, too.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** A process id is given to others again: alive is only who also answers. */
async function answers(url: string): Promise<boolean> {
  try {
    const answer = await fetch(`${url}/health`, { signal: AbortSignal.timeout(ANSWER_LIMIT_MS) });
    await answer.body?.cancel();
    return answer.ok;
  } catch {
    return false;
  }
}
