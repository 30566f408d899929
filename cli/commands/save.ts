/** Saving a job's outputs, as `transcode --out` and `job --out` do it. */
import { constants } from "node:fs";
import { access } from "node:fs/promises";
import type { Job } from "../../protocol/http/jobs.ts";
import type { TelecineClient } from "../client.ts";
import { UsageError } from "../exit.ts";
import { LiveLines } from "../live-lines.ts";
import { makeFolder } from "../make-folder.ts";
import { showSaveOn } from "../save-display.ts";
import { saveOutputs } from "../save-outputs.ts";
import { stoppable } from "../stoppable.ts";

/** Saves with its progress on stderr; answers with the paths of what the job lists. */
export function saveShown(client: TelecineClient, job: Job, folder: string): Promise<string[]> {
  const lines = new LiveLines(process.stderr);
  return stoppable((signal) =>
    saveOutputs(client, job, folder, { signal, onProgress: showSaveOn(lines) }),
  ).finally(() => lines.end());
}

/**
 * Makes the folder that outputs are saved in: what is wrong with it is said before a job is waited for. `remedy` says how
 * another is named.
 *
 * @throws UsageError where it is no folder, the system's error where it may not be written.
 */
export async function prepareFolder(
  folder: string,
  remedy = "Give --out a folder; it is made where need be.",
): Promise<void> {
  if (folder === "") throw new UsageError(`The folder's name is empty. ${remedy}`);
  try {
    await makeFolder(folder);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EEXIST" && code !== "ENOTDIR") throw error;
    throw new UsageError(`${folder} is no folder. ${remedy}`);
  }
  await access(folder, constants.W_OK);
}
