/**
 * `/v1/webhooks/secret` and `/v1/webhooks/deliveries`: the account's secret, and the log of every try.
 * Mounted before `/v1/webhooks/{webhookId}`, which would take these paths for ids.
 */
import { createRoute, OpenAPIHono } from "@hono/zod-openapi";
import {
  deliveryListQuerySchema,
  deliveryListSchema,
  deliverySchema,
  rotatedSecretSchema,
  webhookSecretSchema,
} from "../../../protocol/http/webhooks.ts";
import {
  findDelivery,
  listDeliveries,
  redeliver,
  triesOf,
} from "../../catalogue/webhook-deliveries.ts";
import { accountSecretVersions, rotateAccountSecret } from "../../catalogue/webhook-endpoints.ts";
import { wakeAll } from "../../webhooks/record.ts";
import { requireScope } from "../auth.ts";
import type { AppEnv } from "../context.ts";
import { ApiError } from "../errors.ts";
import { answers, commonErrors, idParameter, noFields } from "../openapi.ts";
import { readPage, toPage } from "../pagination.ts";
import { deliveryView } from "../webhook-view.ts";
import { exampleDelivery, secretView } from "./webhooks.ts";

const read = requireScope("read");
const write = requireScope("write");
const params = idParameter("deliveryId", exampleDelivery.deliveryId);

const showSecret = createRoute({
  method: "get",
  path: "/webhooks/secret",
  operationId: "getWebhookSecret",
  tags: ["Webhooks"],
  summary: "The secret that signs deliveries to a job's webhookUrl",
  // Whoever knows it can forge deliveries: more than a reader should.
  middleware: write,
  responses: answers({ 200: { schema: webhookSecretSchema } }, [...commonErrors]),
});

const rotateSecret = createRoute({
  method: "post",
  path: "/webhooks/secret/rotate",
  operationId: "rotateWebhookSecret",
  tags: ["Webhooks"],
  summary: "Make a new account secret; the one before signs, too, for a day",
  middleware: write,
  request: { body: noFields },
  responses: answers({ 200: { schema: rotatedSecretSchema } }, [...commonErrors]),
});

const listRoute = createRoute({
  method: "get",
  path: "/webhooks/deliveries",
  operationId: "listWebhookDeliveries",
  tags: ["Webhooks"],
  summary: "The delivery log, newest first",
  middleware: read,
  request: { query: deliveryListQuerySchema },
  responses: answers(
    {
      200: {
        schema: deliveryListSchema,
        example: { deliveries: [exampleDelivery], nextCursor: null },
      },
    },
    ["VALIDATION_ERROR", ...commonErrors],
  ),
});

const showDelivery = createRoute({
  method: "get",
  path: "/webhooks/deliveries/{deliveryId}",
  operationId: "getWebhookDelivery",
  tags: ["Webhooks"],
  summary: "One delivery with its tries",
  middleware: read,
  request: { params },
  responses: answers({ 200: { schema: deliverySchema, example: exampleDelivery } }, [
    "NOT_FOUND",
    ...commonErrors,
  ]),
});

const redeliverRoute = createRoute({
  method: "post",
  path: "/webhooks/deliveries/{deliveryId}/redeliver",
  operationId: "redeliverWebhook",
  tags: ["Webhooks"],
  summary: "Send a delivery again, under the same webhook-id, with a fresh set of tries",
  middleware: write,
  request: { params, body: noFields },
  responses: answers({ 202: { schema: deliverySchema, example: exampleDelivery } }, [
    "NOT_FOUND",
    ...commonErrors,
  ]),
});

function missing(deliveryId: string): ApiError {
  return new ApiError("NOT_FOUND", `No delivery with id '${deliveryId}' exists.`);
}

export const webhookDeliveryRoutes = new OpenAPIHono<AppEnv>()
  .openapi(showSecret, async (c) => {
    const { accountId } = c.get("principal");
    const versions = await accountSecretVersions(c.env.DB, accountId);
    const owner = { kind: "account" as const, id: accountId };
    return c.json(await secretView(c.get("settings").signingSecret, owner, versions), 200);
  })
  .openapi(rotateSecret, async (c) => {
    const { accountId } = c.get("principal");
    const versions = await rotateAccountSecret(c.env.DB, accountId, Date.now());
    const owner = { kind: "account" as const, id: accountId };
    return c.json(await secretView(c.get("settings").signingSecret, owner, versions), 200);
  })
  .openapi(listRoute, async (c) => {
    const { jobId, webhookId, ...query } = c.req.valid("query");
    const page = readPage("delivery", query);
    const { accountId } = c.get("principal");
    const rows = await listDeliveries(c.env.DB, accountId, { jobId, webhookId }, page);
    const { items, nextCursor } = toPage(rows, query.limit, (row) => row.id);
    const tries = await triesOf(
      c.env.DB,
      items.map((row) => row.id),
    );
    return c.json({ deliveries: items.map((row) => deliveryView(row, tries)), nextCursor }, 200);
  })
  .openapi(showDelivery, async (c) => {
    const { deliveryId } = c.req.valid("param");
    const row = await findDelivery(c.env.DB, c.get("principal").accountId, deliveryId);
    if (row === null) throw missing(deliveryId);
    return c.json(deliveryView(row, await triesOf(c.env.DB, [row.id])), 200);
  })
  .openapi(redeliverRoute, async (c) => {
    const { deliveryId } = c.req.valid("param");
    const row = await redeliver(
      c.env.DB,
      c.get("principal").accountId,
      deliveryId,
      1 + c.get("settings").webhookMaxRetries,
      Date.now(),
    );
    if (row === null) throw missing(deliveryId);
    await wakeAll(c.env.WEBHOOK_QUEUE, [{ id: row.id, inMs: 0 }]);
    return c.json(deliveryView(row, await triesOf(c.env.DB, [row.id])), 202);
  });
