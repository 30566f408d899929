/** One worker's live socket: its session, kept in step with the attachment, and what is sent to it, in order. */
import { closeCodes, type EdgeMessage } from "../../protocol/messages.ts";
import { logWarning } from "./log.ts";
import { type HeldLease, type Session, toAttachment } from "./session.ts";

/** Longest close reason in bytes (RFC 6455 section 5.5: 125, two of them the code). */
const MAX_CLOSE_REASON_BYTES = 123;

export class Connection {
  readonly socket: WebSocket;
  #session: Session;
  #lastSend: Promise<unknown> | null = null;
  #isAttached = true;
  #heardAt: number | null = null;

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

  /**
   * Changes the session, and with it the attachment once what runs now is through: one message changes it several
   * times. No object hibernates before its microtasks have run, and what ends it sooner ends its sockets, too.
   */
  update(change: Partial<Session>): void {
    this.#session = { ...this.#session, ...change };
    if (!this.#isAttached) return;
    this.#isAttached = false;
    queueMicrotask(() => this.#attach());
  }

  #attach(): void {
    this.#isAttached = true;
    if (this.socket.readyState !== WebSocket.OPEN) return;
    try {
      this.socket.serializeAttachment(toAttachment(this.#session));
    } catch (error) {
      // Memory still has it; after an eviction its leases count as lost and get their grace.
      logWarning("attachment_not_kept", { workerId: this.workerId }, error);
    }
  }

  /** When the last frame of it came, milliseconds since the epoch; null for none since the pool woke. Pings are none. */
  get heardAt(): number | null {
    return this.#heardAt;
  }

  /** A frame came: what was held back is the worker's again. */
  hear(now: number): void {
    this.#heardAt = now;
    const { credit, heldBack } = this.#session;
    if (heldBack > 0) this.update({ credit: credit + heldBack, heldBack: 0 });
  }

  /** Nothing is leased to it until it is heard again. */
  holdBack(): void {
    const { credit, heldBack } = this.#session;
    if (credit > 0) this.update({ credit: 0, heldBack: heldBack + credit });
  }

  /** Slots of a lease that did not reach the worker. On a socket that has gone nothing more is leased. */
  giveBack(slots: number): void {
    const isOpen = this.socket.readyState === WebSocket.OPEN;
    this.update({ credit: isOpen ? this.#session.credit + slots : 0 });
  }

  heldLease(taskId: string, epoch: number): HeldLease | null {
    const held = this.#session.held.get(taskId);
    return held?.renewal.epoch === epoch ? held : null;
  }

  hold(lease: HeldLease): void {
    this.update({ held: new Map(this.#session.held).set(lease.taskId, lease) });
  }

  letGo(taskId: string): void {
    if (!this.#session.held.has(taskId)) return;
    const held = new Map(this.#session.held);
    held.delete(taskId);
    this.update({ held });
  }

  /**
   * Sends after everything that was sent before, also when making the message takes a moment: a revocation
   * must not overtake its lease. False when the socket could not take it; null makes nothing to send.
   */
  send(make: EdgeMessage | (() => Promise<EdgeMessage | null>)): Promise<boolean> {
    if (this.#lastSend === null && typeof make !== "function") {
      return Promise.resolve(this.#sendNow(make));
    }
    const before = this.#lastSend ?? Promise.resolve();
    const sent = before.then(async () => {
      const message = typeof make === "function" ? await make() : make;
      return message === null || this.#sendNow(message);
    });
    const settled = sent.catch(() => false);
    this.#lastSend = settled;
    void settled.then(() => {
      if (this.#lastSend === settled) this.#lastSend = null;
    });
    return sent;
  }

  close(reason: keyof typeof closeCodes, detail: string): void {
    closeSocket(this.socket, closeCodes[reason], detail);
  }

  #sendNow(message: EdgeMessage): boolean {
    if (this.socket.readyState !== WebSocket.OPEN) return false;
    try {
      this.socket.send(JSON.stringify(message));
      return true;
    } catch (error) {
      logWarning("send_failed", { workerId: this.workerId, type: message.type }, error);
      return false;
    }
  }
}

export function closeSocket(socket: WebSocket, code: number, detail: string): void {
  try {
    socket.close(code, truncateToBytes(detail, MAX_CLOSE_REASON_BYTES));
  } catch {
    // It is closed already.
  }
}

function truncateToBytes(text: string, limit: number): string {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= limit) return text;
  return new TextDecoder().decode(bytes.slice(0, limit)).replace(/\uFFFD+$/, "");
}
