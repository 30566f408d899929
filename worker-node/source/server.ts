/**
 * The loopback source: ffmpeg reads its inputs from here and from nowhere else. Each input has a path that
 * nobody can guess, because every process of the machine may connect to a loopback port.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Server as Listener } from "node:net";
import type { ByteSpan } from "../../protocol/chunks/contract.ts";
import { BLOCK_BYTES, createBlockReader } from "./block-reader.ts";
import { parseByteRange } from "./byte-range.ts";
import { createPortions, type Portions } from "./portions.ts";
import { SourceError, type SourceFailure, type Upstream } from "./upstream.ts";

export interface SourceServer {
  /** Serves an input until it is closed. */
  serve(upstream: Upstream): ServedInput;
  /** On 127.0.0.1. */
  readonly port: number;
  /** Serves the same inputs to whoever connects to `listener`, too. */
  adopt(listener: Listener): void;
  close(): Promise<void>;
}

export interface ServedInput {
  readonly url: string;
  /**
   * Another URL of the same bytes, for one reader that is expected to need those of `span`: an answer may end before what
   * was asked for, with a `Content-Range` that says so, and the reader has to ask for the rest (RFC 9110, section 15.3.7).
   */
  urlFor(span: ByteSpan): string;
  readonly sizeBytes: number;
  /** Grows with every byte handed to a reader. */
  bytesServed(): number;
  /** A reader waits for bytes that the source has not given yet. */
  isAwaited(): boolean;
  /** Why reading failed, if it did: then ffmpeg's own complaint is only a consequence. */
  failure(): SourceFailure | null;
  /** Ends every reader; the URL answers 404 from then on. */
  close(): void;
}

interface Served {
  readonly upstream: Upstream;
  readonly stream: ReturnType<typeof createBlockReader>["stream"];
  readonly closed: AbortController;
  bytesServed: number;
  failure: SourceFailure | null;
}

/** What a path leads to. */
interface Reading {
  readonly input: Served;
  /** Null: an answer holds all that was asked for. */
  readonly portions: Portions | null;
}

/** Starts on a free port of 127.0.0.1. */
export async function startSourceServer(): Promise<SourceServer> {
  const readings = new Map<string, Reading>();
  const server = createServer((request, response) => {
    const reading = readings.get((request.url ?? "").slice(1));
    if (reading === undefined) {
      response.writeHead(404).end();
      return;
    }
    answer(reading, request, response).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const urlOf = (reading: Reading) => {
    const token = randomBytes(32).toString("base64url");
    readings.set(token, reading);
    return `http://127.0.0.1:${port}/${token}`;
  };
  return {
    port,
    adopt: (listener) => {
      listener.on("connection", (socket) => server.emit("connection", socket));
    },
    serve: (upstream) => {
      const input: Served = {
        upstream,
        stream: createBlockReader(upstream).stream,
        closed: new AbortController(),
        bytesServed: 0,
        failure: null,
      };
      return {
        url: urlOf({ input, portions: null }),
        urlFor: (span) => urlOf({ input, portions: createPortions(span, BLOCK_BYTES) }),
        sizeBytes: upstream.sizeBytes,
        bytesServed: () => input.bytesServed,
        isAwaited: () => upstream.isAwaited(),
        failure: () => input.failure,
        close: () => {
          for (const [token, reading] of readings) {
            if (reading.input === input) readings.delete(token);
          }
          input.closed.abort();
        },
      };
    },
    close: async () => {
      for (const { input } of readings.values()) input.closed.abort();
      readings.clear();
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, "close");
    },
  };
}

async function answer(
  { input, portions }: Reading,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  if (request.method !== "GET" && request.method !== "HEAD") {
    response.writeHead(405, { allow: "GET, HEAD" }).end();
    return;
  }
  const size = input.upstream.sizeBytes;
  const range = parseByteRange(request.headers.range, size);
  if (range.status === "unsatisfiable") {
    response.writeHead(416, { "content-range": `bytes */${size}` }).end();
    return;
  }
  // A reader that asks again from where it was cut off would wait once more for what is not to be had.
  if (portions !== null && input.failure !== null) {
    response.writeHead(502).end();
    return;
  }
  const [start, asked] = range.status === "part" ? [range.start, range.end + 1] : [0, size];
  const isPortion = portions !== null && range.status === "part" && request.method === "GET";
  const end = isPortion ? portions.next(start, asked) : asked;
  const headers = {
    "accept-ranges": "bytes",
    "content-type": input.upstream.contentType,
    "content-length": end - start,
    ...(range.status === "part" ? { "content-range": `bytes ${start}-${end - 1}/${size}` } : {}),
  };
  const writeHead = () => response.writeHead(range.status === "part" ? 206 : 200, headers);
  if (request.method === "HEAD" || start === end) {
    writeHead().end();
    return;
  }
  const pieces = (signal: AbortSignal) => input.stream(start, end, signal, isPortion);
  await sendBytes(input, pieces, response, writeHead);
}

/** The head goes out with the first bytes, so that a source that cannot be read answers 502. */
async function sendBytes(
  input: Served,
  pieces: (signal: AbortSignal) => AsyncIterable<Uint8Array>,
  response: ServerResponse,
  writeHead: () => void,
): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const signal = AbortSignal.any([gone.signal, input.closed.signal]);
  try {
    for await (const bytes of pieces(signal)) {
      if (!response.headersSent) writeHead();
      const hasRoom = response.write(bytes);
      input.bytesServed += bytes.length;
      if (!hasRoom) await once(response, "drain", { signal });
    }
    response.end();
  } catch (error) {
    if (!signal.aborted) {
      input.failure ??=
        error instanceof SourceError
          ? error.failure
          : { detail: "The source could not be read.", retryable: true };
    }
    if (response.headersSent || signal.aborted) response.destroy();
    else response.writeHead(502).end();
  }
}
