/** A Redis of the bench's own: on a free port of the loopback, with its data in a folder that goes with it. */
import { execFile, spawn } from "node:child_process";
import { createServer } from "node:net";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import type { Scope } from "../scope.ts";

const run = promisify(execFile);
const START_LIMIT_MS = 10_000;

export type RedisStart =
  | { readonly status: "ok"; readonly port: number; readonly version: string }
  | { readonly status: "missing"; readonly remedy: string };

/**
 * Starts it as BullMQ's own documentation has it in production: an append-only file synced each second, and
 * `noeviction` (docs.bullmq.io, "Going to production", 2026-11).
 */
export async function startRedis(scope: Scope): Promise<RedisStart> {
  const version = await redisVersion();
  if (version === null) {
    return {
      status: "missing",
      remedy:
        "redis-server is not installed (apt-get install -y --no-install-recommends redis-server)",
    };
  }
  const folder = await scope.folder();
  const port = await freePort();
  const child = spawn(
    "redis-server",
    [
      ...["--bind", "127.0.0.1", "--port", String(port), "--dir", folder],
      ...["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"],
      ...["--maxmemory-policy", "noeviction"],
    ],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  scope.defer(async () => {
    child.kill("SIGKILL");
    await closed;
  });
  const ready = Promise.withResolvers<void>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line.includes("Ready to accept connections")) ready.resolve();
  });
  child.once("close", () => ready.reject(new Error("redis-server ended at once")));
  const limit = setTimeout(() => ready.reject(new Error("redis-server is slow")), START_LIMIT_MS);
  await ready.promise.finally(() => clearTimeout(limit));
  return { status: "ok", port, version };
}

async function redisVersion(): Promise<string | null> {
  try {
    const { stdout } = await run("redis-server", ["--version"]);
    return /v=(\S+)/.exec(stdout)?.[1] ?? "unknown";
  } catch {
    return null;
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
