import type { IdOf } from "../../protocol/ids.ts";
import { type DeliveryRow, insertDeliveries } from "../catalogue/webhook-deliveries.ts";
import type { EndpointRow } from "../catalogue/webhook-endpoints.ts";
import { type RecordDeps, wakeAll } from "./record.ts";

/** Records a `webhook.test` delivery for one endpoint: the same path, signature and log as a real one. */
export async function sendTest(
  deps: RecordDeps,
  endpoint: EndpointRow,
  id: IdOf<"delivery">,
  { ownHost, traceId }: Pick<DeliveryRow, "ownHost" | "traceId">,
): Promise<DeliveryRow> {
  const row: DeliveryRow = {
    id,
    accountId: endpoint.accountId,
    jobId: null,
    webhookId: endpoint.id,
    url: endpoint.url,
    type: "webhook.test",
    traceId,
    ownHost,
    body: JSON.stringify({
      type: "webhook.test",
      timestamp: new Date(deps.now).toISOString(),
      data: { webhookId: endpoint.id },
    }),
    state: "pending",
    tries: 0,
    maxTries: 1 + deps.settings.webhookMaxRetries,
    nextAt: deps.now,
    code: null,
    createdAt: deps.now,
    completedAt: null,
  };
  await insertDeliveries(deps.db, [row]);
  await wakeAll(deps.queue, [{ id: row.id, inMs: 0 }]);
  return row;
}
