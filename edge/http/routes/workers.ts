/** `/v1/workers`: tokens for agents, what the fleet does, draining and revoking. */
import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import { pageQuerySchema } from "../../../protocol/http/common.ts";
import {
  createdWorkerTokenSchema,
  drainedSchema,
  type Worker,
  workerListSchema,
  workerTokenRequestSchema,
} from "../../../protocol/http/workers.ts";
import { ensurePool, findShards } from "../../catalogue/pools.ts";
import {
  findWorker,
  insertWorker,
  listWorkers,
  revokeWorker,
  type WorkerRow,
} from "../../catalogue/workers.ts";
import type { Env } from "../../env.ts";
import { newId } from "../../ids.ts";
import type { WorkerSnapshot } from "../../pool/rpc.ts";
import { poolOf } from "../../pool-stub.ts";
import { newSecret, sha256Hex } from "../../secrets.ts";
import { requireScope } from "../auth.ts";
import type { AppEnv } from "../context.ts";
import { ApiError } from "../errors.ts";
import { answers, commonErrors, idParameter, jsonRequest, noFields } from "../openapi.ts";
import { readPage, toPage } from "../pagination.ts";
import { isoTime, isoTimeOrNull } from "../time.ts";
import { workerView } from "../worker-view.ts";

const TOKEN_PREFIX = "wkt_";

const WORKER_ID = "wkr_01KAPZ5Y7M3T3V1H1ZK3N0Q9RA";
const params = idParameter("workerId", WORKER_ID);
const tags = ["Workers"];

const tokenExample = {
  workerId: WORKER_ID,
  token: "wkt_...",
  name: "gpu-1",
  pool: "default",
  createdAt: "2026-11-22T17:01:02.345Z",
  expiresAt: null,
};
const workerExample: Worker = {
  workerId: WORKER_ID,
  name: "gpu-1",
  pool: "default",
  state: "connected",
  connected: true,
  slots: 2,
  busy: 0,
  leases: [],
  capabilities: null,
  createdAt: tokenExample.createdAt,
  expiresAt: null,
  lastSeenAt: "2026-11-22T17:02:00.000Z",
};

const createTokenRoute = createRoute({
  method: "post",
  path: "/workers/tokens",
  operationId: "createWorkerToken",
  tags,
  summary: "Make a worker and its token; the token is shown this once",
  middleware: requireScope("admin"),
  request: { body: jsonRequest(workerTokenRequestSchema, { name: "gpu-1", pool: "default" }) },
  responses: answers({ 201: { schema: createdWorkerTokenSchema, example: tokenExample } }, [
    "VALIDATION_ERROR",
    "IDEMPOTENCY_MISMATCH",
    ...commonErrors,
  ]),
});

const listWorkersRoute = createRoute({
  method: "get",
  path: "/workers",
  operationId: "listWorkers",
  tags,
  summary: "Workers that are not revoked, newest first, with what they do now",
  middleware: requireScope("read"),
  request: { query: pageQuerySchema },
  responses: answers(
    { 200: { schema: workerListSchema, example: { workers: [workerExample], nextCursor: null } } },
    ["VALIDATION_ERROR", ...commonErrors],
  ),
});

const drainRoute = createRoute({
  method: "post",
  path: "/workers/{workerId}/drain",
  operationId: "drainWorker",
  tags,
  summary:
    "Let a worker finish what it holds, and give it nothing new until its agent is started again",
  middleware: requireScope("admin"),
  request: { params, body: noFields },
  responses: answers(
    { 200: { schema: drainedSchema, example: { draining: true, workerId: WORKER_ID } } },
    ["NOT_FOUND", ...commonErrors],
  ),
});

const revokeRoute = createRoute({
  method: "delete",
  path: "/workers/{workerId}",
  operationId: "revokeWorker",
  tags,
  summary: "Revoke a worker: its sockets are closed and its leases ended",
  middleware: requireScope("admin"),
  request: { params },
  responses: {
    204: { description: "Revoked." },
    ...answers({}, ["NOT_FOUND", ...commonErrors]),
  },
});

const poolOfWorker = (env: Env, row: WorkerRow) =>
  poolOf(env, { accountId: row.accountId, pool: row.pool, shard: row.shard });

async function requireWorker(env: Env, accountId: string, workerId: string): Promise<WorkerRow> {
  const row = await findWorker(env.DB, accountId, workerId);
  if (row === null) throw new ApiError("NOT_FOUND", `No worker with id '${workerId}' exists.`);
  return row;
}

/** What the pools of these workers say of them; a pool that does not answer says nothing. */
async function liveWorkers(
  env: Env,
  rows: readonly WorkerRow[],
): Promise<ReadonlyMap<string, WorkerSnapshot>> {
  const onePerPool = [...new Map(rows.map((row) => [`${row.pool}/${row.shard}`, row])).values()];
  const answered = await Promise.allSettled(
    onePerPool.map((row) => poolOfWorker(env, row).workers()),
  );
  // One that was moved is known where it was, too, as gone from there: only the shard that it is in counts.
  const nameOf = (row: WorkerRow) => `${row.id} ${row.pool}/${row.shard}`;
  const placed = new Set(rows.map(nameOf));
  const live = onePerPool.flatMap((row, at) => {
    const answer = answered[at];
    const workers = answer?.status === "fulfilled" ? answer.value : [];
    return workers.filter(({ workerId }) => placed.has(nameOf({ ...row, id: workerId })));
  });
  return new Map(live.map((worker) => [worker.workerId, worker]));
}

export const workerRoutes = new OpenAPIHono<AppEnv>()
  .openapi(createTokenRoute, async (c) => {
    const { name, pool, expiresInSeconds } = c.req.valid("json");
    const { accountId } = c.get("principal");
    const now = Date.now();
    const token = newSecret(TOKEN_PREFIX);
    const row: WorkerRow = {
      id: newId("worker", now),
      accountId,
      pool,
      name,
      tokenHash: await sha256Hex(token),
      createdAt: now,
      expiresAt: expiresInSeconds === undefined ? null : now + expiresInSeconds * 1000,
      revokedAt: null,
      shard: 0,
      lentTo: null,
      lastHello: null,
      lastSeenAt: null,
    };
    await ensurePool(c.env.DB, accountId, pool, now);
    await insertWorker(c.env.DB, row);
    const answer = {
      workerId: row.id,
      token,
      name,
      pool,
      createdAt: isoTime(now),
      expiresAt: isoTimeOrNull(row.expiresAt),
    };
    return c.json(answer, 201);
  })
  .openapi(listWorkersRoute, async (c) => {
    const query = c.req.valid("query");
    const { accountId } = c.get("principal");
    const rows = await listWorkers(c.env.DB, accountId, readPage("worker", query));
    const { items, nextCursor } = toPage(rows, query.limit, (row) => row.id);
    const live = await liveWorkers(c.env, items);
    const workers = items.map((row) => workerView(row, live.get(row.id) ?? null));
    return c.json({ workers, nextCursor }, 200);
  })
  .openapi(drainRoute, async (c) => {
    const { workerId } = c.req.valid("param");
    const row = await requireWorker(c.env, c.get("principal").accountId, workerId);
    await poolOfWorker(c.env, row).drain(workerId);
    return c.json({ draining: true as const, workerId }, 200);
  })
  .openapi(revokeRoute, async (c) => {
    const { workerId } = c.req.valid("param");
    const row = await requireWorker(c.env, c.get("principal").accountId, workerId);
    // The pool first: once the row is revoked nobody could ask for this again, should the call fail.
    // Every shard refuses it from then on: it may be moved to any.
    const { reach } = await findShards(c.env.DB, row.accountId, row.pool);
    for (let shard = 0; shard < reach; shard++) {
      await poolOfWorker(c.env, { ...row, shard }).revoke(workerId);
    }
    await revokeWorker(c.env.DB, workerId, Date.now());
    return c.body(null, 204);
  });
