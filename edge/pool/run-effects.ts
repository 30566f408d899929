/** The fifth step: acting on what was committed. Nothing here is needed for correctness after a crash. */
import { isTerminalState } from "../../protocol/stages.ts";
import type { Effect } from "../domain/effects.ts";
import type { PoolContext } from "./context.ts";
import { dispatch } from "./dispatch.ts";
import { letGoOfExpired } from "./expired-workers.ts";
import { helpOut } from "./lending.ts";
import { sendAck, sendLease, sendRevoke } from "./send.ts";
import { verifyAttempt } from "./verify.ts";
import { tellViewers } from "./viewers.ts";
import { watchLease } from "./watch.ts";

/**
 * Sends messages, starts checks, and leases what may be leased now. Resolves when the messages are sent; checks
 * go on behind it.
 */
export async function runEffects(pool: PoolContext, effects: readonly Effect[]): Promise<void> {
  const all = [...effects, ...dispatch(pool)];
  helpOut(pool);
  if (all.some(isOwed)) pool.drainSoon(all.some(isLastWord));
  await Promise.all(all.map((effect) => runEffect(pool, effect)));
  // After the answers, so that a worker hears that its last attempt was accepted.
  letGoOfExpired(pool);
}

async function runEffect(pool: PoolContext, effect: Effect): Promise<void> {
  switch (effect.type) {
    case "grant":
      await sendLease(pool, effect);
      return watchLease(pool, pool.connections.get(effect.workerId), effect);
    case "event":
      return tellViewers(pool, effect.jobId);
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
    case "collect_run":
    case "plan":
    case "parts":
    case "source":
    case "project":
    case "webhook":
    case "arm_alarm":
      // Rows by now: the outbox, the garbage and the alarm take them from there.
      return;
  }
}

function isOwed(effect: Effect): boolean {
  return effect.type === "project" || effect.type === "webhook" || effect.type === "source";
}

/** A job that is over: its client waits for it, and its claim on the work is to be given up. */
function isLastWord(effect: Effect): boolean {
  return effect.type === "project" && isTerminalState(effect.snapshot.state);
}
