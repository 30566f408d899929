/**
 * Joins a client's socket to the pool's. Handing the pool's socket straight on would cost less, but the local
 * runtime then leaves the client's connection open for up to 20 s after both sides have closed (2026-11, tried).
 */

/** RFC 6455 section 7.4.1: `going away` is for a server that restarts, and 1005 and 1006 are never sent. */
const NORMAL_CLOSURE = 1000;
const GOING_AWAY = 1001;
const UNSENDABLE = new Set([1005, 1006]);

/** The client's end of a socket that carries what `pool`, which must not be accepted yet, does. */
export function relay(pool: WebSocket): WebSocket {
  const { 0: client, 1: server } = new WebSocketPair();
  carry(pool, server, GOING_AWAY);
  carry(server, pool, NORMAL_CLOSURE);
  server.accept();
  pool.accept();
  return client;
}

/** Carries frames and the close one way. `lost` is the code for an end that gave none: its client resumes. */
function carry(from: WebSocket, to: WebSocket, lost: number): void {
  from.addEventListener("message", ({ data }) => attempt(() => to.send(data)));
  from.addEventListener("close", ({ code, reason }) => {
    const sent = UNSENDABLE.has(code) ? lost : code;
    // Answers the close, too (RFC 6455 section 5.5.1).
    attempt(() => from.close(sent, reason));
    attempt(() => to.close(sent, reason));
  });
  from.addEventListener("error", () => attempt(() => to.close(lost, "the connection was lost")));
}

function attempt(act: () => void): void {
  try {
    act();
  } catch {
    // The other end is closed already.
  }
}
