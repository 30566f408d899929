/** An agent that has one core of the machine to itself, and can be killed and started again. */
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { ROOT } from "../../cli/runtime/bundle.ts";
import type { Scope } from "../scope.ts";
import type { Service } from "../service.ts";

const CONNECT_LIMIT_MS = 120_000;

export interface PinnedAgent {
  /** SIGKILL, and a new one in its place once it has ended; resolves when that has connected. */
  killAndRestart(): Promise<void>;
}

/** Starts it on core `core` (Linux: `taskset`) and waits until it has connected. It ends with the scope. */
export async function startPinnedAgent(
  scope: Scope,
  service: Service,
  core: number,
): Promise<PinnedAgent> {
  const scratch = path.join(await scope.folder(), "scratch");
  const name = `core-${core}`;
  const { token } = await service.client.createWorkerToken({ name, pool: "default" });
  const main = path.join(ROOT, "worker-node/main.ts");
  const options = ["--url", service.url, "--name", name, "--scratch", scratch, "--slots", "1"];
  const start = async (): Promise<ChildProcess> => {
    const child = spawn("taskset", ["-c", String(core), process.execPath, main, ...options], {
      stdio: ["ignore", "pipe", "ignore"],
      env: { ...process.env, TELECINE_WORKER_TOKEN: token },
    });
    const connected = Promise.withResolvers<void>();
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.includes("connected as")) connected.resolve();
    });
    const limit = setTimeout(
      () => connected.reject(new Error(`${name} did not connect in time`)),
      CONNECT_LIMIT_MS,
    );
    await connected.promise.finally(() => clearTimeout(limit));
    return child;
  };
  let child = await start();
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = new Promise((resolve) => child.once("close", resolve));
    child.kill(signal);
    await ended;
  };
  scope.defer(() => end("SIGKILL"));
  return {
    killAndRestart: async () => {
      await end("SIGKILL");
      child = await start();
    },
  };
}
