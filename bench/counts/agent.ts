/** A real agent of this machine on the bench's own edge, and the moment in which it has ended an attempt. */
import path from "node:path";
import { startWatchdog } from "../../cli/runtime/watchdog.ts";
import { startLocalWorker } from "../../cli/runtime/workers.ts";
import type { BenchRuntime } from "../runtime.ts";
import type { Scope } from "../scope.ts";

const ENDED = /attempt (completed|failed|abandoned|released)/;

export interface RealAgent {
  /** Resolves when the attempt that is under way, or comes next, has ended. @throws Error unless it completed. */
  attempt(): Promise<void>;
}

/** Starts it and waits until it has connected. It ends with the scope. */
export async function startRealAgent(scope: Scope, runtime: BenchRuntime): Promise<RealAgent> {
  const folder = await scope.folder();
  const name = "counted";
  const { token } = await runtime.client.createWorkerToken({ name, pool: "default" });
  let ended = Promise.withResolvers<string>();
  const worker = startLocalWorker({
    url: runtime.url,
    token,
    name,
    scratch: path.join(folder, "scratch"),
    slots: 1,
    watchdog: startWatchdog(),
    onLine: (line) => {
      const how = ENDED.exec(line)?.[1];
      if (how !== undefined) ended.resolve(how);
    },
  });
  scope.defer(() => worker.stop());
  await worker.connected;
  return {
    attempt: async () => {
      const how = await ended.promise;
      ended = Promise.withResolvers();
      if (how !== "completed") throw new Error(`the attempt ${how}`);
    },
  };
}
