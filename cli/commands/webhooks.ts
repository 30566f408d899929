/** `telecine webhooks`: endpoints, their deliveries, and a sink to try them with. */
import type { Command } from "commander";
import type { WebhookDelivery } from "../../protocol/http/webhooks.ts";
import { agoText } from "../duration-text.ts";
import { clientFromEnvironment } from "../environment.ts";
import { firstOf } from "../pages.ts";
import { type JsonOption, paintState, print, withJson } from "../print.ts";
import { type Paint, table } from "../table.ts";
import { wholeNumber } from "./options.ts";
import { addListen } from "./webhooks-listen.ts";

export function addWebhooks(program: Command): void {
  const webhooks = program
    .command("webhooks")
    .description("list endpoints and deliveries, redeliver, listen locally")
    .addHelpText(
      "after",
      `
Examples:
  telecine webhooks listen
  telecine webhooks deliveries --job job_01KAPZ5Y7M3T3V1H1ZK3N0Q9RA
  telecine webhooks redeliver dlv_01KAPZ5Y7M3T3V1H1ZK3N0Q9RA`,
    );
  addList(webhooks);
  addListen(webhooks);
  addDeliveries(webhooks);
  withJson(
    webhooks
      .command("redeliver")
      .description("send a delivery again, under the same webhook-id")
      .argument("<id>", "dlv_..."),
  ).action(async (deliveryId: string, options: JsonOption) => {
    const delivery = await clientFromEnvironment(process.env).redeliver(deliveryId);
    print(options, delivery, () => `${delivery.deliveryId} is sent again to ${delivery.url}\n`);
  });
}

interface ListOptions extends JsonOption {
  readonly limit: number;
}

function addList(webhooks: Command): void {
  withJson(
    webhooks
      .command("list", { isDefault: true })
      .description("list the account's endpoints")
      .option("--limit <n>", "how many", wholeNumber("--limit", 1, 10_000), 200),
  ).action(async (options: ListOptions) => {
    const client = clientFromEnvironment(process.env);
    const { items, nextCursor } = await firstOf(options.limit, async (page) => {
      const answer = await client.listWebhooks(page);
      return { items: answer.webhooks, nextCursor: answer.nextCursor };
    });
    print(options, { webhooks: items, nextCursor }, () =>
      items.length === 0
        ? "No endpoints. telecine webhooks listen makes one for as long as it runs.\n"
        : table(
            ["WEBHOOK", "STATE", "URL", "EVENTS"],
            items.map(({ webhookId, state, url, events }) => [
              webhookId,
              state,
              url,
              events.join(" "),
            ]),
            paintState,
          ),
    );
  });
}

interface DeliveriesOptions extends ListOptions {
  readonly job?: string;
  readonly webhook?: string;
}

function addDeliveries(webhooks: Command): void {
  withJson(
    webhooks
      .command("deliveries")
      .description("list deliveries, newest first, with how they went")
      .option("--job <id>", "of this job")
      .option("--webhook <id>", "to this endpoint")
      .option("--limit <n>", "how many", wholeNumber("--limit", 1, 10_000), 20),
  ).action(async (options: DeliveriesOptions) => {
    const client = clientFromEnvironment(process.env);
    const filter = {
      ...(options.job === undefined ? {} : { jobId: options.job }),
      ...(options.webhook === undefined ? {} : { webhookId: options.webhook }),
    };
    const { items, nextCursor } = await firstOf(options.limit, async (page) => {
      const answer = await client.listDeliveries({ ...filter, ...page });
      return { items: answer.deliveries, nextCursor: answer.nextCursor };
    });
    print(options, { deliveries: items, nextCursor }, () =>
      items.length === 0 ? "No deliveries.\n" : deliveryTable(items, Date.now(), paintState),
    );
  });
}

/** The list; of each the last try. */
function deliveryTable(deliveries: readonly WebhookDelivery[], now: number, paint?: Paint): string {
  const rows = deliveries.map((delivery) => {
    const last = delivery.log.at(-1);
    const answer = last?.status ?? last?.error ?? "-";
    return [
      delivery.deliveryId,
      delivery.type,
      delivery.state,
      String(delivery.tries),
      String(answer),
      delivery.url,
      agoText(delivery.createdAt, now),
    ];
  });
  const headings = ["DELIVERY", "EVENT", "STATE", "TRIES", "ANSWER", "URL", "CREATED"];
  return table(headings, rows, paint);
}
