/** `GET /v1/jobs/{jobId}/events`: a job's events as they happen, over server-sent events or a socket. */
import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import {
  eventsHeadersSchema,
  eventsQuerySchema,
  type JobEvent,
  jobEventSchema,
} from "../../../protocol/http/events.ts";
import { requireScope } from "../auth.ts";
import type { AppEnv } from "../context.ts";
import { openEvents, socketOf } from "../job-events.ts";
import { requireJob } from "../live-job.ts";
import { answers, commonErrors, idParameter } from "../openapi.ts";
import { relay } from "../relay.ts";
import { requestIdsOf } from "../request-ids.ts";
import { SSE_HEADERS, streamEvents } from "../sse.ts";
import { JOB_ID } from "./job-examples.ts";

const progressExample: JobEvent = {
  event: "progress",
  data: {
    jobId: JOB_ID,
    run: 1,
    state: "transcoding",
    status: "processing",
    stage: "transcoding",
    progress: 41.5,
    stageProgress: 40.6,
    attempt: 1,
    fps: 118.2,
    speed: 3.9,
  },
};

const route = createRoute({
  method: "get",
  path: "/jobs/{jobId}/events",
  operationId: "streamJobEvents",
  tags: ["Jobs"],
  summary: "A job's events, as they happen",
  description:
    "Server-sent events `state` (the job's state changed), `attempt` (an attempt began, changed or ended " +
    "while it did not), `playable` (what there is of an `hls` job's output can be played by now), and `progress`. " +
    "All but `progress` have an id: their place in the job's history, from 1, without a gap. The stream begins with the whole history, or after `Last-Event-ID`, " +
    "and ends after the terminal event; asked again from there, the answer is 204, which keeps an EventSource " +
    "from reconnecting. Comments come every two seconds. `progress` is best effort: what a slow reader did " +
    "not take is overtaken by the next.\n\nWith `Upgrade: websocket` the same comes over a socket, an event " +
    "in each text frame: `{id?, event, data}`; `ping` is answered with `pong`. While anyone follows a job, its " +
    "workers report more often.",
  middleware: requireScope("read"),
  request: {
    params: idParameter("jobId", JOB_ID),
    query: eventsQuerySchema,
    headers: eventsHeadersSchema,
  },
  responses: {
    ...answers({}, ["VALIDATION_ERROR", "JOB_NOT_FOUND", ...commonErrors]),
    101: { description: "The socket is open." },
    200: {
      description:
        "The events. The schema is that of one: its `event`, `id` and `data` are fields.",
      content: { "text/event-stream": { schema: jobEventSchema, example: progressExample } },
    },
    204: { description: "The job has ended, and the client has seen all of its events." },
  },
});

export const eventRoutes = new OpenAPIHono<AppEnv>().openapi(route, async (c) => {
  const { jobId } = c.req.valid("param");
  // A client that reconnects by itself repeats its first query; the header is the newer word.
  const after = c.req.valid("header")["last-event-id"] ?? c.req.valid("query").lastEventId ?? 0;
  const record = await requireJob(c.env, c.get("principal").accountId, jobId);
  // Nobody would read the stream of a HEAD, nor end it.
  if (c.req.method === "HEAD") return new Response(null, { headers: SSE_HEADERS });
  const context = {
    settings: c.get("settings"),
    origin: new URL(c.req.url).origin,
    now: Date.now(),
  };
  const socket = await openEvents(c.env, record, { after, context });
  if (c.req.header("upgrade")?.toLowerCase() === "websocket") {
    return new Response(null, { status: 101, webSocket: relay(socket ?? socketOf([])) });
  }
  if (socket === null) return new Response(null, { status: 204 });
  return new Response(streamEvents(socket, { ...requestIdsOf(c), jobId }), {
    headers: SSE_HEADERS,
  });
});
