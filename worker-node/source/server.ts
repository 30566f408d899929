/**
 * The loopback source: ffmpeg reads its inputs from here and from nowhere else. Each input has a path that
 * nobody can guess, because every process of the machine may connect to a loopback port.
 */
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo, Server as Listener } from "node:net";
import { createBlockReader } from "./block-reader.ts";
import { parseByteRange } from "./byte-range.ts";
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

/** Starts on a free port of 127.0.0.1. */
export async function startSourceServer(): Promise<SourceServer> {
  const inputs = new Map<string, Served>();
  const server = createServer((request, response) => {
    const input = inputs.get((request.url ?? "").slice(1));
    if (input === undefined) {
      response.writeHead(404).end();
      return;
    }
    answer(input, request, response).catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    adopt: (listener) => {
      listener.on("connection", (socket) => server.emit("connection", socket));
    },
    serve: (upstream) => {
      const token = randomBytes(32).toString("base64url");
      const input: Served = {
        upstream,
        stream: createBlockReader(upstream).stream,
        closed: new AbortController(),
        bytesServed: 0,
        failure: null,
      };
      inputs.set(token, input);
      return {
        url: `http://127.0.0.1:${port}/${token}`,
        sizeBytes: upstream.sizeBytes,
        bytesServed: () => input.bytesServed,
        isAwaited: () => upstream.isAwaited(),
        failure: () => input.failure,
        close: () => {
          inputs.delete(token);
          input.closed.abort();
        },
      };
    },
    close: async () => {
      for (const input of inputs.values()) input.closed.abort();
      inputs.clear();
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, "close");
    },
  };
}

async function answer(
  input: Served,
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
  const [start, end] = range.status === "part" ? [range.start, range.end + 1] : [0, size];
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
  await sendBytes(input, start, end, response, writeHead);
}

/** The head goes out with the first bytes, so that a source that cannot be read answers 502. */
async function sendBytes(
  input: Served,
  start: number,
  end: number,
  response: ServerResponse,
  writeHead: () => void,
): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const signal = AbortSignal.any([gone.signal, input.closed.signal]);
  try {
    for await (const bytes of input.stream(start, end, signal)) {
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
