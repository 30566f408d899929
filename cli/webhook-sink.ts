/** A local HTTP server that takes webhooks, verifies them and hands them on. */
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { type Verdict, verifyWebhook } from "./webhook-signature.ts";

/** Telecine's events are a few kilobytes. */
const MAX_BODY_BYTES = 1024 * 1024;

export interface ReceivedWebhook {
  readonly webhookId: string | null;
  readonly receivedAt: string;
  readonly verdict: Verdict;
  /** Its id was seen before: deliveries are made at least once. */
  readonly isRepeated: boolean;
  /** Parsed where it is JSON, else the text. */
  readonly body: unknown;
}

export interface WebhookSink {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * @param secrets asked for with each delivery: some are known only once the server has its address.
 * @throws the system's error where the port cannot be had.
 */
export async function startWebhookSink(options: {
  readonly host: string;
  readonly port: number;
  readonly secrets: () => readonly string[];
  readonly onReceived: (received: ReceivedWebhook) => void;
}): Promise<WebhookSink> {
  const seen = new Set<string>();
  const server = createServer((request, response) => {
    readBody(request).then(
      (body) => {
        if (body === null) {
          response.writeHead(413, { connection: "close" }).end();
          return;
        }
        const received = judge(request, body, options.secrets(), seen);
        response.writeHead(received.verdict.status === "verified" ? 204 : 401).end();
        options.onReceived(received);
      },
      () => response.destroy(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host, resolve);
  });
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${port}/`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function judge(
  request: IncomingMessage,
  body: string,
  secrets: readonly string[],
  seen: Set<string>,
): ReceivedWebhook {
  const header = (name: string) => {
    const value = request.headers[name];
    return typeof value === "string" ? value : null;
  };
  const id = header("webhook-id");
  const headers = {
    id,
    timestamp: header("webhook-timestamp"),
    signature: header("webhook-signature"),
  };
  const now = Date.now();
  const verdict = verifyWebhook(secrets, headers, body, now);
  const isRepeated = id !== null && seen.has(id);
  if (id !== null && verdict.status === "verified") seen.add(id);
  const receivedAt = new Date(now).toISOString();
  return { webhookId: id, receivedAt, verdict, isRepeated, body: parsed(body) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Null for a body that is too large. */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
