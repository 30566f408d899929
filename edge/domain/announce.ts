/** What the world is told of a visible transition. */
import { isTerminalState } from "../../protocol/stages.ts";
import type { Effect, EventEffect, JobEventType } from "./effects.ts";
import type { JobRecord, LiveJob } from "./model.ts";
import type { Outcome } from "./outcome.ts";
import { snapshotOf } from "./snapshot.ts";

const terminalEvents: Record<Outcome["state"], JobEventType> = {
  completed: "job.completed",
  failed: "job.failed",
  rejected: "job.rejected",
  cancelled: "job.cancelled",
};

/** The projection, the event, and the webhook's event if it is one, of a visible transition. */
export function announce(
  from: JobRecord | null,
  { job, tasks }: LiveJob,
  at: number,
): readonly Effect[] {
  const { jobId } = job.submission;
  const sequence = job.revision;
  const snapshot = snapshotOf(job, tasks);
  const name = nameOf(from, job);
  const effects: Effect[] = [
    { type: "project", snapshot },
    { type: "event", jobId, sequence, name, at, snapshot },
  ];
  const event = name === "playable" ? "job.playable" : name === "state" ? webhookFor(job) : null;
  if (event !== null) {
    const eventId = `${jobId}.${sequence}`;
    effects.push({ type: "webhook", eventId, jobId, sequence, event, at, snapshot });
  }
  return effects;
}

/** A job's state never changes with the piece that makes it playable: a part that ends leaves its job where it was. */
function nameOf(from: JobRecord | null, job: JobRecord): EventEffect["name"] {
  if (from?.state !== job.state) return "state";
  return job.playable && !from.playable ? "playable" : "attempt";
}

function webhookFor(job: JobRecord): JobEventType | null {
  if (isTerminalState(job.state)) return terminalEvents[job.state];
  return job.state === "queued" || job.announced ? null : "job.started";
}
