/** The queue's side: what wakes the consumer, and that one consumer's slowness is nobody else's. */
import { createExecutionContext, waitOnExecutionContext } from "cloudflare:test";
import { afterEach, describe, expect, test, vi } from "vitest";
import { findDelivery, insertDeliveries } from "../../../edge/catalogue/webhook-deliveries.ts";
import { settingsOf } from "../../../edge/http/settings.ts";
import { newId } from "../../../edge/ids.ts";
import { handleQueue, sweepDeliveries } from "../../../edge/webhooks/consume.ts";
import { testEnv } from "../http/harness.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

async function pendingDelivery(nextAt: number): Promise<{ id: string; accountId: string }> {
  const id = newId("delivery", Date.now());
  const accountId = `acct-${crypto.randomUUID()}`;
  await insertDeliveries(testEnv.DB, [
    {
      id,
      accountId,
      jobId: newId("job", Date.now()),
      webhookId: null,
      url: "https://consumer.example.com/",
      type: "job.completed",
      traceId: null,
      ownHost: "telecine.test",
      body: "{}",
      state: "pending",
      tries: 0,
      maxTries: 4,
      nextAt,
      code: null,
      createdAt: nextAt,
      completedAt: null,
    },
  ]);
  return { id, accountId };
}

describe("the consumer", () => {
  test("is done with its batch while a sink still hangs, and settles the try behind it", async () => {
    const settings = settingsOf(testEnv);
    if (settings.status === "invalid") throw new Error(settings.detail);
    const { promise: answer, resolve } = Promise.withResolvers<Response>();
    vi.spyOn(globalThis, "fetch").mockReturnValue(answer);
    const { id, accountId } = await pendingDelivery(Date.now());
    const batch = { messages: [{ body: { deliveryId: id } }], ackAll: () => {} };
    const context = createExecutionContext();
    await handleQueue(
      batch as unknown as MessageBatch<{ deliveryId: string }>,
      testEnv,
      settings.settings,
      context,
    );
    expect(await findDelivery(testEnv.DB, accountId, id)).toMatchObject({ state: "pending" });
    resolve(new Response("ok"));
    await waitOnExecutionContext(context);
    expect(await findDelivery(testEnv.DB, accountId, id)).toMatchObject({ state: "delivered" });
  });
});

describe("the sweep", () => {
  test("wakes what is due before the next sweep at its time, and nothing later", async () => {
    const now = Date.now();
    const soon = await pendingDelivery(now + 20_500);
    const later = await pendingDelivery(now + 61_000);
    const woken = new Map<string, number>();
    const queue = {
      sendBatch: async (
        messages: Iterable<{ body: { deliveryId: string }; delaySeconds?: number }>,
      ) => {
        for (const { body, delaySeconds } of messages) {
          woken.set(body.deliveryId, delaySeconds ?? 0);
        }
      },
    } as unknown as typeof testEnv.WEBHOOK_QUEUE;
    await sweepDeliveries({ ...testEnv, WEBHOOK_QUEUE: queue }, now);
    expect(woken.get(soon.id)).toBe(21);
    expect(woken.has(later.id)).toBe(false);
  });
});
