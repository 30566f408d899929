import { setTimeout as delay } from "node:timers/promises";
import type { Job } from "../protocol/http/jobs.ts";
import { isTerminalState } from "../protocol/stages.ts";
import type { TelecineClient } from "./client.ts";

const POLL_INTERVAL_MS = 250;

/** Asks for the job until it is terminal, handing on each answer; answers with the last. */
export async function watchJob(
  client: TelecineClient,
  jobId: string,
  onChange: (job: Job) => void,
): Promise<Job> {
  for (;;) {
    const job = await client.job(jobId);
    onChange(job);
    if (isTerminalState(job.state)) return job;
    await delay(POLL_INTERVAL_MS);
  }
}
