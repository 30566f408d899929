/**
 * Runs once, in fresh namespaces, as a child of the agent: it brings the loopback up, leaves of the file system what
 * the view names, listens where the source is served, and hands the listening socket to the agent. A socket stays in
 * the namespace it was made in, whoever holds it: so the agent itself serves the inside, and no byte takes the
 * detour through a relay. Then it ends; the agent's descriptors keep the namespaces.
 */
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { raiseLoopback } from "./loopback.ts";
import { narrow } from "./narrow.ts";
import type { View } from "./view.ts";

export interface HolderRequest {
  readonly port: number;
  readonly view: { readonly root: string; readonly parts: View } | null;
}

export type HolderAnswer =
  | { readonly status: "listening" }
  | { readonly status: "failed"; readonly why: string };

function run(program: string, ...args: readonly string[]): void {
  execFileSync(program, args, {
    cwd: "/",
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
    stdio: ["ignore", "ignore", "pipe"],
    timeout: 5_000,
  });
}

function listen(port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", () => resolve(server));
  });
}

/** Our own copy of the socket is closed when it has been sent: whoever accepts is the agent. */
function answer(message: HolderAnswer, server?: Server): void {
  process.send?.(message, server, {}, () => server?.close());
}

async function hold({ port, view }: HolderRequest): Promise<void> {
  try {
    raiseLoopback(run);
    const server = await listen(port);
    if (view !== null) narrow(view.root, view.parts, run);
    answer({ status: "listening" }, server);
  } catch (error) {
    answer({ status: "failed", why: error instanceof Error ? error.message : String(error) });
  }
}

/**
 * Does what the agent asks, and ends when the agent holds the namespaces or dies: both disconnect. It ends by itself,
 * because a socket that an agent died without taking would keep this process for ever.
 */
export async function holdNamespaces(): Promise<never> {
  process.on("message", (request) => void hold(request as HolderRequest));
  // An agent that died while this was loading has disconnected already.
  if (process.connected) await once(process, "disconnect");
  process.exit(0);
}
