/**
 * Workers that are gone though their sockets are open: a box that lost its power says no goodbye, and nothing tells the
 * platform until it sends. Such a worker takes leases for ever, and each costs its task an attempt.
 */
import type { Effect } from "../domain/effects.ts";
import { type Connection, closeSocket } from "./connection.ts";
import type { PoolContext } from "./context.ts";
import { PING_INTERVAL_MS } from "./durations.ts";
import { logInfo } from "./log.ts";
import { disconnectLeases } from "./sockets.ts";

/** Pings that may be late or lost before their worker counts as gone. */
const SILENCE_MS = 3 * PING_INTERVAL_MS;

/** RFC 6455's registry: the other end may connect again. One that lives does, and asks for work anew. */
const SERVICE_RESTART = 1012;

/**
 * Lets go of workers that ask for leases and have stopped to ping. The runtime answers pings by itself, so this is looked
 * at only when there is something to lease.
 *
 * @returns the effects on what they held; null where nobody went.
 */
export function letGoOfSilent(pool: PoolContext): readonly Effect[] | null {
  const now = pool.now();
  const silent = pool.connections
    .all()
    .filter((connection) => connection.session.credit > 0 && hasStopped(pool, connection, now));
  if (silent.length === 0) return null;
  return silent.flatMap((connection) => {
    const { workerId, session, socket } = connection;
    logInfo("silent", { workerId });
    closeSocket(socket, SERVICE_RESTART, "no ping came for too long");
    pool.connections.remove(connection);
    return disconnectLeases(pool, session);
  });
}

/** One that never pinged may be of another making, or have come just now: nothing is known of it. */
function hasStopped(pool: PoolContext, { socket, heardAt }: Connection, now: number): boolean {
  const pingedAt = pool.pingedAt(socket);
  return pingedAt !== null && now - Math.max(pingedAt, heardAt ?? 0) > SILENCE_MS;
}

/**
 * Gives nothing more to workers whose leases have just expired without a frame from them for a whole TTL, until they are
 * heard again. A worker that lives reports what it runs, whether that moves or not.
 */
export function holdBackSilent(pool: PoolContext, effects: readonly Effect[]): void {
  for (const effect of effects) {
    if (effect.type !== "revoke" || effect.reason !== "expired") continue;
    const connection = pool.connections.get(effect.workerId);
    if (connection === null) continue;
    const { heardAt } = connection;
    if (heardAt === null || heardAt <= pool.now() - pool.rules.leaseTtlMs) connection.holdBack();
  }
}
