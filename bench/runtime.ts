/** The edge in the embedded runtime, started from the bench's own entry (bench/edge/entry.ts). */
import path from "node:path";
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from "miniflare";
import { unstable_getMiniflareWorkerOptions as readWranglerConfig } from "wrangler";
import { TelecineClient } from "../cli/client.ts";
import { bundleEdge, ROOT } from "../cli/runtime/bundle.ts";
import { applyMigrations, type MigratableDatabase } from "../cli/runtime/migrations.ts";
import type { Scope } from "./scope.ts";

const ROOT_KEY = "bench-root-key-0123456789";
/** Of the local S3 API; it listens on loopback alone, for as long as the bench runs. */
export const S3_KEYS = { accessKeyId: "bench-access", secretAccessKey: "bench-secret" };
export const BUCKET = "telecine-media";

export interface BenchRuntime {
  readonly url: string;
  readonly client: TelecineClient;
}

/** Starts it on a free port with fresh data. @param counts whether the bindings are counted. */
export async function startRuntime(
  scope: Scope,
  options: { readonly counts: boolean },
): Promise<BenchRuntime> {
  process.env.X_LOCAL_OBSERVABILITY = "false";
  process.env.CLOUDFLARE_CF_FETCH_ENABLED = "false";
  const { workerOptions } = readWranglerConfig(path.join(ROOT, "wrangler.toml"));
  const { modulesRules: _, ...worker } = workerOptions;
  const script = await bundleEdge(path.join(ROOT, "bench/edge/entry.ts"));
  const runtime = new Miniflare(
    convertV4MiniflareOptions({
      ...worker,
      bindings: {
        ROOT_API_KEY: ROOT_KEY,
        SIGNING_SECRET: "bench-signing-secret-0123456789",
        BENCH_COUNTS: String(options.counts),
      },
      durableObjects: {
        ...(worker.durableObjects ?? {}),
        ECHO: { className: "Echo", useSQLite: true },
      },
      r2Buckets: { MEDIA: { id: BUCKET, s3Credentials: S3_KEYS } },
      modules: [{ type: "ESModule", path: "edge.js", contents: script }],
      host: "127.0.0.1",
      port: 0,
      resourcePersistencePath: await scope.folder(),
      log: new Log(LogLevel.ERROR),
      handleStructuredLogs: () => {},
      telemetry: { enabled: false },
    }),
  );
  scope.defer(() => runtime.dispose());
  const url = (await runtime.ready).origin;
  const database = (await runtime.getD1Database("DB")) as unknown as MigratableDatabase;
  await applyMigrations(database, path.join(ROOT, "migrations"));
  return { url, client: new TelecineClient({ url, key: ROOT_KEY }) };
}
