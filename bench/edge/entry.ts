/**
 * The edge as the bench runs it where it has to look inside: the deployed entry unchanged, an echo beside it, and
 * counters around the bindings when BENCH_COUNTS says so.
 */

import type { Env } from "../../edge/env.ts";
import edge, { Pool } from "../../edge/index.ts";
import { countRequest, countsNow, installCounters, watchPool } from "./counters.ts";
import type { Echo } from "./echo.ts";

export { Echo } from "./echo.ts";

interface BenchEnv extends Env {
  readonly ECHO: DurableObjectNamespace<Echo>;
  readonly BENCH_COUNTS?: string;
}

/** The Pool, with what it is asked and what it writes counted. */
class CountedPool extends Pool {
  constructor(state: DurableObjectState, env: BenchEnv) {
    if (env.BENCH_COUNTS === "true") {
      installCounters(env);
      watchPool(state);
    }
    super(state, env);
  }

  override webSocketMessage(socket: WebSocket, frame: string | ArrayBuffer): Promise<void> {
    countRequest("socketMessagesIn");
    return super.webSocketMessage(socket, frame);
  }

  override alarm(): Promise<void> {
    countRequest("alarms");
    return super.alarm();
  }
}

export { CountedPool as Pool };

export default {
  async fetch(request: Request, env: BenchEnv, context: ExecutionContext): Promise<Response> {
    const { pathname } = new URL(request.url);
    if (pathname === "/bench/echo") return env.ECHO.getByName("echo").fetch(request);
    if (pathname === "/bench/counts") return Response.json(countsNow());
    if (env.BENCH_COUNTS === "true") {
      installCounters(env);
      countRequest("httpRequests");
    }
    return edge.fetch(request as Parameters<typeof edge.fetch>[0], env, context);
  },
  queue(
    batch: MessageBatch<{ readonly deliveryId: string }>,
    env: BenchEnv,
    context: ExecutionContext,
  ) {
    return edge.queue(batch, env, context);
  },
  scheduled(controller: ScheduledController, env: BenchEnv) {
    return edge.scheduled(controller, env);
  },
};
