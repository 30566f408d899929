/** `/v1/keys`: keys are made, listed without their secret, and revoked. For admins. */
import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import {
  createdKeySchema,
  type Key,
  keyListQuerySchema,
  keyListSchema,
  keyRequestSchema,
} from "../../../protocol/http/keys.ts";
import { ensureAccount } from "../../catalogue/accounts.ts";
import { type ApiKeyRow, insertKey, listKeys, revokeKey } from "../../catalogue/keys.ts";
import { newId } from "../../ids.ts";
import { newSecret, sha256Hex } from "../../secrets.ts";
import { requireScope } from "../auth.ts";
import type { AppEnv, Principal } from "../context.ts";
import { ApiError } from "../errors.ts";
import { answers, commonErrors, idParameter, jsonRequest } from "../openapi.ts";
import { readPage, toPage } from "../pagination.ts";
import { isoTime, isoTimeOrNull } from "../time.ts";

const KEY_PREFIX = "tlk_";

const example = {
  keyId: "key_01KAPZ5Y7M3T3V1H1ZK3N0Q9RA",
  name: "ingest",
  scopes: ["write" as const],
  accountId: "default",
  createdAt: "2026-11-22T17:01:02.345Z",
  expiresAt: null,
};

const createKey = createRoute({
  method: "post",
  path: "/keys",
  operationId: "createKey",
  tags: ["Keys"],
  summary: "Make a key; it is shown this once",
  middleware: requireScope("admin"),
  request: { body: jsonRequest(keyRequestSchema, { name: "ingest", scopes: ["write"] }) },
  responses: answers(
    { 201: { schema: createdKeySchema, example: { ...example, key: "tlk_..." } } },
    ["VALIDATION_ERROR", "IDEMPOTENCY_MISMATCH", ...commonErrors],
  ),
});

const listRoute = createRoute({
  method: "get",
  path: "/keys",
  operationId: "listKeys",
  tags: ["Keys"],
  summary: "Keys that are not revoked, newest first",
  middleware: requireScope("admin"),
  request: { query: keyListQuerySchema },
  responses: answers(
    { 200: { schema: keyListSchema, example: { keys: [example], nextCursor: null } } },
    ["VALIDATION_ERROR", ...commonErrors],
  ),
});

const revokeRoute = createRoute({
  method: "delete",
  path: "/keys/{keyId}",
  operationId: "revokeKey",
  tags: ["Keys"],
  summary: "Revoke a key, at once",
  middleware: requireScope("admin"),
  request: { params: idParameter("keyId", example.keyId) },
  responses: {
    204: { description: "Revoked." },
    ...answers({}, ["NOT_FOUND", ...commonErrors]),
  },
});

function keyView(row: ApiKeyRow): Key {
  return {
    keyId: row.id,
    name: row.name,
    scopes: row.scopes,
    accountId: row.accountId,
    createdAt: isoTime(row.createdAt),
    expiresAt: isoTimeOrNull(row.expiresAt),
  };
}

/** The account that a request is about: the caller's, unless the root key names another. */
function accountOf(principal: Principal, named: string | undefined): string {
  if (named !== undefined && named !== principal.accountId && !principal.isRoot) {
    throw new ApiError("FORBIDDEN", "accountId: only ROOT_API_KEY may name another account.");
  }
  return named ?? principal.accountId;
}

export const keyRoutes = new OpenAPIHono<AppEnv>()
  .openapi(createKey, async (c) => {
    const request = c.req.valid("json");
    const now = Date.now();
    const accountId = accountOf(c.get("principal"), request.accountId);
    const key = newSecret(KEY_PREFIX);
    const row: ApiKeyRow = {
      id: newId("key", now),
      accountId,
      name: request.name,
      hash: await sha256Hex(key),
      scopes: request.scopes,
      createdAt: now,
      expiresAt:
        request.expiresInSeconds === undefined ? null : now + request.expiresInSeconds * 1000,
      revokedAt: null,
    };
    await ensureAccount(c.env.DB, accountId, now);
    await insertKey(c.env.DB, row);
    return c.json({ ...keyView(row), key }, 201);
  })
  .openapi(listRoute, async (c) => {
    const { accountId, ...query } = c.req.valid("query");
    const rows = await listKeys(
      c.env.DB,
      accountOf(c.get("principal"), accountId),
      readPage("key", query),
    );
    const { items, nextCursor } = toPage(rows, query.limit, (row) => row.id);
    return c.json({ keys: items.map(keyView), nextCursor }, 200);
  })
  .openapi(revokeRoute, async (c) => {
    const { keyId } = c.req.valid("param");
    const principal = c.get("principal");
    const scope = principal.isRoot ? null : principal.accountId;
    if ((await revokeKey(c.env.DB, scope, keyId, Date.now())) === "missing") {
      throw new ApiError("NOT_FOUND", `No key with id '${keyId}' exists.`);
    }
    return c.body(null, 204);
  });
