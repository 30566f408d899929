/** Tools in a sandbox over a scratch of the test's own, and canaries outside it. */
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import type { Tools } from "../../../worker-node/ffmpeg/index.ts";
import type { SandboxMode } from "../../../worker-node/options.ts";
import { openSandbox, type Sandbox } from "../../../worker-node/sandbox/index.ts";
import { type SourceServer, startSourceServer } from "../../../worker-node/source/server.ts";

/** Whether this system lets this user have namespaces at all. */
export const hasNamespaces =
  spawnSync("unshare", ["--user", "--map-root-user", "--net", "--mount", "true"]).status === 0;

export interface Sandboxed {
  readonly sandbox: Sandbox;
  readonly tools: Tools;
  readonly server: SourceServer;
  /** What the tools may write. */
  readonly scratch: string;
  /** Beside it, where they may not. */
  readonly outside: string;
}

/** Opened for the file's tests, and gone after them. */
export async function sandboxed(tools: Tools, mode: SandboxMode = "auto"): Promise<Sandboxed> {
  const parent = await mkdtemp(join(tmpdir(), "telecine-sandboxed-"));
  const scratch = join(parent, "scratch");
  const outside = join(parent, "outside");
  await mkdir(scratch);
  await mkdir(outside);
  const server = await startSourceServer();
  const { signal } = new AbortController();
  const sandbox = await openSandbox({ mode, tools, scratch, server, signal });
  afterAll(async () => {
    sandbox.close();
    await server.close();
    await rm(parent, { recursive: true, force: true });
  });
  return { sandbox, tools: sandbox.tools, server, scratch, outside };
}

export interface Canary {
  readonly url: string;
  readonly port: number;
  /** Connections so far, whatever was said on them. */
  readonly touched: () => number;
}

/** A server outside that nobody may reach. */
export async function startCanary(): Promise<Canary> {
  let touched = 0;
  const server = createServer((_request, response) => {
    response.end("canary");
  });
  server.on("connection", () => {
    touched += 1;
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  afterAll(() => {
    server.close();
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${port}/canary.mp4`, port, touched: () => touched };
}
