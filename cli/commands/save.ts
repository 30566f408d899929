/** Saving a job's outputs, as `transcode --out` and `job --out` do it. */
import type { Job } from "../../protocol/http/jobs.ts";
import type { TelecineClient } from "../client.ts";
import { LiveLines } from "../job-display.ts";
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
