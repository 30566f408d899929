/** A job's events applied to what is known of it, and followed to the end over a connection that may drop. */
import type { JobEvent } from "../protocol/http/events.ts";
import type { Job } from "../protocol/http/jobs.ts";
import type { ApiClient } from "./client.ts";
import { ApiFailure, mayPass } from "./failure.ts";
import { readServerSentEvents } from "./server-sent-events.ts";

/** The job as an event leaves it. */
export function withEvent(job: Job, event: JobEvent): Job {
  const { run, state, status, stage, progress, attempt } = event.data;
  const next = { ...job, run, state, status, stage, progress, attempt };
  if (event.event === "progress") {
    const { fps, speed, stageProgress } = event.data;
    const stages = job.stages.map((each) =>
      each.name === stage && each.state === "running" ? { ...each, progress: stageProgress } : each,
    );
    return { ...next, stages, fps, speed };
  }
  const { stages, error, outputs, maxAttempts } = event.data;
  return { ...next, stages, error, outputs, maxAttempts, fps: null, speed: null };
}

const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

/**
 * Hands on a job's events, from the first one on, until the terminal one. A connection that drops is made anew and
 * goes on after the last event that came.
 *
 * @throws ApiFailure where the edge refuses, and the signal's reason when it was stopped.
 */
export async function followJob(
  client: Pick<ApiClient, "send">,
  jobId: string,
  options: {
    readonly signal: AbortSignal;
    readonly onEvent: (event: JobEvent) => void;
    /** Told when the connection drops, and when it is there again. */
    readonly onConnected?: (connected: boolean) => void;
  },
): Promise<void> {
  const { signal } = options;
  let last = 0;
  let failures = 0;
  for (;;) {
    try {
      const answer = await client.send("GET", `/v1/jobs/${encodeURIComponent(jobId)}/events`, {
        signal,
        headers: {
          accept: "text/event-stream",
          ...(last === 0 ? {} : { "last-event-id": String(last) }),
        },
      });
      if (answer.status === 204 || answer.body === null) return;
      options.onConnected?.(true);
      for await (const event of eventsIn(answer.body)) {
        failures = 0;
        options.onEvent(event);
        if (event.event === "progress") continue;
        last = event.id;
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ApiFailure && !mayPass(error)) throw error;
    }
    options.onConnected?.(false);
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** failures++);
    await new Promise((resolve) => setTimeout(resolve, pause));
    signal.throwIfAborted();
  }
}

/**
 * The events by their names alone: a page is served by the edge that it speaks to, and their schemas weigh more than
 * all the rest of it. Other clients read with `event-stream.ts`.
 */
async function* eventsIn(body: ReadableStream<Uint8Array>): AsyncGenerator<JobEvent> {
  for await (const { event, data, lastEventId } of readServerSentEvents(chunksOf(body))) {
    if (event === "progress") yield { event, data: JSON.parse(data) };
    if (event === "state" || event === "attempt" || event === "playable") {
      yield { id: Number(lastEventId), event, data: JSON.parse(data) };
    }
  }
}

/** Not every browser iterates a stream by itself. */
async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
