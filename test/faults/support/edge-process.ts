/** `telecine start --workers 0` as a process of its own: what can be killed with -9 and started again on its data. */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { TelecineClient } from "../../../cli/client.ts";
import { descendantsOf, signalAll, untilEnded } from "./processes.ts";

const COMMAND = fileURLToPath(new URL("../../../cli/telecine.ts", import.meta.url));
/** The reconnects of this many agents at once must not be cut short by a slow machine. */
const END_LIMIT_MS = 15_000;

export interface EdgeProcess {
  readonly url: string;
  readonly client: TelecineClient;
  /** What it wrote to stderr: the Worker's log. */
  readonly log: readonly string[];
  /** SIGKILL to the host and its workerd at the same moment. Resolves when nothing of them runs. */
  kill(): Promise<void>;
  /** Starts it again on the same port and data. @returns the milliseconds until it was ready. */
  startAgain(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts an edge on a free port. `environment` holds its settings. */
export async function startEdgeProcess(
  folder: string,
  environment: Readonly<Record<string, string>>,
): Promise<EdgeProcess> {
  const key = `root-${randomBytes(16).toString("hex")}`;
  const log: string[] = [];
  const launch = (port: string) =>
    launchEdge(port, path.join(folder, "data"), { ROOT_API_KEY: key, ...environment }, log);
  let running = await launch("0");
  const { url } = running;
  const { port } = new URL(url);
  return {
    url,
    client: new TelecineClient({ url, key }),
    log,
    kill: async () => {
      const pid = pidOf(running.child);
      // The watchdog among them dies with the rest: nobody but us ends workerd here.
      const family = [pid, ...descendantsOf(pid)];
      signalAll(family, "SIGKILL");
      await untilEnded(family, END_LIMIT_MS);
    },
    startAgain: async () => {
      const startedAt = performance.now();
      running = await launch(port);
      return performance.now() - startedAt;
    },
    stop: async () => {
      const { child } = running;
      if (child.exitCode !== null || child.signalCode !== null) return;
      const family = descendantsOf(pidOf(child));
      const closed = new Promise((resolve) => child.once("close", resolve));
      child.kill("SIGTERM");
      await closed;
      await untilEnded(family, END_LIMIT_MS);
    },
  };
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error("the edge was not started");
  return child.pid;
}

async function launchEdge(
  port: string,
  data: string,
  environment: Readonly<Record<string, string>>,
  log: string[],
): Promise<{ readonly child: ChildProcess; readonly url: string }> {
  const args = [COMMAND, "start", "--port", port, "--data", data, "--workers", "0"];
  const child = spawn(process.execPath, args, {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, ALLOW_INSECURE_WEBHOOKS: "true", ...environment },
  });
  createInterface({ input: child.stderr }).on("line", (line) => log.push(line));
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      const ready = /^Telecine is ready at (\S+)$/.exec(line)?.[1];
      if (ready !== undefined) resolve(ready);
    });
    child.once("close", (code, signal) =>
      reject(new Error(`the edge ended (${signal ?? code}):\n${log.slice(-20).join("\n")}`)),
    );
  });
  return { child, url };
}
