/**
 * The edge in the embedded runtime: the same Worker that `wrangler deploy` ships, its bindings read from
 * `wrangler.toml`, on workerd, with D1, R2, queues and the Durable Object kept in one data folder.
 */
import path from "node:path";
import { stop as stopBundler } from "esbuild";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare, Response } from "miniflare";
import { bundleEdge, ROOT } from "./bundle.ts";
import { serveDashboard } from "./dashboard.ts";
import { applyMigrations, type MigratableDatabase } from "./migrations.ts";
import { type OutboundRules, sendOutbound } from "./outbound.ts";
import { childrenOf } from "./processes.ts";
import type { RateLimit } from "./rate-limiter.ts";
import { claimStopSignals } from "./signals.ts";
import { withTemporaryFolder } from "./temporary-folder.ts";
import type { Watchdog } from "./watchdog.ts";
import { readWorkerOptions } from "./worker-options.ts";

/** The platform fires cron triggers at most once a minute; so do we. */
const SCHEDULE_INTERVAL_MS = 60_000;

/**
 * What runs around the edge here and not on the platform: requests wait until the database has all migrations, which are
 * applied before a deployment there and after the port is open here; behind a proxy that ends TLS, the scheme is the one
 * that the client used (`X-Forwarded-Proto`), as the platform gives it; and the rate limiter of `wrangler.toml` counts in
 * memory.
 */
const entryOf = (rateLimit: RateLimit | null) => `
import edge from "./edge.js";
import { createRateLimiter } from "./rate-limiter.js";
export * from "./edge.js";

const RATE_LIMIT = ${JSON.stringify(rateLimit)};
let bindings;
let migrated;

/** Asked for once: whoever comes meanwhile waits for the same answer. */
function whenMigrated(env) {
  migrated ??= env.MIGRATED.fetch("http://migrated/").then((answer) => answer.arrayBuffer());
  return migrated;
}

/** One object for all requests: the edge remembers what it has read of its bindings by it. */
function withLimiter(env) {
  bindings ??= RATE_LIMIT === null ? env : { ...env, RATE_LIMITER: createRateLimiter(RATE_LIMIT) };
  return bindings;
}

function asClientSawIt(request) {
  const isForwarded = request.headers.get("x-forwarded-proto")?.toLowerCase() === "https";
  return isForwarded && request.url.startsWith("http:")
    ? new Request("https:" + request.url.slice("http:".length), request)
    : request;
}

export default {
  ...edge,
  async fetch(request, env, context) {
    await whenMigrated(env);
    return edge.fetch(asClientSawIt(request), withLimiter(env), context);
  },
  async queue(batch, env, context) {
    await whenMigrated(env);
    return edge.queue(batch, env, context);
  },
};
`;

export interface EdgeOptions {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly data: string;
  /** Folder for the runtime's temporary files, absolute. It must be there. */
  readonly temporary: string;
  /** Settings by name, as strings. */
  readonly settings: Readonly<Record<string, string>>;
  readonly watchdog: Watchdog;
  /** Gets each line that the Worker logs. */
  readonly onLog: (line: string) => void;
}

export interface EmbeddedEdge {
  /** Origin, without a trailing slash. */
  readonly url: string;
  /** Runs the scheduled handler now. */
  sweep(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the edge and migrates its database. Rejects when the port is taken or the Worker does not load. */
export async function startEdge(options: EdgeOptions): Promise<EmbeddedEdge> {
  // Measured: local tracing makes sockets four times slower and memory four times larger.
  process.env.X_LOCAL_OBSERVABILITY = "false";
  // The runtime would fetch request metadata from the internet at start.
  process.env.CLOUDFLARE_CF_FETCH_ENABLED = "false";
  const [{ workerOptions }, script, rateLimiter, dashboard] = await Promise.all([
    readWorkerOptions(),
    bundleEdge(path.join(ROOT, "edge/index.ts")),
    bundleEdge(path.join(ROOT, "cli/runtime/rate-limiter.ts")),
    serveDashboard(),
  ]);
  // Its process would stay, with 130 MB, for builds that do not come.
  await stopBundler();
  const rules: OutboundRules = {
    trustedOrigins: originsOf(options.settings.S3_ENDPOINT),
    allowLoopback: options.settings.ALLOW_INSECURE_WEBHOOKS === "true",
  };
  const stopping = new AbortController();
  const known = new Set(childrenOf(process.pid));
  const watchRuntime = () => {
    for (const pid of childrenOf(process.pid)) if (!known.has(pid)) options.watchdog.watch(pid);
  };
  // The asset server of the platform is a Worker before the Worker: here the files are in memory.
  const { modulesRules: _, assets: __, ratelimits, ...worker } = workerOptions;
  const migrated = Promise.withResolvers<void>();
  const runtimeOptions = convertV4MiniflareOptions({
    ...worker,
    bindings: { ...(worker.bindings ?? {}), ...options.settings },
    serviceBindings: {
      ...(worker.serviceBindings ?? {}),
      ASSETS: dashboard,
      MIGRATED: () => migrated.promise.then(() => new Response(null)),
    },
    modules: [
      {
        type: "ESModule",
        path: "entry.js",
        contents: entryOf(rateLimitOf(ratelimits)),
      },
      { type: "ESModule", path: "edge.js", contents: script },
      { type: "ESModule", path: "rate-limiter.js", contents: rateLimiter },
    ],
    // Clients reach the Worker itself. The port that Miniflare opens is for its own tools: the Worker that it puts in
    // front copies, compresses and rewrites what passes, and serves tools' paths that nobody outside should reach.
    unsafeDirectSockets: [{ host: options.host, port: options.port }],
    outboundService: async (request: import("miniflare").Request) => {
      const answer = await sendOutbound(request, rules, stopping.signal);
      return new Response(answer.body && readable(answer.body), answer);
    },
    host: "127.0.0.1",
    port: 0,
    resourcePersistencePath: path.resolve(options.data),
    log: new Log(LogLevel.ERROR),
    handleStructuredLogs: ({ message }) => options.onLog(message),
    unsafeHandleRuntimeRestart: watchRuntime,
    telemetry: { enabled: false },
  });
  // It names its own folder below the system's temporary one when it is made (5.20261023), and has no option for it.
  const runtime = withTemporaryFolder(options.temporary, () => new Miniflare(runtimeOptions));
  claimStopSignals();
  const url = await untilServing(runtime, watchRuntime).catch(async (error: unknown) => {
    // What of it has started would keep this process alive, without a word and deaf to signals.
    await runtime.dispose().catch(() => undefined);
    throw error;
  });
  migrated.resolve();
  const sweep = async () => {
    const worker = await runtime.getWorker();
    await worker.scheduled({ cron: "* * * * *" });
  };
  const timer = setInterval(() => {
    sweep().catch((error: unknown) => options.onLog(`the scheduled sweep failed: ${error}`));
  }, SCHEDULE_INTERVAL_MS);
  timer.unref();
  return {
    url,
    sweep,
    stop: async () => {
      clearInterval(timer);
      // The runtime waits for requests under way, and a peer may never answer.
      stopping.abort();
      await runtime.dispose();
    },
  };
}

/** The limit that `wrangler.toml` sets; null where it binds none. */
function rateLimitOf(ratelimits: unknown): RateLimit | null {
  const bound = ratelimits as
    | { readonly RATE_LIMITER?: { readonly simple: RateLimit } }
    | undefined;
  return bound?.RATE_LIMITER?.simple ?? null;
}

/** The origin that the edge serves at, its database brought up to date. `onStarted`: the runtime's process is there. */
async function untilServing(runtime: Miniflare, onStarted: () => void): Promise<string> {
  const url = (await runtime.unsafeGetDirectURL()).origin;
  onStarted();
  const database = (await runtime.getD1Database("DB")) as unknown as MigratableDatabase;
  await applyMigrations(database, path.join(ROOT, "migrations"));
  return url;
}

/** None of what is no URL: the Worker judges its settings, and names the one that is wrong. */
function originsOf(endpoint: string | undefined): readonly string[] {
  return endpoint !== undefined && URL.canParse(endpoint) ? [new URL(endpoint).origin] : [];
}

function readable(body: AsyncIterable<Uint8Array>): import("node:stream/web").ReadableStream {
  return ReadableStream.from(body) as import("node:stream/web").ReadableStream;
}
