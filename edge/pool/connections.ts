/**
 * The live sockets, one for each worker. Sockets hibernate: this registry is rebuilt from their attachments
 * whenever the object is constructed, so nothing here is the only copy of anything that matters.
 */
import { closeCodes, type EdgeMessage } from "../../protocol/messages.ts";
import { logWarning } from "./log.ts";
import { type Attachment, fromAttachment, type Renewal, type Session, toAttachment } from "./session.ts";

/** Longest close reason in bytes (RFC 6455 section 5.5: 125, two of them the code). */
const MAX_CLOSE_REASON = 123;

/** A worker's socket with its session. `update` keeps the attachment in step with it. */
export class Connection {
  readonly socket: WebSocket;
  #session: Session;

  constructor(socket: WebSocket, session: Session) {
    this.socket = socket;
    this.#session = session;
  }

  get session(): Session {
    return this.#session;
  }

  get workerId(): string {
    return this.#session.workerId;
  }

  update(change: Partial<Session>): void {
    this.#session = { ...this.#session, ...change };
    try {
      this.socket.serializeAttachment(toAttachment(this.#session));
    } catch (error) {
      // Memory still has it; after an eviction its leases count as lost and get their grace.
      logWarning("attachment_not_kept", { workerId: this.workerId }, error);
    }
  }

  renewalOf(taskId: string, epoch: number): Renewal | null {
    const renewal = this.#session.renewals.get(taskId);
    return renewal?.epoch === epoch ? renewal : null;
  }

  renew(renewal: Renewal): void {
    const renewals = new Map(this.#session.renewals);
    renewals.set(renewal.taskId, renewal);
    this.update({ renewals });
  }

  forget(taskId: string): void {
    if (!this.#session.renewals.has(taskId)) return;
    const renewals = new Map(this.#session.renewals);
    renewals.delete(taskId);
    this.update({ renewals });
  }

  /** False when the socket could not take it: the message is lost, and the socket with it. */
  send(message: EdgeMessage): boolean {
    if (this.socket.readyState !== WebSocket.OPEN) return false;
    try {
      this.socket.send(JSON.stringify(message));
      return true;
    } catch (error) {
      logWarning("send_failed", { workerId: this.workerId, type: message.type }, error);
      return false;
    }
  }

  close(reason: keyof typeof closeCodes, detail: string): void {
    closeSocket(this.socket, closeCodes[reason], detail);
  }
}

export function closeSocket(socket: WebSocket, code: number, detail: string): void {
  try {
    socket.close(code, truncateToBytes(detail, MAX_CLOSE_REASON));
  } catch {
    // It is closed already.
  }
}

export class Connections {
  readonly #byWorker = new Map<string, Connection>();

  /** Adopts the sockets that outlived the last instance. Of two sockets of one worker the later counts. */
  constructor(sockets: readonly WebSocket[]) {
    for (const socket of sockets) {
      if (socket.readyState !== WebSocket.OPEN) continue;
      const attachment = socket.deserializeAttachment() as Attachment | null;
      if (attachment === null) continue;
      const session = fromAttachment(attachment);
      const other = this.#byWorker.get(session.workerId);
      if (other !== undefined && other.session.acceptedAt > session.acceptedAt) continue;
      this.#byWorker.set(session.workerId, new Connection(socket, session));
    }
  }

  get(workerId: string): Connection | null {
    return this.#byWorker.get(workerId) ?? null;
  }

  /** The connection of a socket that an event came from; null if a newer socket took its place. */
  of(socket: WebSocket): Connection | null {
    const attachment = socket.deserializeAttachment() as Attachment | null;
    if (attachment === null) return null;
    const connection = this.#byWorker.get(attachment.workerId);
    return connection?.session.socketId === attachment.socketId ? connection : null;
  }

  all(): readonly Connection[] {
    return [...this.#byWorker.values()];
  }

  /**
   * Registers an accepted socket. The newer of two wins: an agent that reconnects must not be locked out by
   * its own half-open predecessor. What was heard of its leases moves over; the older one is closed.
   */
  add(socket: WebSocket, session: Session): Connection {
    const older = this.#byWorker.get(session.workerId);
    const connection = new Connection(socket, session);
    connection.update(older === undefined ? {} : { renewals: older.session.renewals });
    this.#byWorker.set(session.workerId, connection);
    older?.close("replaced", "another socket of this worker came later");
    return connection;
  }

  remove(connection: Connection): void {
    if (this.#byWorker.get(connection.workerId) === connection) {
      this.#byWorker.delete(connection.workerId);
    }
  }
}

function truncateToBytes(text: string, limit: number): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= limit) return text;
  return new TextDecoder().decode(bytes.slice(0, limit)).replace(/\uFFFD+$/, "");
}
