/** `data` of a job's webhook. */
import { statusOf } from "../../protocol/stages.ts";
import type { Settings } from "../env.ts";
import { viewOutputs } from "../media/output-view.ts";
import { signOutputUrl } from "../media/signed-urls.ts";
import type { OutboxEntry } from "./outbox-store.ts";

type WebhookEntry = Extract<OutboxEntry, { kind: "webhook" }>;

/** Output URLs are signed when the event is recorded, not when it happened: they should last for its reader. */
export async function eventData(
  settings: Settings,
  { snapshot, sequence, event, master, job }: WebhookEntry,
  now: number,
): Promise<Record<string, unknown>> {
  const { jobId, run, state, progress, attempt, error, outputs, playable } = snapshot;
  const data = {
    jobId,
    state,
    status: statusOf(state),
    progress,
    attempt,
    sequence,
    metadata: job.metadata,
  };
  const { origin, accountId } = job;
  if (event === "job.playable" && playable && master !== null) {
    const isWhole = state === "completed";
    const of = { origin, accountId, jobId, run, isWhole, name: master, now };
    return { ...data, playableUrl: await signOutputUrl(settings, of) };
  }
  if (state !== "completed") return error === null ? data : { ...data, error };
  const views = await viewOutputs(settings, { origin, accountId, jobId, run }, outputs, now);
  // One output goes by the singular, as `output` does in a request; the list is always there.
  const [only] = views;
  return views.length === 1
    ? { ...data, output: only, outputs: views }
    : { ...data, outputs: views };
}
