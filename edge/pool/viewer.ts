/**
 * One who follows a job: a hibernating socket, tagged with the job's id. What is known of it is in the socket's
 * attachment alone, so it outlives the memory, and is gone when the socket is.
 */
import type { JobEvent } from "../../protocol/http/events.ts";
import { closeSocket } from "./connection.ts";
import { logWarning } from "./log.ts";

export interface ViewerState {
  /** Tells this attachment from a worker's. */
  readonly kind: "viewer";
  readonly viewerId: string;
  readonly jobId: string;
  /** The last line of the history that it was sent. */
  readonly after: number;
  /** That output URLs begin with. */
  readonly origin: string;
}

/** RFC 6455 section 7.4.1. */
const NORMAL_CLOSURE = 1000;
const POLICY_VIOLATION = 1008;

/** What the attachment says of a viewer; null for the socket of a worker. */
export function viewerStateOf(socket: WebSocket): ViewerState | null {
  const attachment = socket.deserializeAttachment() as { readonly kind?: unknown } | null;
  return attachment?.kind === "viewer" ? (attachment as ViewerState) : null;
}

export class Viewer {
  readonly #socket: WebSocket;
  #state: ViewerState;

  constructor(socket: WebSocket, state: ViewerState) {
    this.#socket = socket;
    this.#state = state;
  }

  get state(): ViewerState {
    return this.#state;
  }

  /**
   * Sends one event. A numbered one is remembered, so that it is never sent to this socket again. False when the
   * socket could not take it.
   */
  send(event: JobEvent): boolean {
    if (this.#socket.readyState !== WebSocket.OPEN) return false;
    try {
      this.#socket.send(JSON.stringify(event));
      if (!("id" in event)) return true;
      this.#state = { ...this.#state, after: event.id };
      this.#socket.serializeAttachment(this.#state);
      return true;
    } catch (error) {
      logWarning("event_not_sent", { jobId: this.#state.jobId }, error);
      return false;
    }
  }

  /** Nothing follows any more. */
  end(): void {
    closeSocket(this.#socket, NORMAL_CLOSURE, "the job has ended");
  }

  /** A viewer has nothing to say; pings are answered by the runtime and never come here. */
  refuse(): void {
    closeSocket(this.#socket, POLICY_VIOLATION, "nothing is expected of a viewer but 'ping'");
  }
}
