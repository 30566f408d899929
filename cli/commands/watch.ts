/** Following a job, as `transcode --wait` and `job --follow` do it. */
import type { Job } from "../../protocol/http/jobs.ts";
import type { TelecineClient } from "../client.ts";
import { showJobOn } from "../job-display.ts";
import { LiveLines } from "../live-lines.ts";
import { stoppable } from "../stoppable.ts";
import { watchJob } from "../watch-job.ts";

/** Watches with the job's way on stderr. @throws InterruptedError when a signal stopped it. */
export function watchShown(client: TelecineClient, jobId: string): Promise<Job> {
  const lines = new LiveLines(process.stderr);
  return stoppable((signal) => watchJob(client, jobId, showJobOn(lines), signal)).finally(() =>
    lines.end(),
  );
}
