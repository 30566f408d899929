/** Reads a job's events out of its stream, each checked against its schema. */
import { type JobEvent, jobEventSchema } from "../protocol/http/events.ts";
import { readServerSentEvents } from "./server-sent-events.ts";

/** The events of a job's stream; those that this version does not know are passed over. */
export async function* readJobEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<JobEvent> {
  for await (const { event, data, lastEventId } of readServerSentEvents(body)) {
    const id = event === "progress" ? {} : { id: Number(lastEventId) };
    const parsed = jobEventSchema.safeParse({ ...id, event, data: parseJson(data) });
    if (parsed.success) yield parsed.data;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
