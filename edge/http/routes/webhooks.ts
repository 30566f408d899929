/** `/v1/webhooks`: an account's endpoints and their secrets. */
import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { pageQuerySchema } from "../../../protocol/http/common.ts";
import {
  createdWebhookSchema,
  deliverySchema,
  rotatedSecretSchema,
  type Webhook,
  webhookListSchema,
  webhookPatchSchema,
  webhookRequestSchema,
  webhookSchema,
} from "../../../protocol/http/webhooks.ts";
import {
  deleteEndpoint,
  type EndpointRow,
  findEndpoint,
  insertEndpoint,
  listEndpoints,
  MAX_ENDPOINTS,
  rotateEndpointSecret,
  updateEndpoint,
} from "../../catalogue/webhook-endpoints.ts";
import { newId } from "../../ids.ts";
import { ROTATION_OVERLAP_MS, type SecretVersions, webhookSecret } from "../../webhooks/secrets.ts";
import { sendTest } from "../../webhooks/send-test.ts";
import { checkWebhookUrl } from "../../webhooks/url-rules.ts";
import { requireScope } from "../auth.ts";
import type { AppEnv } from "../context.ts";
import { ApiError } from "../errors.ts";
import { answers, commonErrors, idParameter, jsonRequest, noFields } from "../openapi.ts";
import { readPage, toPage } from "../pagination.ts";
import { isoTime } from "../time.ts";
import { deliveryView, webhookView } from "../webhook-view.ts";

const example: Webhook = {
  webhookId: "whk_01KAPZ5Y7M3T3V1H1ZK3N0Q9RA",
  url: "https://example.com/hooks/telecine",
  events: ["job.completed", "job.failed"],
  description: null,
  state: "enabled",
  disabledReason: null,
  createdAt: "2026-11-22T17:01:02.345Z",
};
export const exampleDelivery = {
  deliveryId: "dlv_01KAPZ5Y7M3T3V1H1ZK3N0Q9RB",
  webhookId: example.webhookId,
  jobId: "job_01KAPZ5Y7M3T3V1H1ZK3N0Q9RC",
  url: example.url,
  type: "job.completed",
  state: "delivered" as const,
  code: null,
  tries: 1,
  nextTryAt: null,
  log: [{ try: 1, startedAt: example.createdAt, durationMs: 84, status: 200, error: null }],
  createdAt: example.createdAt,
  completedAt: "2026-11-22T17:01:02.429Z",
};

const read = requireScope("read");
const write = requireScope("write");
const params = idParameter("webhookId", example.webhookId);

const createEndpoint = createRoute({
  method: "post",
  path: "/webhooks",
  operationId: "createWebhook",
  tags: ["Webhooks"],
  summary: "Register an endpoint; its secret is in this answer",
  middleware: write,
  request: {
    body: jsonRequest(webhookRequestSchema, { url: example.url, events: example.events }),
  },
  responses: answers(
    { 201: { schema: createdWebhookSchema, example: { ...example, secret: "whsec_..." } } },
    ["VALIDATION_ERROR", "IDEMPOTENCY_MISMATCH", ...commonErrors],
  ),
});

const listRoute = createRoute({
  method: "get",
  path: "/webhooks",
  operationId: "listWebhooks",
  tags: ["Webhooks"],
  summary: "The account's endpoints, newest first",
  middleware: read,
  request: { query: pageQuerySchema },
  responses: answers(
    { 200: { schema: webhookListSchema, example: { webhooks: [example], nextCursor: null } } },
    ["VALIDATION_ERROR", ...commonErrors],
  ),
});

const showEndpoint = createRoute({
  method: "get",
  path: "/webhooks/{webhookId}",
  operationId: "getWebhook",
  tags: ["Webhooks"],
  summary: "One endpoint",
  middleware: read,
  request: { params },
  responses: answers({ 200: { schema: webhookSchema, example } }, ["NOT_FOUND", ...commonErrors]),
});

const changeEndpoint = createRoute({
  method: "patch",
  path: "/webhooks/{webhookId}",
  operationId: "updateWebhook",
  tags: ["Webhooks"],
  summary: "Change an endpoint; enabling one that answered 410 is done here",
  middleware: write,
  request: { params, body: jsonRequest(webhookPatchSchema, { state: "enabled" }) },
  responses: answers({ 200: { schema: webhookSchema, example } }, [
    "VALIDATION_ERROR",
    "NOT_FOUND",
    ...commonErrors,
  ]),
});

const removeEndpoint = createRoute({
  method: "delete",
  path: "/webhooks/{webhookId}",
  operationId: "deleteWebhook",
  tags: ["Webhooks"],
  summary: "Remove an endpoint; deliveries that wait for it fail",
  middleware: write,
  request: { params },
  responses: {
    204: { description: "Removed." },
    ...answers({}, ["NOT_FOUND", ...commonErrors]),
  },
});

const testEndpoint = createRoute({
  method: "post",
  path: "/webhooks/{webhookId}/test",
  operationId: "testWebhook",
  tags: ["Webhooks"],
  summary: "Send a webhook.test event",
  middleware: write,
  request: { params, body: noFields },
  responses: answers({ 202: { schema: deliverySchema, example: exampleDelivery } }, [
    "NOT_FOUND",
    ...commonErrors,
  ]),
});

const rotateEndpoint = createRoute({
  method: "post",
  path: "/webhooks/{webhookId}/rotate-secret",
  operationId: "rotateWebhookEndpointSecret",
  tags: ["Webhooks"],
  summary: "Make a new secret; the one before signs, too, for a day",
  middleware: write,
  request: { params, body: noFields },
  responses: answers({ 200: { schema: rotatedSecretSchema } }, ["NOT_FOUND", ...commonErrors]),
});

function missing(webhookId: string): ApiError {
  return new ApiError("NOT_FOUND", `No webhook with id '${webhookId}' exists.`);
}

/** The URL in its normal form, or a VALIDATION_ERROR that names the field and the rule. */
function acceptedWebhookUrl(c: Context<AppEnv>, field: string, url: string): string {
  const verdict = checkWebhookUrl(url, {
    allowInsecure: c.get("settings").allowInsecureWebhooks,
    ownHosts: [new URL(c.req.url).host],
  });
  if (verdict.status === "refused") {
    throw new ApiError("VALIDATION_ERROR", `${field} ${verdict.rule}`);
  }
  return verdict.url;
}

/** A secret and how long the one before it goes on signing. */
export async function secretView(
  signingSecret: string,
  owner: Parameters<typeof webhookSecret>[1],
  { version, rotatedAt }: SecretVersions,
) {
  return {
    secret: await webhookSecret(signingSecret, owner, version),
    previousUntil: rotatedAt === null ? null : isoTime(rotatedAt + ROTATION_OVERLAP_MS),
  };
}

export const webhookRoutes = new OpenAPIHono<AppEnv>()
  .openapi(createEndpoint, async (c) => {
    const request = c.req.valid("json");
    const now = Date.now();
    const row: EndpointRow = {
      id: newId("webhook", now),
      accountId: c.get("principal").accountId,
      url: acceptedWebhookUrl(c, "url", request.url),
      events: request.events,
      description: request.description ?? null,
      secretVersion: 1,
      secretRotatedAt: null,
      state: "enabled",
      disabledReason: null,
      createdAt: now,
    };
    if ((await insertEndpoint(c.env.DB, row)) === "too_many") {
      throw new ApiError(
        "VALIDATION_ERROR",
        `An account has at most ${MAX_ENDPOINTS} webhooks: delete one first.`,
      );
    }
    const owner = { kind: "endpoint" as const, id: row.id };
    const secret = await webhookSecret(c.get("settings").signingSecret, owner, 1);
    return c.json({ ...webhookView(row), secret }, 201);
  })
  .openapi(listRoute, async (c) => {
    const query = c.req.valid("query");
    const page = readPage("webhook", query);
    const rows = await listEndpoints(c.env.DB, c.get("principal").accountId, page);
    const { items, nextCursor } = toPage(rows, query.limit, (row) => row.id);
    return c.json({ webhooks: items.map(webhookView), nextCursor }, 200);
  })
  .openapi(showEndpoint, async (c) => {
    const { webhookId } = c.req.valid("param");
    const row = await findEndpoint(c.env.DB, c.get("principal").accountId, webhookId);
    if (row === null) throw missing(webhookId);
    return c.json(webhookView(row), 200);
  })
  .openapi(changeEndpoint, async (c) => {
    const { webhookId } = c.req.valid("param");
    const { url, events, description, state } = c.req.valid("json");
    const row = await updateEndpoint(c.env.DB, c.get("principal").accountId, webhookId, {
      ...(url === undefined ? {} : { url: acceptedWebhookUrl(c, "url", url) }),
      ...(events === undefined ? {} : { events }),
      ...(description === undefined ? {} : { description }),
      ...(state === undefined
        ? {}
        : { state, disabledReason: state === "disabled" ? "by_request" : null }),
    });
    if (row === null) throw missing(webhookId);
    return c.json(webhookView(row), 200);
  })
  .openapi(removeEndpoint, async (c) => {
    const { webhookId } = c.req.valid("param");
    const outcome = await deleteEndpoint(c.env.DB, c.get("principal").accountId, webhookId);
    if (outcome === "missing") throw missing(webhookId);
    return c.body(null, 204);
  })
  .openapi(testEndpoint, async (c) => {
    const { webhookId } = c.req.valid("param");
    const row = await findEndpoint(c.env.DB, c.get("principal").accountId, webhookId);
    if (row === null) throw missing(webhookId);
    const now = Date.now();
    const deps = {
      db: c.env.DB,
      queue: c.env.WEBHOOK_QUEUE,
      settings: c.get("settings"),
      now,
    };
    const origin = { ownHost: new URL(c.req.url).host, traceId: c.get("traceId") };
    const delivery = await sendTest(deps, row, newId("delivery", now), origin);
    return c.json(deliveryView(delivery, []), 202);
  })
  .openapi(rotateEndpoint, async (c) => {
    const { webhookId } = c.req.valid("param");
    const { accountId } = c.get("principal");
    const versions = await rotateEndpointSecret(c.env.DB, accountId, webhookId, Date.now());
    if (versions === null) throw missing(webhookId);
    const owner = { kind: "endpoint" as const, id: webhookId };
    return c.json(await secretView(c.get("settings").signingSecret, owner, versions), 200);
  });
