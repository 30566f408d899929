import { env } from "cloudflare:workers";
import type { Env } from "../../../edge/env.ts";
import type { NumberedEvent } from "../../../protocol/http/events.ts";
import type { Job } from "../../../protocol/http/jobs.ts";
import { deliver, join, type PoolStub } from "../pool/harness.ts";
import { call, makeKey, makeVideo, testEnv } from "./harness.ts";

export interface Submitted {
  readonly jobId: string;
  readonly key: string;
  readonly pool: PoolStub;
  /** Begins to follow the job. */
  follow(options?: {
    readonly after?: number | string;
    readonly query?: string;
    readonly method?: string;
    readonly upgrade?: boolean;
  }): Promise<Response>;
  cancel(): Promise<Response>;
}

let accounts = 0;

/** A job of an account that has its pool to itself. */
export async function submit(submitTo: Env = testEnv): Promise<Submitted> {
  accounts++;
  const accountId = `viewer-${accounts}`;
  const key = await makeKey(["read", "write"], accountId);
  const json = { videoId: await makeVideo(accountId), recipe: { name: "webReady" } };
  const answer = await call("/v1/jobs", { key, json, env: submitTo });
  if (answer.status !== 202) throw new Error(await answer.text());
  const { jobId } = await answer.json<Job>();
  return {
    jobId,
    key,
    pool: env.POOL.getByName(`pool:${accountId}/default/0`),
    follow: ({ after, query = "", method = "GET", upgrade = false } = {}) =>
      call(`/v1/jobs/${jobId}/events${query}`, {
        key,
        method,
        headers: {
          ...(after === undefined ? {} : { "last-event-id": String(after) }),
          ...(upgrade ? { upgrade: "websocket" } : {}),
        },
      }),
    cancel: () => call(`/v1/jobs/${jobId}/cancel`, { key, json: {} }),
  };
}

export async function submissionOf(job: Submitted) {
  const row = await testEnv.DB.prepare("SELECT submission FROM jobs WHERE id = ?")
    .bind(job.jobId)
    .first<{ submission: string }>();
  return JSON.parse(row?.submission ?? "null");
}

/** Lets an agent take the job and complete it; answers with the agent. */
export async function complete(job: Submitted) {
  const agent = await join(job.pool);
  let message = await agent.next();
  while (message.type !== "lease") message = await agent.next();
  const { lease } = message;
  agent.progress(lease, { stage: "probing", fraction: 0, movement: 1 });
  agent.progress(lease, { stage: "transcoding", fraction: 0.5, movement: 2 });
  agent.complete(lease, [await deliver(await submissionOf(job), lease)]);
  return agent;
}

export const idsOf = (events: readonly NumberedEvent[]) => events.map((event) => event.id);
export const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);
