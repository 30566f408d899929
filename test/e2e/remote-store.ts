/**
 * A store that is not the edge's own: the local runtime's S3 API on a bucket, behind a front that answers browsers by the
 * rules of `deploy/r2-cors.json`, as a bucket does that was given them.
 */
import { readFile } from "node:fs/promises";
import {
  createServer,
  type IncomingMessage,
  request as requestHttp,
  type ServerResponse,
} from "node:http";
import type { AddressInfo } from "node:net";
import path from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { z } from "zod";
import { ROOT } from "../../cli/runtime/root.ts";

const rulesSchema = z.object({
  rules: z.tuple([
    z.object({
      allowed: z.object({
        origins: z.array(z.string()),
        methods: z.array(z.string()),
        headers: z.array(z.string()),
      }),
      exposeHeaders: z.array(z.string()),
    }),
  ]),
});

const BUCKET = "telecine-media";
const credentials = { accessKeyId: "store-access", secretAccessKey: "store-secret" };

export interface RemoteStore {
  readonly origin: string;
  /** The settings of an edge whose bytes go there. */
  readonly environment: Readonly<Record<string, string>>;
  /** The page that the rules let in, in place of the example in the file. */
  allowedOrigin: string;
  /** Requests of browsers that were let through: method and part number. */
  readonly received: string[];
  stop(): Promise<void>;
}

export async function startRemoteStore(): Promise<RemoteStore> {
  const text = await readFile(path.join(ROOT, "deploy/r2-cors.json"), "utf8");
  const [rule] = rulesSchema.parse(JSON.parse(text)).rules;
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      modules: true,
      script: "export default { fetch: () => new Response(null, { status: 404 }) }",
      r2Buckets: { MEDIA: { id: BUCKET, s3Credentials: credentials } },
      host: "127.0.0.1",
      port: 0,
      log: new Log(LogLevel.NONE),
      telemetry: { enabled: false },
    }),
  );
  const target = await runtime.ready;
  const received: string[] = [];

  const answer = (incoming: IncomingMessage, outgoing: ServerResponse) => {
    const { origin } = incoming.headers;
    const isLetIn = origin !== undefined && origin === store.allowedOrigin;
    const cors = isLetIn
      ? {
          "access-control-allow-origin": origin,
          "access-control-expose-headers": rule.exposeHeaders.join(", "),
        }
      : {};
    if (incoming.method === "OPTIONS") {
      const asked = incoming.headers["access-control-request-method"] ?? "";
      const isAllowed = isLetIn && rule.allowed.methods.includes(asked);
      outgoing.writeHead(isAllowed ? 204 : 403, {
        ...cors,
        "access-control-allow-methods": rule.allowed.methods.join(", "),
        "access-control-allow-headers": rule.allowed.headers.join(", "),
      });
      outgoing.end();
      return;
    }
    const { method, headers, url = "/" } = incoming;
    if (isLetIn) received.push(`${method} ${new URL(url, target).searchParams.get("partNumber")}`);
    // The host is signed: it stays what the client called.
    const onward = requestHttp(new URL(url, target), { method, headers }, (stored) => {
      outgoing.writeHead(stored.statusCode ?? 502, { ...stored.headers, ...cors });
      stored.pipe(outgoing);
    });
    onward.on("error", () => outgoing.destroy());
    incoming.pipe(onward);
  };
  const server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const store: RemoteStore = {
    origin,
    environment: {
      S3_ENDPOINT: `${origin}/cdn-cgi/local/r2/s3`,
      S3_BUCKET: BUCKET,
      R2_ACCESS_KEY_ID: credentials.accessKeyId,
      R2_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    },
    allowedOrigin: "",
    received,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await runtime.dispose();
    },
  };
  return store;
}
