/** The rival: BullMQ, its queue and its worker in this process, as our client and agent are. */
import { Queue, Worker } from "bullmq";
import type { Scope } from "../scope.ts";

export interface Dispatcher {
  /** Submits one job and waits until its handler has begun. @returns milliseconds from the one to the other. */
  dispatch(): Promise<number>;
}

/** @param payload what a job carries: as much as ours does. */
export async function startBullMq(
  scope: Scope,
  port: number,
  payload: unknown,
): Promise<Dispatcher> {
  const connection = { host: "127.0.0.1", port, maxRetriesPerRequest: null };
  const queue = new Queue("bench", { connection });
  scope.defer(() => queue.close());
  let begun = Promise.withResolvers<number>();
  const worker = new Worker("bench", async () => void begun.resolve(performance.now()), {
    connection,
  });
  scope.defer(() => worker.close());
  const ended = () => new Promise((resolve) => worker.once("completed", resolve));
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
  return {
    dispatch: async () => {
      begun = Promise.withResolvers<number>();
      const completed = ended();
      const submittedAt = performance.now();
      await queue.add("transcode", payload);
      const latencyMs = (await begun.promise) - submittedAt;
      await completed;
      return latencyMs;
    },
  };
}
