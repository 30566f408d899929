/**
 * Server-sent events (HTML Living Standard, section 9.2) out of a socket that carries a job's events. The Worker
 * holds the stream and sends the heartbeats, so that the pool at the socket's other end may sleep.
 */
import { type JobEvent, jobEventSchema } from "../../protocol/http/events.ts";
import { type LogFields, logError } from "../log.ts";
import { EventQueue } from "./event-queue.ts";

export const SSE_HEADERS = {
  "content-type": "text/event-stream; charset=utf-8",
  // A proxy that compressed or buffered the stream would hold back what is small.
  "cache-control": "no-cache, no-transform",
  "x-accel-buffering": "no",
} as const;

/** How soon a write shows that the client is gone. */
const HEARTBEAT_MS = 2_000;
/** Heartbeats in a row that a reader may leave unread; it is let go then, and resumes by its last id. */
const MAX_UNREAD_HEARTBEATS = 30;
/** How long a client waits before it connects again. */
const RETRY_MS = 1_000;

const PREAMBLE = `retry: ${RETRY_MS}\n\n`;
const HEARTBEAT = ":\n\n";

/** RFC 6455 section 7.4.1. */
const NORMAL_CLOSURE = 1000;

/** One event as its block of lines; JSON has no line breaks of its own. */
export function sseBlock(event: JobEvent): string {
  const id = "id" in event ? `id: ${event.id}\n` : "";
  return `${id}event: ${event.event}\ndata: ${JSON.stringify(event.data)}\n\n`;
}

/**
 * The body of an answer that follows `socket`, which must not be accepted yet. It ends when the socket does and
 * all that came over it is read; a reader that goes closes the socket. `ids` go into its log lines.
 */
export function streamEvents(socket: WebSocket, ids: LogFields): ReadableStream<Uint8Array> {
  const bridge = new Bridge(socket, ids);
  return new ReadableStream<Uint8Array>({
    start: (controller) => bridge.start(controller),
    pull: () => bridge.flush(),
    cancel: () => bridge.stop("the reader is gone"),
  });
}

class Bridge {
  readonly #socket: WebSocket;
  readonly #ids: LogFields;
  readonly #queue = new EventQueue();
  readonly #encoder = new TextEncoder();
  #controller: ReadableStreamDefaultController<Uint8Array> | null = null;
  #heartbeat: ReturnType<typeof setInterval> | null = null;
  #unreadHeartbeats = 0;
  /** Nothing more comes in; what waits is still sent. */
  #isEnding = false;

  constructor(socket: WebSocket, ids: LogFields) {
    this.#socket = socket;
    this.#ids = ids;
  }

  start(controller: ReadableStreamDefaultController<Uint8Array>): void {
    this.#controller = controller;
    this.#write(PREAMBLE);
    this.#socket.addEventListener("message", ({ data }) => this.#take(data));
    this.#socket.addEventListener("close", () => this.#end());
    this.#socket.addEventListener("error", () => this.#end());
    this.#heartbeat = setInterval(() => this.#beat(), HEARTBEAT_MS);
    this.#socket.accept();
  }

  /** Hands on what waits, for as long as the reader takes it. */
  flush(): void {
    while (this.#hasRoom()) {
      const event = this.#queue.next();
      if (event === null) break;
      this.#write(sseBlock(event));
      this.#unreadHeartbeats = 0;
    }
    if (!this.#isEnding || !this.#hasRoom()) return;
    const controller = this.#controller;
    this.stop("the events have ended");
    controller?.close();
  }

  stop(reason: string): void {
    this.#controller = null;
    this.#isEnding = true;
    if (this.#heartbeat !== null) clearInterval(this.#heartbeat);
    try {
      this.#socket.close(NORMAL_CLOSURE, reason);
    } catch {
      // It is closed already.
    }
  }

  #take(data: string | ArrayBuffer): void {
    if (this.#isEnding || typeof data !== "string") return;
    const parsed = jobEventSchema.safeParse(JSON.parse(data));
    if (!parsed.success) {
      // A pool of another version: better an end, after which the client resumes, than a gap.
      logError("bad_job_event", this.#ids, parsed.error);
      this.#end();
    } else if (this.#queue.push(parsed.data)) this.flush();
    else this.#end();
  }

  #end(): void {
    this.#isEnding = true;
    this.flush();
  }

  #beat(): void {
    if (this.#hasRoom()) {
      this.#write(HEARTBEAT);
      this.#unreadHeartbeats = 0;
      return;
    }
    this.#unreadHeartbeats++;
    if (this.#unreadHeartbeats < MAX_UNREAD_HEARTBEATS) return;
    const controller = this.#controller;
    this.stop("the reader reads nothing");
    controller?.close();
  }

  #hasRoom(): boolean {
    return (this.#controller?.desiredSize ?? 0) > 0;
  }

  #write(text: string): void {
    this.#controller?.enqueue(this.#encoder.encode(text));
  }
}
