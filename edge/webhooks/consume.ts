/** Who makes the tries: the queue's consumer, and the sweep for wake-ups that were lost. */
import { dueDeliveries, failAbandoned } from "../catalogue/webhook-deliveries.ts";
import type { Env, Settings } from "../env.ts";
import { logError } from "../log.ts";
import { type DeliverDeps, deliver } from "./deliver.ts";
import { wakeAll } from "./record.ts";

/** A sweep wakes at most this many; the next one takes the rest. */
const SWEEP_LIMIT = 500;
/**
 * A sweep wakes what is due before the next one, each at its time: a retry whose wake-up was lost with the local
 * runtime is still made when it should be.
 */
const SWEEP_AHEAD_MS = 60_000;
/**
 * How long a batch is held for its tries. The next batch waits for this one (locally always, 2026-11), so consumers
 * that take their time must not hold up the events of the others; their tries go on behind it.
 */
const BATCH_PATIENCE_MS = 1_000;

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
  context: Pick<ExecutionContext, "waitUntil">,
): Promise<void> {
  batch.ackAll();
  const deps = depsOf(env, settings);
  const tries = Promise.all(
    batch.messages.map(({ body: { deliveryId } }) =>
      deliver(deps, deliveryId).catch((error) =>
        logError("webhook_not_claimed", { deliveryId }, error),
      ),
    ),
  );
  // A try takes some seconds more than its limit; the platform lets background work go on for 30 s (2026-10).
  context.waitUntil(tries);
  await Promise.race([tries, scheduler.wait(BATCH_PATIENCE_MS)]);
}

/** Wakes the consumer for what is due until the next sweep, and ends what died on its last try. */
export async function sweepDeliveries(env: Env, now: number): Promise<void> {
  await failAbandoned(env.DB, now);
  const due = await dueDeliveries(env.DB, now + SWEEP_AHEAD_MS, SWEEP_LIMIT);
  await wakeAll(
    env.WEBHOOK_QUEUE,
    due.map(({ id, nextAt }) => ({ id, inMs: Math.max(0, nextAt - now) })),
  );
}
