/**
 * Workers whose tokens have expired since they dialled in. What one holds it may bring to its end, by its lease; it is
 * given nothing more, and once it holds nothing its socket is closed.
 */
import type { Connection } from "./connection.ts";
import type { PoolContext } from "./context.ts";
import { logInfo } from "./log.ts";

/** Whether the token that the socket was opened with is over. */
export function hasExpiredToken({ session }: Connection, now: number): boolean {
  return session.tokenEndsAt !== null && session.tokenEndsAt <= now;
}

/** Closes the sockets of such workers that ask for leases and hold none. Looked at when something happens. */
export function letGoOfExpired(pool: PoolContext): void {
  const now = pool.now();
  const over = pool.connections
    .all()
    .filter((connection) => connection.session.credit > 0 && hasExpiredToken(connection, now));
  if (over.length === 0) return;
  const busy = new Set(pool.queue.held().map(({ workerId }) => workerId));
  for (const connection of over) {
    const { workerId } = connection;
    if (busy.has(workerId)) continue;
    logInfo("token_expired", { workerId });
    connection.close("unauthorized", "the worker's token has expired");
    pool.connections.remove(connection);
  }
}
