/**
 * The live sockets, one for each worker. Sockets hibernate: this registry is rebuilt from their attachments
 * whenever the object is constructed, so nothing here is the only copy of anything that matters.
 */
import { Connection } from "./connection.ts";
import { type Attachment, fromAttachment, type Session } from "./session.ts";
import { viewerStateOf } from "./viewer.ts";

export class Connections {
  readonly #byWorker = new Map<string, Connection>();
  /** Spares every frame the reading of its socket's attachment. */
  readonly #bySocket = new WeakMap<WebSocket, Connection>();

  /** Adopts the sockets that outlived the last instance. Of two sockets of one worker the later counts. */
  constructor(sockets: readonly WebSocket[]) {
    for (const socket of sockets) {
      const session = sessionOf(socket);
      if (session === null || socket.readyState !== WebSocket.OPEN) continue;
      const other = this.#byWorker.get(session.workerId);
      if (other !== undefined && other.session.acceptedAt > session.acceptedAt) continue;
      this.#keep(new Connection(socket, session));
    }
  }

  get(workerId: string): Connection | null {
    return this.#byWorker.get(workerId) ?? null;
  }

  /** The connection of a socket that an event came from; null if a newer socket took its place. */
  of(socket: WebSocket): Connection | null {
    const known = this.#bySocket.get(socket);
    if (known !== undefined) return this.get(known.workerId) === known ? known : null;
    const session = sessionOf(socket);
    if (session === null) return null;
    const connection = this.get(session.workerId);
    return connection?.session.sessionId === session.sessionId ? connection : null;
  }

  all(): readonly Connection[] {
    return [...this.#byWorker.values()];
  }

  /**
   * Registers an accepted socket. The newer of two wins: an agent that reconnects must not be locked out by
   * its own half-open predecessor. What was heard of its leases moves over; the older one is closed.
   */
  add(socket: WebSocket, session: Omit<Session, "held">): Connection {
    const older = this.#byWorker.get(session.workerId);
    const held = older?.session.held ?? new Map();
    const connection = new Connection(socket, { ...session, held });
    connection.update({});
    this.#keep(connection);
    older?.close("replaced", "another socket of this worker came later");
    return connection;
  }

  #keep(connection: Connection): void {
    this.#byWorker.set(connection.workerId, connection);
    this.#bySocket.set(connection.socket, connection);
  }

  remove(connection: Connection): void {
    if (this.#byWorker.get(connection.workerId) === connection) {
      this.#byWorker.delete(connection.workerId);
    }
  }
}

/** The session in a socket's attachment, or null for a viewer's, or one that was never accepted here. */
export function sessionOf(socket: WebSocket): Session | null {
  if (viewerStateOf(socket) !== null) return null;
  const attachment = socket.deserializeAttachment() as Attachment | null;
  return attachment === null ? null : fromAttachment(attachment);
}
