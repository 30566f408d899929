/** `GET /v1/workers/connect`: where agents dial in. Their token is the credential, not an API key. */
import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { SUBPROTOCOL } from "../../../protocol/messages.ts";
import { findWorkerByToken, type WorkerRow } from "../../catalogue/workers.ts";
import { workerHeaders } from "../../pool/rpc.ts";
import { poolNameOf } from "../../pool-name.ts";
import { sha256Hex } from "../../secrets.ts";
import { bearerToken } from "../auth.ts";
import type { AppEnv } from "../context.ts";
import { ApiError } from "../errors.ts";
import { answers } from "../openapi.ts";
import { shardForSocket } from "../shards.ts";

const route = createRoute({
  method: "get",
  path: "/workers/connect",
  operationId: "connectWorker",
  tags: ["Workers"],
  summary: "The agents' socket",
  description:
    `A WebSocket of the subprotocol \`${SUBPROTOCOL}\`. The token comes as \`Authorization: Bearer\`, or ` +
    "as a second subprotocol where a client cannot set headers.",
  security: [],
  responses: {
    101: { description: "The socket is open." },
    ...answers({}, ["VALIDATION_ERROR", "UNAUTHORIZED"]),
  },
});

function offeredProtocols(c: Context<AppEnv>): readonly string[] {
  const offered = c.req.header("sec-websocket-protocol") ?? "";
  return offered.split(",").map((name) => name.trim());
}

/** Refuses what is not the upgrade of an agent. */
function requireUpgrade(c: Context<AppEnv>): void {
  if (c.req.header("upgrade")?.toLowerCase() !== "websocket") {
    throw new ApiError("VALIDATION_ERROR", "The header Upgrade must be 'websocket'.");
  }
  if (!offeredProtocols(c).includes(SUBPROTOCOL)) {
    throw new ApiError(
      "VALIDATION_ERROR",
      `The header Sec-WebSocket-Protocol must offer '${SUBPROTOCOL}'.`,
    );
  }
}

async function identifyWorker(c: Context<AppEnv>): Promise<WorkerRow> {
  const token = bearerToken(c) ?? offeredProtocols(c).find((name) => name.startsWith("wkt_"));
  if (token === undefined) {
    throw new ApiError("UNAUTHORIZED", "No worker token was given.");
  }
  const row = await findWorkerByToken(c.env.DB, await sha256Hex(token));
  if (row === null) throw new ApiError("UNAUTHORIZED", "The worker token is not known.");
  if (row.revokedAt !== null) {
    throw new ApiError("UNAUTHORIZED", "The worker token has been revoked.");
  }
  if (row.expiresAt !== null && row.expiresAt <= Date.now()) {
    throw new ApiError("UNAUTHORIZED", "The worker token has expired.");
  }
  return row;
}

/**
 * The request as the pool sees it: made anew, so that nothing an agent claims about itself gets through, and
 * the token goes no further than here.
 */
function toPoolRequest(c: Context<AppEnv>, worker: WorkerRow): Request {
  return new Request("https://pool/connect", {
    headers: {
      upgrade: "websocket",
      "sec-websocket-protocol": SUBPROTOCOL,
      [workerHeaders.workerId]: worker.id,
      [workerHeaders.workerName]: encodeURIComponent(worker.name),
      ...(worker.expiresAt === null
        ? {}
        : { [workerHeaders.tokenEndsAt]: String(worker.expiresAt) }),
      [workerHeaders.requestId]: c.get("requestId"),
      [workerHeaders.traceId]: c.get("traceId"),
    },
  });
}

export const connectRoutes = new OpenAPIHono<AppEnv>().openapi(route, async (c) => {
  // Who knocks is judged first: a token can then be tried without taking the place of the agent that uses it.
  const worker = await identifyWorker(c);
  requireUpgrade(c);
  const { accountId, pool } = worker;
  const shard = await shardForSocket(c.env, worker);
  const stub = c.env.POOL.getByName(poolNameOf({ accountId, pool, shard }));
  return stub.fetch(toPoolRequest(c, worker));
});
