/** Reads a job's events as a client does, from a stream or from a socket. Nothing waits for time to pass. */
import {
  type JobEvent,
  jobEventSchema,
  type NumberedEvent,
} from "../../../protocol/http/events.ts";

/** The blocks of a stream of server-sent events, comments and all. */
export class StreamReader {
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #text = "";

  constructor(answer: Response) {
    if (answer.body === null) throw new Error(`no stream: ${answer.status}`);
    this.#reader = answer.body.getReader();
  }

  /** The next block without its blank line, or null when the stream has ended. */
  async block(): Promise<string | null> {
    for (;;) {
      const end = this.#text.indexOf("\n\n");
      if (end >= 0) {
        const block = this.#text.slice(0, end);
        this.#text = this.#text.slice(end + 2);
        return block;
      }
      const { value, done } = await this.#reader.read();
      if (done) return null;
      this.#text += this.#decoder.decode(value, { stream: true });
    }
  }

  /** The next event, or null when the stream has ended. */
  async next(): Promise<JobEvent | null> {
    for (;;) {
      const block = await this.block();
      if (block === null) return null;
      const fields = new Map(
        block.split("\n").map((line) => {
          const at = line.indexOf(": ");
          return [line.slice(0, at), line.slice(at + 2)] as const;
        }),
      );
      const [id, event, data] = [fields.get("id"), fields.get("event"), fields.get("data")];
      if (event === undefined || data === undefined) continue;
      return jobEventSchema.parse({
        ...(id === undefined ? {} : { id: Number(id) }),
        event,
        data: JSON.parse(data),
      });
    }
  }

  /** The next numbered event; the stream must not have ended. */
  async numbered(): Promise<NumberedEvent> {
    for (;;) {
      const event = await this.next();
      if (event === null) throw new Error("the stream has ended");
      if (event.event !== "progress") return event;
    }
  }

  /** Numbered events up to this id. */
  async upTo(id: number): Promise<NumberedEvent[]> {
    const events: NumberedEvent[] = [];
    while (events.at(-1)?.id !== id) events.push(await this.numbered());
    return events;
  }

  /** Every event until the end. */
  async rest(): Promise<JobEvent[]> {
    const events: JobEvent[] = [];
    for (let event = await this.next(); event !== null; event = await this.next()) {
      events.push(event);
    }
    return events;
  }

  stop(): Promise<void> {
    return this.#reader.cancel();
  }
}

/** The same over a socket. */
export class SocketReader {
  readonly #socket: WebSocket;
  readonly #arrived: string[] = [];
  readonly #waiting: ((frame: string) => void)[] = [];
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;

  constructor(answer: Response) {
    const socket = answer.webSocket;
    if (socket === null) throw new Error(`no socket: ${answer.status}`);
    this.#socket = socket;
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason }));
    });
    socket.addEventListener("message", ({ data }) => {
      const waiting = this.#waiting.shift();
      if (waiting === undefined) this.#arrived.push(String(data));
      else waiting(String(data));
    });
    socket.accept();
  }

  frame(): Promise<string> {
    const arrived = this.#arrived.shift();
    if (arrived !== undefined) return Promise.resolve(arrived);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  async next(): Promise<JobEvent> {
    return jobEventSchema.parse(JSON.parse(await this.frame()));
  }

  async numbered(): Promise<NumberedEvent> {
    for (;;) {
      const event = await this.next();
      if (event.event !== "progress") return event;
    }
  }

  async upTo(id: number): Promise<NumberedEvent[]> {
    const events: NumberedEvent[] = [];
    while (events.at(-1)?.id !== id) events.push(await this.numbered());
    return events;
  }

  /** What came and was not read. */
  get unread(): number {
    return this.#arrived.length;
  }

  say(frame: string): void {
    this.#socket.send(frame);
  }

  close(): void {
    this.#socket.close(1000, "bye");
  }
}
