/** Lease cycles: a lease arrives, its attempt begins and ends at once, the end is acknowledged, the next lease comes. */
import type { EdgeMessage, WorkerMessage } from "../../protocol/messages.ts";
import { type BenchAgent, connectAgent, type Lease } from "../agent.ts";
import type { BenchRuntime } from "../runtime.ts";
import type { Scope } from "../scope.ts";

/** Jobs posted at once: a client library's usual pool of connections. */
const POSTED_AT_ONCE = 16;

export interface CycleAgents {
  /** Runs this many cycles on jobs that wait in the pool already. @returns cycles a second. */
  run(count: number): Promise<number>;
}

/** Connects agents with `slots` each. They ask for nothing until a run begins. */
export async function connectCycleAgents(
  scope: Scope,
  runtime: BenchRuntime,
  load: { readonly agents: number; readonly slots: number },
): Promise<CycleAgents> {
  let acknowledged = 0;
  let wanted = 0;
  let done = Promise.withResolvers<void>();
  const onMessage = (message: EdgeMessage, agent: BenchAgent) => {
    if (message.type === "lease") {
      agent.send(endOf(message));
      // As the real agent: the slot is free the moment that its attempt has ended.
      agent.send({ type: "pull", free: 1 });
    }
    if (message.type === "ack") {
      acknowledged += 1;
      if (acknowledged === wanted) done.resolve();
    }
    if (message.type === "revoke") done.reject(new Error(`revoked: ${message.reason}`));
  };
  const agents = await Promise.all(
    Array.from({ length: load.agents }, async (_, i) => {
      const name = `cycle-${i + 1}`;
      const { token } = await runtime.client.createWorkerToken({ name, pool: "default" });
      return connectAgent(scope, { url: runtime.url, token, name, slots: load.slots, onMessage });
    }),
  );
  return {
    run: async (count) => {
      acknowledged = 0;
      wanted = count;
      done = Promise.withResolvers();
      const startedAt = performance.now();
      for (const agent of agents) agent.send({ type: "pull", free: load.slots });
      await done.promise;
      const rate = (count * 1000) / (performance.now() - startedAt);
      for (const agent of agents) agent.send({ type: "pull", free: 0 });
      return rate;
    },
  };
}

/** The end that needs no output in the store: a source that cannot be decoded, which is never tried again. */
function endOf({ lease }: Lease): WorkerMessage {
  return {
    type: "fail",
    lease,
    stage: "probing",
    code: "TRANSCODE_ERROR",
    detail: "bench",
    retryable: false,
    engine: { device: null, encoder: null, exitCode: 1, log: [] },
  };
}

/** Puts jobs into the pool, no two alike. */
export async function postJobs(
  { client }: BenchRuntime,
  videoId: string,
  first: number,
  count: number,
): Promise<void> {
  let next = first;
  const post = async () => {
    while (next < first + count) {
      const number = next++;
      await client.call("POST", "/v1/jobs", {
        videoId,
        recipe: { name: "transcode" },
        output: { name: `result-${number}.mp4` },
      });
    }
  };
  await Promise.all(Array.from({ length: POSTED_AT_ONCE }, post));
}
