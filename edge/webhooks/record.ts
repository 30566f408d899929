/** From an event to its deliveries: rows first, wake-ups after. */
import { terminalEventTypes } from "../../protocol/http/webhooks.ts";
import { type DeliveryRow, insertDeliveries } from "../catalogue/webhook-deliveries.ts";
import { endpointsFor } from "../catalogue/webhook-endpoints.ts";
import type { Env, Settings } from "../env.ts";
import { deliveryIdOf } from "./delivery-id.ts";

export type WebhookQueue = Env["WEBHOOK_QUEUE"];

export interface RecordDeps {
  readonly db: D1Database;
  readonly queue: WebhookQueue;
  readonly settings: Pick<Settings, "webhookMaxRetries">;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

export interface JobEvent {
  /** `${jobId}.${sequence}`: what the deliveries' ids derive from. */
  readonly eventId: string;
  readonly accountId: string;
  readonly jobId: string;
  readonly traceId: string | null;
  /** `job.completed`, `job.started`, ... */
  readonly type: string;
  /** When it happened, milliseconds. */
  readonly timestamp: number;
  readonly data: unknown;
  /** The job's own target; it gets terminal events. */
  readonly webhookUrl: string | null;
  /** Origin of this service as the job's client knew it. */
  readonly origin: string;
}

export interface Target {
  /** Null for the job's own. */
  readonly webhookId: string | null;
  readonly url: string;
}

/** Says where events go. Endpoints are looked up once for each account and type: make one for each round of events. */
export function createTargeting(
  db: D1Database,
): (event: Pick<JobEvent, "accountId" | "type" | "webhookUrl">) => Promise<readonly Target[]> {
  const lookups = new Map<string, Promise<readonly Target[]>>();
  const endpointsOf = (accountId: string, type: string) => {
    const name = `${accountId}/${type}`;
    const lookup =
      lookups.get(name) ??
      endpointsFor(db, accountId, type).then((rows) =>
        rows.map(({ id, url }) => ({ webhookId: id, url })),
      );
    lookups.set(name, lookup);
    return lookup;
  };
  return async ({ accountId, type, webhookUrl }) => {
    const endpoints = await endpointsOf(accountId, type);
    const isTerminal = (terminalEventTypes as readonly string[]).includes(type);
    return webhookUrl !== null && isTerminal
      ? [...endpoints, { webhookId: null, url: webhookUrl }]
      : endpoints;
  };
}

/**
 * Records an event for these targets, then wakes the consumer. Recording it again changes nothing but wakes again: a
 * wake-up may have been lost.
 */
export async function recordFor(
  deps: RecordDeps,
  event: JobEvent,
  targets: readonly Target[],
): Promise<void> {
  const rows = await deliveriesOf(deps, event, targets);
  await insertDeliveries(deps.db, rows);
  await wakeAll(
    deps.queue,
    rows.map((row) => ({ id: row.id, inMs: 0 })),
  );
}

async function deliveriesOf(
  deps: RecordDeps,
  event: JobEvent,
  targets: readonly Target[],
): Promise<DeliveryRow[]> {
  const body = JSON.stringify({
    type: event.type,
    timestamp: new Date(event.timestamp).toISOString(),
    data: event.data,
  });
  return Promise.all(
    targets.map(async ({ webhookId, url }) => ({
      id: await deliveryIdOf(event.eventId, webhookId ?? url, event.timestamp),
      accountId: event.accountId,
      jobId: event.jobId,
      webhookId,
      url,
      type: event.type,
      traceId: event.traceId,
      ownHost: new URL(event.origin).host,
      body,
      state: "pending" as const,
      tries: 0,
      maxTries: 1 + deps.settings.webhookMaxRetries,
      nextAt: deps.now,
      code: null,
      createdAt: deps.now,
      completedAt: null,
    })),
  );
}

/**
 * Wakes the consumer for each delivery in so many milliseconds; a queue's delays are whole seconds. At most 100
 * messages go in one batch (platform limit, 2026-10).
 */
export async function wakeAll(
  queue: WebhookQueue,
  deliveries: readonly { readonly id: string; readonly inMs: number }[],
): Promise<void> {
  for (let at = 0; at < deliveries.length; at += 100) {
    await queue.sendBatch(
      deliveries.slice(at, at + 100).map(({ id, inMs }) => ({
        body: { deliveryId: id },
        ...(inMs > 0 ? { delaySeconds: Math.ceil(inMs / 1000) } : {}),
      })),
    );
  }
}
