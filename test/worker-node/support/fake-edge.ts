/**
 * An edge for agents under test: a real HTTP and WebSocket server on loopback that keeps what it is told,
 * serves one input, takes outputs, and says only what the test tells it to.
 */
import { createHash } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Duplex } from "node:stream";
import { onTestFinished } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import {
  type EdgeMessage,
  parseWorkerMessage,
  SUBPROTOCOL,
  type WorkerMessage,
  type WorkerMessageOf,
} from "../../../protocol/messages.ts";
import { patternBytes, readBody, sendRange } from "./http-server.ts";

export const TOKEN = "wkt_test-token";
export const SOURCE = patternBytes(1_000);

type Type = WorkerMessage["type"];

/** One agent's socket, with everything it said. */
export interface Connection {
  readonly socket: WebSocket;
  readonly messages: readonly WorkerMessage[];
  readonly say: (message: EdgeMessage) => void;
  /** The next message of the type that was not taken yet; those before it are skipped. */
  readonly next: <T extends Type>(
    type: T,
    isWanted?: (message: WorkerMessageOf<T>) => boolean,
  ) => Promise<WorkerMessageOf<T>>;
}

export interface FakeEdge {
  readonly url: URL;
  /** The next socket that connects. */
  readonly connection: () => Promise<Connection>;
  /** What was uploaded, by file name. */
  readonly stored: ReadonlyMap<string, Buffer>;
  readonly source: { bytes: Buffer; handler: Handler | null };
  /** Answers every call about outputs instead. */
  readonly outputs: { handler: Handler | null };
  /** Refuses upgrades with this status instead. */
  readonly refuse: (status: number | null) => void;
  /** Drops every socket and the port, as a killed edge does. */
  readonly stop: () => Promise<void>;
  /** Listens again on the same port. */
  readonly restart: () => Promise<void>;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A queue whose takers wait. */
function createQueue<T>() {
  const items: T[] = [];
  const waiting: (() => void)[] = [];
  return {
    push: (item: T) => {
      items.push(item);
      for (const wake of waiting.splice(0)) wake();
    },
    take: async (isWanted: (item: T) => boolean): Promise<T> => {
      for (;;) {
        const index = items.findIndex(isWanted);
        const [item] = index < 0 ? [] : items.splice(0, index + 1).slice(-1);
        if (item !== undefined) return item;
        await new Promise<void>((resolve) => waiting.push(resolve));
      }
    },
  };
}

export async function startFakeEdge(options: { answersPings?: boolean } = {}): Promise<FakeEdge> {
  const connections = createQueue<Connection>();
  const stored = new Map<string, Buffer>();
  const source: FakeEdge["source"] = { bytes: SOURCE, handler: null };
  const outputs: FakeEdge["outputs"] = { handler: null };
  const sockets = new Set<Duplex>();
  const wss = new WebSocketServer({ noServer: true, handleProtocols: () => SUBPROTOCOL });
  let refusal: number | null = null;
  let server: Server | null = null;

  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    const isKnown = request.headers.authorization === `Bearer ${TOKEN}`;
    const status = refusal ?? (isKnown ? null : 401);
    if (status !== null) {
      socket.end(`HTTP/1.1 ${status} Refused\r\ncontent-length: 0\r\nconnection: close\r\n\r\n`);
      return;
    }
    wss.handleUpgrade(request, socket, head, (ws) =>
      connections.push(createConnection(ws, options.answersPings ?? true)),
    );
  };

  const listen = async (port: number): Promise<number> => {
    server = createServer((request, response) => {
      const { handler } = outputs;
      if (handler !== null && request.url?.includes("/outputs") === true) {
        request.resume().once("end", () => handler(request, response));
        return;
      }
      handleLease(source, stored, request, response).catch(() => response.destroy());
    });
    server.on("upgrade", onUpgrade);
    server.on("connection", (socket) => {
      sockets.add(socket);
      socket.once("close", () => sockets.delete(socket));
    });
    server.listen(port, "127.0.0.1");
    await once(server, "listening");
    return (server.address() as AddressInfo).port;
  };
  const stop = async () => {
    const stopping = server;
    server = null;
    for (const socket of sockets) socket.destroy();
    if (stopping === null) return;
    stopping.close();
    await once(stopping, "close");
  };

  const port = await listen(0);
  onTestFinished(stop);
  return {
    url: new URL(`http://127.0.0.1:${port}`),
    connection: () => connections.take(() => true),
    stored,
    source,
    outputs,
    refuse: (status) => {
      refusal = status;
    },
    stop,
    restart: async () => {
      await listen(port);
    },
  };
}

function createConnection(socket: WebSocket, answersPings: boolean): Connection {
  const messages: WorkerMessage[] = [];
  const queue = createQueue<WorkerMessage>();
  socket.on("message", (data) => {
    const frame = data.toString();
    if (frame === "ping") {
      if (answersPings) socket.send("pong");
      return;
    }
    const parsed = parseWorkerMessage(frame);
    if (parsed.status === "invalid") throw new Error(`the agent sent ${frame}: ${parsed.detail}`);
    messages.push(parsed.message);
    queue.push(parsed.message);
  });
  return {
    socket,
    messages,
    say: (message) => socket.send(JSON.stringify(message)),
    next: async <T extends Type>(
      type: T,
      isWanted: (message: WorkerMessageOf<T>) => boolean = () => true,
    ) => {
      const message = await queue.take(
        (candidate) => candidate.type === type && isWanted(candidate as WorkerMessageOf<T>),
      );
      return message as WorkerMessageOf<T>;
    },
  };
}

/** The calls of `protocol/grants.ts`, single puts only. */
async function handleLease(
  source: FakeEdge["source"],
  stored: Map<string, Buffer>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const [, , , token, kind, name] = (request.url ?? "").split("/");
  if (kind === "inputs") {
    if (source.handler !== null) source.handler(request, response);
    else sendRange(source.bytes, request, response);
    return;
  }
  const body = await readBody(request);
  if (request.method === "POST") {
    const { filename } = JSON.parse(body.toString());
    const url = `/v1/leases/${token}/outputs/${filename}`;
    response.end(JSON.stringify({ kind: "single", url, headers: { "if-none-match": "*" } }));
    return;
  }
  stored.set(name ?? "", body);
  const etag = createHash("md5").update(body).digest("hex");
  response.end(JSON.stringify({ etag }));
}
