/** Where a job's events come from: a socket into its pool, or what the record says of a job that the pool forgot. */
import type { JobEvent } from "../../protocol/http/events.ts";
import { isTerminalState } from "../../protocol/stages.ts";
import type { JobRecord } from "../catalogue/jobs.ts";
import { lastLineOf } from "../domain/history.ts";
import type { JobSnapshot } from "../domain/model.ts";
import type { Env } from "../env.ts";
import { viewHistoryLine } from "../event-view.ts";
import { socketPaths, viewerHeaders } from "../pool/rpc.ts";
import { ApiError } from "./errors.ts";
import { outputViews, type ViewContext } from "./job-view.ts";
import { fetchPool, readLive } from "./live-job.ts";

/** RFC 6455 section 7.4.1. */
const NORMAL_CLOSURE = 1000;

export interface EventsRequest {
  /** The id of the last event that the client has seen; 0 for none. */
  readonly after: number;
  readonly context: ViewContext;
}

/**
 * A socket, not accepted yet, that carries the job's events after `after` and closes after the terminal one. Null
 * where the job has ended and the client has seen it all.
 *
 * @throws ApiError ENGINE_ERROR when the pool does not answer.
 */
export async function openEvents(
  env: Env,
  record: JobRecord,
  asked: EventsRequest,
): Promise<WebSocket | null> {
  const first = await askForSocket(env, record, asked);
  if (first.status !== "unknown") return first.socket;
  // Either it never arrived, and the question creates it, or it ended so long ago that its rows are gone.
  const live = await readLive(env, record);
  const second = await askForSocket(env, record, asked);
  if (second.status !== "unknown") return second.socket;
  if (isTerminalState(live.state)) return fromRecord(record, live, asked);
  throw new ApiError("ENGINE_ERROR", `The pool has no events of job '${live.jobId}'.`);
}

type Answer =
  | { readonly status: "known"; readonly socket: WebSocket | null }
  | { readonly status: "unknown" };

async function askForSocket(env: Env, record: JobRecord, asked: EventsRequest): Promise<Answer> {
  const answer = await fetchPool(env, record, socketPaths.viewer, {
    upgrade: "websocket",
    [viewerHeaders.jobId]: record.submission.jobId,
    [viewerHeaders.after]: String(asked.after),
    [viewerHeaders.origin]: asked.context.origin,
  });
  if (answer.status === 404) return { status: "unknown" };
  return { status: "known", socket: answer.webSocket };
}

/** How the job ended is all that is left to tell. */
async function fromRecord(
  record: JobRecord,
  live: JobSnapshot,
  { after, context }: EventsRequest,
): Promise<WebSocket | null> {
  if (after >= live.revision) return null;
  const outputs = await outputViews(context, record.submission.accountId, live);
  return socketOf([viewHistoryLine(lastLineOf(live, context.now), outputs)]);
}

/** A socket that carries these events and closes. */
export function socketOf(events: readonly JobEvent[]): WebSocket {
  const { 0: client, 1: server } = new WebSocketPair();
  server.accept();
  for (const event of events) server.send(JSON.stringify(event));
  server.close(NORMAL_CLOSURE, "the job has ended");
  return client;
}
