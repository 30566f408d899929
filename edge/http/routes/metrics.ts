/**
 * `GET /metrics` for Prometheus. The root key sees every account, another key with the scope `read` its own. A scrape
 * wakes every pool: once a minute is enough, and costs one request a pool.
 */
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { listShards, webhookCounts } from "../../catalogue/metrics.ts";
import { poolOf } from "../../pool-stub.ts";
import { authenticate, requireScope } from "../auth.ts";
import type { AppEnv } from "../context.ts";
import { poolFamilies, webhookFamilies } from "../metric-families.ts";
import { answers, commonErrors } from "../openapi.ts";
import { PROMETHEUS_TYPE, prometheusText } from "../prometheus.ts";

/** An invocation may make 1,000 subrequests on the paid plan (2026-11). */
const MAX_SHARDS = 500;

const route = createRoute({
  method: "get",
  path: "/metrics",
  operationId: "getMetrics",
  tags: ["Service"],
  summary: "Metrics in Prometheus text, of the key's account; the root key sees all",
  middleware: [authenticate(), requireScope("read")] as const,
  responses: {
    200: {
      description: "The text format 0.0.4.",
      content: {
        "text/plain": {
          schema: z.string(),
          example: 'telecine_tasks_ready{account="default",pool="default",shard="0"} 3',
        },
      },
    },
    ...answers({}, commonErrors),
  },
});

export const metricsRoutes = new OpenAPIHono<AppEnv>().openapi(route, async (c) => {
  const { accountId, isRoot } = c.get("principal");
  const scope = { accountId, isEveryAccount: isRoot };
  const [shards, webhooks] = await Promise.all([
    listShards(c.env.DB, scope, MAX_SHARDS),
    webhookCounts(c.env.DB, scope),
  ]);
  const answers = await Promise.allSettled(shards.map((shard) => poolOf(c.env, shard).metrics()));
  const scraped = shards.map((shard, at) => {
    const answer = answers[at];
    return { shard, metrics: answer?.status === "fulfilled" ? answer.value : null };
  });
  const now = Date.now();
  const text = prometheusText([...poolFamilies(scraped, now), ...webhookFamilies(webhooks, now)]);
  return c.text(text, 200, { "content-type": PROMETHEUS_TYPE });
});
