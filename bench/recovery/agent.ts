/** A real agent that can be killed, and the edge's own log of when it said hello and was given a lease. */
import path from "node:path";
import { startWatchdog } from "../../cli/runtime/watchdog.ts";
import { startLocalWorker } from "../../cli/runtime/workers.ts";
import type { Scope } from "../scope.ts";
import type { Service } from "../service.ts";

/** What the edge logs of a worker. */
export type AgentEvent = "greeted" | "leased";

export interface KillableAgent {
  /** SIGKILL to the agent alone: what it started is for the kernel to end. Its host starts it again. */
  kill(): void;
  /** When the edge next logs the event, in milliseconds of `performance.now()`. */
  next(event: AgentEvent): Promise<number>;
}

/** Starts it and waits until it has connected. It ends with the scope. */
export async function startKillableAgent(scope: Scope, service: Service): Promise<KillableAgent> {
  const folder = await scope.folder();
  const name = "killed";
  const { token } = await service.client.createWorkerToken({ name, pool: "default" });
  const waiting = new Map<AgentEvent, (at: number) => void>();
  service.onLine((line) => {
    const event = eventOf(line);
    if (event === null) return;
    waiting.get(event)?.(performance.now());
    waiting.delete(event);
  });
  const worker = startLocalWorker({
    url: service.url,
    token,
    name,
    scratch: path.join(folder, "scratch"),
    slots: 1,
    watchdog: startWatchdog(),
    onLine: () => {},
  });
  scope.defer(() => worker.stop());
  await worker.connected;
  return {
    kill: () => {
      const pid = worker.pid();
      if (pid === null) throw new Error("the agent does not run");
      process.kill(pid, "SIGKILL");
    },
    next: (event) => new Promise((resolve) => waiting.set(event, resolve)),
  };
}

function eventOf(line: string): AgentEvent | null {
  const name = /"event":"(greeted|leased)"/.exec(line)?.[1];
  return name === "greeted" || name === "leased" ? name : null;
}
