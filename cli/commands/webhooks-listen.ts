/** `telecine webhooks listen`: a local sink that verifies and prints. */
import type { Command } from "commander";
import { type WebhookSecret, webhookEventTypes } from "../../protocol/http/webhooks.ts";
import { ApiFailure, type TelecineClient } from "../client.ts";
import { clientFromEnvironment } from "../environment.ts";
import { UsageError } from "../exit.ts";
import { coloured, type JsonOption, withJson } from "../print.ts";
import { stoppable } from "../stoppable.ts";
import { plain } from "../table.ts";
import { secretBytes } from "../webhook-signature.ts";
import { type ReceivedWebhook, startWebhookSink } from "../webhook-sink.ts";
import { listOf, wholeNumber } from "./options.ts";

type EventType = (typeof webhookEventTypes)[number];

interface ListenOptions extends JsonOption {
  readonly port: number;
  readonly host: string;
  readonly secret?: string;
  readonly publicUrl?: string;
  readonly events: EventType[];
  readonly count?: number;
}

export function addListen(webhooks: Command): void {
  const command = webhooks
    .command("listen")
    .description("take webhooks on this machine, verify their signatures and print them")
    .option("--port <n>", "port; 0 takes a free one", wholeNumber("--port", 0, 65_535), 0)
    .option("--host <address>", "address to listen on", "127.0.0.1")
    .option("--secret <whsec>", "verify with this secret alone, and register nothing")
    .option("--public-url <url>", "the https:// URL of a tunnel that ends here, to register")
    .option(
      "--events <list>",
      `of ${webhookEventTypes.join(",")}`,
      listOf("--events", webhookEventTypes),
      [...webhookEventTypes],
    )
    .option("--count <n>", "end after so many events", wholeNumber("--count", 1, 1_000_000));
  withJson(command)
    .addHelpText(
      "after",
      `
Without --secret an endpoint is registered at the edge, and removed at the end. An edge that was started with
ALLOW_INSECURE_WEBHOOKS=true sends to this machine itself; any other needs a tunnel (--public-url). Events of a
job's own webhook URL are verified, too.

Examples:
  telecine webhooks listen
  telecine webhooks listen --json --count 1 | jq .body.data
  telecine webhooks listen --port 9000 --public-url https://my-tunnel.example.com/
  telecine webhooks listen --port 9000 --secret whsec_...`,
    )
    .action((options: ListenOptions) => listen(options));
}

async function listen(options: ListenOptions): Promise<void> {
  const { secret } = options;
  const isSecret = secret === undefined || /^whsec_/.test(secret);
  if (!isSecret || (secret !== undefined && secretBytes(secret) === null)) {
    throw new UsageError("--secret must be whsec_ and base64, as the edge showed it.");
  }
  const client = secret === undefined ? clientFromEnvironment(process.env) : null;
  const secrets = secret === undefined ? [] : [secret];
  const ended = Promise.withResolvers<void>();
  let count = 0;
  const sink = await startWebhookSink({
    host: options.host,
    port: options.port,
    secrets: () => secrets,
    onReceived: (received) => {
      show(received, options.json);
      count += 1;
      if (count === options.count) ended.resolve();
    },
  }).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(
      `Cannot listen on ${options.host}:${options.port} (${error.code}). Choose another with --port (0 takes a free one) or --host.`,
    );
  });
  const say = (text: string) => process.stderr.write(`${text}\n`);
  try {
    await stoppable(async (signal) => {
      signal.addEventListener("abort", () => ended.resolve(), { once: true });
      const endpoint = client === null ? null : await register(client, sink.url, options);
      try {
        if (client !== null && endpoint !== null) {
          secrets.push(endpoint.secret, await accountSecret(client));
          say(`Registered ${endpoint.webhookId} for ${endpoint.url}; it is removed at the end.`);
        }
        say(`Listening on ${sink.url}. Ctrl-C ends.`);
        await ended.promise;
      } finally {
        if (client !== null && endpoint !== null) await client.deleteWebhook(endpoint.webhookId);
      }
    });
  } finally {
    await sink.stop();
  }
}

/** What signs the events of a job's own `webhookUrl`. */
async function accountSecret(client: TelecineClient): Promise<string> {
  return (await client.get<WebhookSecret>("/v1/webhooks/secret")).secret;
}

async function register(client: TelecineClient, sinkUrl: string, options: ListenOptions) {
  const url = options.publicUrl ?? sinkUrl;
  try {
    return await client.createWebhook({
      url,
      events: options.events,
      description: "telecine webhooks listen",
    });
  } catch (error) {
    if (!(error instanceof ApiFailure) || error.status !== 400) throw error;
    throw new UsageError(
      `The edge does not send to ${url}: ${error.answer?.detail ?? error.message}. ` +
        "Start a local edge with ALLOW_INSECURE_WEBHOOKS=true, or give the https:// URL of a tunnel with --public-url, " +
        "or use an endpoint that is there, with its --secret.",
    );
  }
}

function show(received: ReceivedWebhook, json: boolean): void {
  const { webhookId, receivedAt, verdict, isRepeated, body } = received;
  const isVerified = verdict.status === "verified";
  const reason = isVerified ? null : verdict.reason;
  if (json) {
    const line = {
      webhookId,
      receivedAt,
      verified: isVerified,
      reason,
      repeated: isRepeated,
      body,
    };
    process.stdout.write(`${JSON.stringify(line)}\n`);
    return;
  }
  const mark = isVerified ? coloured("ok", "verified") : coloured("fail", "REFUSED ");
  const again = isRepeated ? " (again)" : "";
  process.stdout.write(
    `${receivedAt}  ${mark}  ${plain(eventText(body))}  ${plain(webhookId ?? "-")}${again}\n`,
  );
  if (reason !== null) process.stdout.write(`  ${reason}\n`);
}

/** `job.completed  job_...  completed 100 %`. */
function eventText(body: unknown): string {
  const { type, data } = (body ?? {}) as {
    type?: unknown;
    data?: { jobId?: unknown; state?: unknown; progress?: unknown };
  };
  if (typeof type !== "string") return "(no event of Telecine)";
  const { jobId, state, progress } = data ?? {};
  const parts = [type, jobId, state].filter((part) => typeof part === "string");
  return [...parts, ...(typeof progress === "number" ? [`${progress} %`] : [])].join("  ");
}
