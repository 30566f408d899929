/** Follows a job to its end: by its events, and by asking where a stream of them cannot be had or drops. */
import { setTimeout as delay } from "node:timers/promises";
import { readJobEvents } from "../client/event-stream.ts";
import { mayPass } from "../client/failure.ts";
import { withEvent } from "../client/job-events.ts";
import type { Job } from "../protocol/http/jobs.ts";
import { isTerminalState } from "../protocol/stages.ts";
import { ApiFailure, type TelecineClient } from "./client.ts";
import { InterruptedError } from "./exit.ts";

const POLL_INTERVAL_MS = 250;
/** About a minute in all. */
const MAX_FAILURES = 10;
const LONGEST_PAUSE_MS = 10_000;

type Client = Pick<TelecineClient, "job" | "send">;

/**
 * Hands on the job as it changes until it is terminal; answers with it as it is then.
 *
 * @throws InterruptedError when the signal stopped it: the job itself goes on.
 */
export async function watchJob(
  client: Client,
  jobId: string,
  onChange: (job: Job) => void,
  signal: AbortSignal = new AbortController().signal,
): Promise<Job> {
  try {
    await follow(client, jobId, onChange, signal);
    return await poll(client, jobId, onChange, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new InterruptedError(
      `Stopped watching; the job goes on. telecine job ${jobId} --follow shows it, telecine cancel ${jobId} ends it.`,
    );
  }
}

async function poll(
  client: Client,
  jobId: string,
  onChange: (job: Job) => void,
  signal: AbortSignal,
): Promise<Job> {
  let failures = 0;
  for (;;) {
    try {
      const job = await client.job(jobId, signal);
      failures = 0;
      onChange(job);
      if (isTerminalState(job.state)) return job;
    } catch (error) {
      failures += 1;
      signal.throwIfAborted();
      if (!mayPass(error) || failures > MAX_FAILURES) throw error;
    }
    await delay(Math.min(LONGEST_PAUSE_MS, POLL_INTERVAL_MS * 2 ** failures), null, { signal });
  }
}

/** Returns when the stream has ended, whatever ended it. What the edge refuses, asking would be refused, too. */
async function follow(
  client: Client,
  jobId: string,
  onChange: (job: Job) => void,
  signal: AbortSignal,
): Promise<void> {
  let job = await client.job(jobId, signal);
  try {
    const answer = await client.send("GET", `/v1/jobs/${encodeURIComponent(jobId)}/events`, {
      headers: { accept: "text/event-stream" },
      signal,
    });
    if (answer.body === null) return;
    for await (const event of readJobEvents(answer.body)) {
      // The history begins with the first run: of a job that was retried, how an earlier one failed is no news.
      if (event.data.run < job.run) continue;
      job = withEvent(job, event);
      // The last word is the edge's: it has the times of the end, too.
      if (!isTerminalState(job.state)) onChange(job);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ApiFailure && !mayPass(error)) throw error;
  }
}
