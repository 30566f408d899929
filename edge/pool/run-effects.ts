/** The fifth step: acting on what was committed. Nothing here is needed for correctness after a crash. */
import type { Effect } from "../domain/effects.ts";
import type { PoolContext } from "./context.ts";
import { dispatch } from "./dispatch.ts";
import { sendAck, sendLease, sendRevoke } from "./send.ts";
import { verifyAttempt } from "./verify.ts";

/**
 * Sends messages, starts checks, and leases what may be leased now. Resolves when the messages are sent; checks
 * go on behind it.
 */
export async function runEffects(pool: PoolContext, effects: readonly Effect[]): Promise<void> {
  const all = [...effects, ...dispatch(pool)];
  if (all.some(isOwed)) pool.drainSoon();
  await Promise.all(all.map((effect) => runEffect(pool, effect)));
}

async function runEffect(pool: PoolContext, effect: Effect): Promise<void> {
  switch (effect.type) {
    case "grant":
      return sendLease(pool, effect);
    case "revoke":
      await sendRevoke(pool, effect);
      return;
    case "ack":
      await sendAck(pool, effect);
      return;
    case "verify":
      pool.background("verify", verifyAttempt(pool, effect));
      return;
    case "ledger":
    case "collect":
    case "source":
    case "project":
    case "event":
    case "webhook":
    case "arm_alarm":
      // Rows by now: the outbox, the garbage and the alarm take them from there.
      return;
  }
}

function isOwed(effect: Effect): boolean {
  return effect.type === "project" || effect.type === "webhook" || effect.type === "source";
}
