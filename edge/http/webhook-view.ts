/** Webhook rows as clients see them. */
import {
  type Webhook,
  type WebhookDelivery,
  webhookEventTypes,
} from "../../protocol/http/webhooks.ts";
import type { DeliveryRow, TryRow } from "../catalogue/webhook-deliveries.ts";
import type { EndpointRow } from "../catalogue/webhook-endpoints.ts";
import { isoTime, isoTimeOrNull } from "./time.ts";

export function webhookView(row: EndpointRow): Webhook {
  return {
    webhookId: row.id,
    url: row.url,
    events: webhookEventTypes.filter((type) => row.events.includes(type)),
    description: row.description,
    state: row.state,
    disabledReason: row.disabledReason,
    createdAt: isoTime(row.createdAt),
  };
}

export function deliveryView(row: DeliveryRow, tries: readonly TryRow[]): WebhookDelivery {
  return {
    deliveryId: row.id,
    webhookId: row.webhookId,
    jobId: row.jobId,
    url: row.url,
    type: row.type,
    state: row.state,
    code: row.code === null ? null : "WEBHOOK_DELIVERY_FAILED",
    tries: row.tries,
    nextTryAt: row.state === "pending" ? isoTime(row.nextAt) : null,
    log: tries
      .filter((each) => each.deliveryId === row.id)
      .map((each) => ({
        try: each.try,
        startedAt: isoTime(each.startedAt),
        durationMs: each.durationMs,
        status: each.status,
        error: each.error,
      })),
    createdAt: isoTime(row.createdAt),
    completedAt: isoTimeOrNull(row.completedAt),
  };
}
