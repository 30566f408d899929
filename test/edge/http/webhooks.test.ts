import { describe, expect, test } from "vitest";
import type { Webhook, WebhookDelivery } from "../../../protocol/http/webhooks.ts";
import { call, makeKey, refusal } from "./harness.ts";

const url = "https://example.com/hook";

async function makeWebhook(key?: string): Promise<Webhook & { secret: string }> {
  const answer = await call("/v1/webhooks", { json: { url }, ...(key ? { key } : {}) });
  expect(answer.status).toBe(201);
  return answer.json();
}

describe("a webhook", () => {
  test("is made with its secret, which no later answer shows", async () => {
    const made = await makeWebhook();
    expect(made.secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
    expect(made.events).toEqual(["job.completed", "job.failed", "job.cancelled", "job.rejected"]);
    const shown = await (await call(`/v1/webhooks/${made.webhookId}`)).text();
    expect(shown).toContain(made.webhookId);
    expect(shown).not.toContain("whsec_");
  });

  test("with a URL that is not https, or private, is refused by name and rule", async () => {
    expect(
      await refusal(call("/v1/webhooks", { json: { url: "http://example.com/" } })),
    ).toMatchObject({ status: 400, detail: "url must use https://" });
    expect(
      await refusal(call("/v1/webhooks", { json: { url: "https://10.0.0.1/" } })),
    ).toMatchObject({ detail: "url must name a host, not an IP address" });
    const made = await makeWebhook();
    expect(
      await refusal(
        call(`/v1/webhooks/${made.webhookId}`, {
          method: "PATCH",
          json: { url: "https://printer.local/" },
        }),
      ),
    ).toMatchObject({ status: 400, detail: "url must name a public host" });
  });

  test("is changed, disabled, enabled and removed", async () => {
    const { webhookId } = await makeWebhook();
    const patch = (json: unknown) => call(`/v1/webhooks/${webhookId}`, { method: "PATCH", json });
    expect(await (await patch({ state: "disabled" })).json()).toMatchObject({
      state: "disabled",
      disabledReason: "by_request",
    });
    expect(await (await patch({ state: "enabled", events: ["job.started"] })).json()).toMatchObject(
      {
        state: "enabled",
        disabledReason: null,
        events: ["job.started"],
      },
    );
    expect((await patch({})).status).toBe(400);
    expect((await call(`/v1/webhooks/${webhookId}`, { method: "DELETE" })).status).toBe(204);
    expect((await call(`/v1/webhooks/${webhookId}`)).status).toBe(404);
  });

  test("of another account answers like a missing one", async () => {
    const { webhookId } = await makeWebhook();
    const key = await makeKey(["read", "write"], "someone-else");
    for (const [method, path] of [
      ["GET", ""],
      ["DELETE", ""],
      ["POST", "/test"],
      ["POST", "/rotate-secret"],
    ] as const) {
      expect(
        await refusal(call(`/v1/webhooks/${webhookId}${path}`, { method, key })),
      ).toMatchObject({
        status: 404,
        code: "NOT_FOUND",
        detail: `No webhook with id '${webhookId}' exists.`,
      });
    }
  });

  test("rotates its secret and says until when the one before signs, too", async () => {
    const made = await makeWebhook();
    const rotated = await (
      await call(`/v1/webhooks/${made.webhookId}/rotate-secret`, { method: "POST" })
    ).json<{ secret: string; previousUntil: string }>();
    expect(rotated.secret).not.toBe(made.secret);
    expect(Date.parse(rotated.previousUntil)).toBeGreaterThan(Date.now());
  });

  test("gets a test delivery that is in the log and can be sent again under its id", async () => {
    const { webhookId } = await makeWebhook();
    const answer = await call(`/v1/webhooks/${webhookId}/test`, { method: "POST" });
    expect(answer.status).toBe(202);
    const made = await answer.json<WebhookDelivery>();
    const listed = await (await call(`/v1/webhooks/deliveries?webhookId=${webhookId}`)).json<{
      deliveries: WebhookDelivery[];
    }>();
    expect(listed.deliveries.map((each) => each.deliveryId)).toEqual([made.deliveryId]);
    const again = await call(`/v1/webhooks/deliveries/${made.deliveryId}/redeliver`, {
      method: "POST",
    });
    expect(again.status).toBe(202);
    expect((await again.json<WebhookDelivery>()).deliveryId).toBe(made.deliveryId);
  });
});

describe("the account's secret", () => {
  test("is the same until it is rotated, and another account's is another", async () => {
    const key = await makeKey(["read", "write"], "secretive");
    const show = async (k: string) =>
      (await (await call("/v1/webhooks/secret", { key: k })).json<{ secret: string }>()).secret;
    const first = await show(key);
    expect(await show(key)).toBe(first);
    expect(await show(await makeKey(["write"], "other"))).not.toBe(first);
    await call("/v1/webhooks/secret/rotate", { method: "POST", key });
    expect(await show(key)).not.toBe(first);
  });

  test("is not for a key that may only read", async () => {
    const key = await makeKey(["read"]);
    expect(await refusal(call("/v1/webhooks/secret", { key }))).toMatchObject({ status: 403 });
  });
});
