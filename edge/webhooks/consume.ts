/** Who makes the tries: the queue's consumer, and the sweep for wake-ups that were lost. */
import { dueDeliveries, failAbandoned } from "../catalogue/webhook-deliveries.ts";
import type { Env, Settings } from "../env.ts";
import { type DeliverDeps, deliver } from "./deliver.ts";
import { wakeAll } from "./record.ts";

/** A sweep wakes at most this many; the next one takes the rest. */
const SWEEP_LIMIT = 500;

function depsOf(env: Env, settings: Settings): DeliverDeps {
  return {
    db: env.DB,
    queue: env.WEBHOOK_QUEUE,
    settings,
    fetch: (url, init) => fetch(url, init),
    now: () => Date.now(),
    random: () => Math.random(),
  };
}

/**
 * Consumes wake-ups, as many at a time as a batch holds (6 in `wrangler.toml`: a Worker has six connections
 * that wait for headers). Every message is acknowledged: tries are counted in the row, and a failure to make
 * one is the sweep's to mend.
 */
export async function handleQueue(
  batch: MessageBatch<{ readonly deliveryId: string }>,
  env: Env,
  settings: Settings,
): Promise<void> {
  batch.ackAll();
  const deps = depsOf(env, settings);
  const results = await Promise.allSettled(
    batch.messages.map((message) => deliver(deps, message.body.deliveryId)),
  );
  for (const result of results) {
    if (result.status === "rejected") {
      const error = String(result.reason);
      console.error(JSON.stringify({ level: "error", event: "webhook_try_failed", error }));
    }
  }
}

/** Wakes the consumer for what is due, and ends what died on its last try. */
export async function sweepDeliveries(env: Env, now: number): Promise<void> {
  await failAbandoned(env.DB, now);
  await wakeAll(env.WEBHOOK_QUEUE, await dueDeliveries(env.DB, now, SWEEP_LIMIT));
}
