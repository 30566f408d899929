/** How a worker's socket comes and goes. */
import { closeCodes, SUBPROTOCOL } from "../../protocol/messages.ts";
import type { Effect } from "../domain/effects.ts";
import { closeSocket } from "./connection.ts";
import { sessionOf } from "./connections.ts";
import type { PoolContext } from "./context.ts";
import { logInfo } from "./log.ts";
import { workerHeaders } from "./rpc.ts";
import type { Session } from "./session.ts";
import { stepOneTask } from "./shell.ts";

/**
 * Accepts the socket of a worker that the Worker authenticated. A revoked one is told so on the socket: a refused
 * upgrade would look to its agent like a network that is worth trying again.
 */
export function acceptSocket(
  pool: PoolContext,
  request: Request,
  accept: (socket: WebSocket, workerId: string) => void,
): Response {
  const workerId = request.headers.get(workerHeaders.workerId);
  const workerName = request.headers.get(workerHeaders.workerName);
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") {
    return new Response("A WebSocket is expected here.", { status: 426 });
  }
  if (workerId === null || workerName === null) {
    return new Response("The request names no worker.", { status: 400 });
  }
  const { 0: client, 1: server } = new WebSocketPair();
  const answer = new Response(null, {
    status: 101,
    webSocket: client,
    headers: { "sec-websocket-protocol": SUBPROTOCOL },
  });
  if (pool.workers.get(workerId)?.revoked) {
    server.accept();
    closeSocket(server, closeCodes.unauthorized, "the worker was revoked");
    return answer;
  }
  accept(server, workerId);
  const tokenEndsAt = request.headers.get(workerHeaders.tokenEndsAt);
  pool.connections.add(server, {
    sessionId: crypto.randomUUID(),
    workerId,
    workerName: decodeURIComponent(workerName),
    acceptedAt: pool.now(),
    tokenEndsAt: tokenEndsAt === null ? null : Number(tokenEndsAt),
    greeted: false,
    credit: 0,
    heldBack: 0,
  });
  const requestId = request.headers.get(workerHeaders.requestId) ?? undefined;
  const traceId = request.headers.get(workerHeaders.traceId) ?? undefined;
  logInfo("connected", { workerId, requestId, traceId });
  return answer;
}

/**
 * A socket is gone, and the pool saw it: the leases of its session keep the reconnect grace. Those that a
 * newer socket of the worker took over are not concerned.
 */
export async function socketGone(pool: PoolContext, socket: WebSocket): Promise<void> {
  const session = sessionOf(socket);
  if (session === null) return;
  const { workerId } = session;
  const connection = pool.connections.of(socket);
  if (connection !== null) pool.connections.remove(connection);
  logInfo("disconnected", { workerId });
  await pool.run(disconnectLeases(pool, session));
}

/** The leases of a session that is gone are put under the reconnect grace. The effects are the caller's to run. */
export function disconnectLeases(pool: PoolContext, session: Session): readonly Effect[] {
  const { workerId, sessionId } = session;
  return pool.queue.held(workerId).flatMap(({ jobId, taskId }) => {
    // A pool that the close woke does not find the socket among its own: what it remembered is read off it here.
    const renewal = session.held.get(taskId)?.renewal;
    const event = { type: "disconnect", now: pool.now(), sessionId, renewal } as const;
    const stepped = stepOneTask(pool, jobId, taskId, event);
    return stepped.status === "ok" ? stepped.effects : [];
  });
}
