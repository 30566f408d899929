/** Pools: how many shards each has. */
import { createRoute, OpenAPIHono, z } from "@hono/zod-openapi";
import { poolRequestSchema, poolSchema } from "../../../protocol/http/pools.ts";
import { slugSchema } from "../../../protocol/ids.ts";
import { findShards, setShards } from "../../catalogue/pools.ts";
import { poolOf } from "../../pool-stub.ts";
import { requireScope } from "../auth.ts";
import type { AppEnv } from "../context.ts";
import { answers, commonErrors, jsonRequest } from "../openapi.ts";

const params = z.object({ name: slugSchema });
const tags = ["Workers"];
const example = { name: "default", shards: 2, shardsInUse: 2 };

const getRoute = createRoute({
  method: "get",
  path: "/pools/{name}",
  operationId: "getPool",
  tags,
  summary: "How many shards a pool has",
  middleware: requireScope("read"),
  request: { params },
  responses: answers({ 200: { schema: poolSchema, example } }, [
    "VALIDATION_ERROR",
    ...commonErrors,
  ]),
});

const putRoute = createRoute({
  method: "put",
  path: "/pools/{name}",
  operationId: "setPool",
  tags,
  summary: "Spread a pool over so many shards",
  description:
    "For fleets of more than several hundred workers. Idle workers move at once, others when they hold no lease; a shard that is no longer wanted takes no new jobs, and keeps its share of workers until its last job has ended.",
  middleware: requireScope("admin"),
  request: { params, body: jsonRequest(poolRequestSchema, { shards: 2 }) },
  responses: answers({ 200: { schema: poolSchema, example } }, [
    "VALIDATION_ERROR",
    ...commonErrors,
  ]),
});

export const poolRoutes = new OpenAPIHono<AppEnv>()
  .openapi(getRoute, async (c) => {
    const { name } = c.req.valid("param");
    const { accountId } = c.get("principal");
    const { shards, inUse } = await findShards(c.env.DB, accountId, name);
    return c.json({ name, shards, shardsInUse: inUse }, 200);
  })
  .openapi(putRoute, async (c) => {
    const { name } = c.req.valid("param");
    const { shards } = c.req.valid("json");
    const { accountId } = c.get("principal");
    await setShards(c.env.DB, { accountId, name, shards }, Date.now());
    const { inUse, reach } = await findShards(c.env.DB, accountId, name);
    for (let shard = 0; shard < reach; shard++) {
      await poolOf(c.env, { accountId, pool: name, shard }).poke(inUse);
    }
    return c.json({ name, shards, shardsInUse: inUse }, 200);
  });
