/** The local agents of `telecine start`: child processes that are ended with it and begun again if they die. */
import { type ChildProcess, spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { ROOT } from "./bundle.ts";
import type { Watchdog } from "./watchdog.ts";

const RESTART_DELAY_MS = 1000;
const STOP_LIMIT_MS = 8000;

export interface LocalWorkerOptions {
  readonly url: string;
  readonly token: string;
  readonly name: string;
  readonly scratch: string;
  readonly slots: number | null;
  readonly watchdog: Watchdog;
  readonly onLine: (line: string) => void;
}

export interface LocalWorker {
  /** Settles when the agent has said `connected`; rejects when it ends before that, with its last lines. */
  readonly connected: Promise<void>;
  /** Process id of the agent as it runs now, or null between two. */
  pid(): number | null;
  stop(): Promise<void>;
}

/** Starts an agent as a child process. */
export function startLocalWorker(options: LocalWorkerOptions): LocalWorker {
  let child: ChildProcess | null = null;
  let stopping = false;
  let restart: NodeJS.Timeout | null = null;
  const announced = Promise.withResolvers<void>();
  const lastLines: string[] = [];

  const run = () => {
    const started = spawn(process.execPath, argumentsOf(options), {
      // Its own group: a terminal's Ctrl-C reaches this process alone, which then ends its agents in order.
      detached: true,
      stdio: ["pipe", "pipe", "pipe"],
      env: { ...process.env, TELECINE_WORKER_TOKEN: options.token },
    });
    child = started;
    if (started.pid !== undefined) options.watchdog.watch(started.pid);
    const hear = (line: string) => {
      lastLines.push(line);
      if (lastLines.length > 20) lastLines.shift();
      if (/\bconnected\b/.test(line)) announced.resolve();
      options.onLine(line);
    };
    createInterface({ input: started.stdout }).on("line", hear);
    createInterface({ input: started.stderr }).on("line", hear);
    started.once("error", (error) => hear(`the agent could not be started: ${error.message}`));
    started.once("close", (code, signal) => {
      if (started.pid !== undefined) options.watchdog.forget(started.pid);
      child = null;
      announced.reject(
        new Error(
          `The local worker '${options.name}' ended (${signal ?? `exit code ${code}`}) before it connected:\n${lastLines.join("\n")}`,
        ),
      );
      if (!stopping) restart = setTimeout(run, RESTART_DELAY_MS);
    });
  };
  run();
  // Somebody may stop the worker without ever asking whether it connected.
  announced.promise.catch(() => {});

  return {
    connected: announced.promise,
    pid: () => child?.pid ?? null,
    stop: async () => {
      stopping = true;
      if (restart) clearTimeout(restart);
      if (child) await end(child);
    },
  };
}

function argumentsOf(options: LocalWorkerOptions): string[] {
  return [
    path.join(ROOT, "worker-node/main.ts"),
    "--url",
    options.url,
    "--name",
    options.name,
    "--scratch",
    options.scratch,
    ...(options.slots === null ? [] : ["--slots", String(options.slots)]),
    // The agent aborts when its standard input ends, and that ends with this process.
    "--exit-with-stdin",
  ];
}

/** The end of its standard input aborts the agent: it kills what it runs and gives its leases back. */
async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
  child.stdin?.end();
  const limit = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MS);
  await closed;
  clearTimeout(limit);
}
