/** An agent for measuring: it speaks the real protocol over a real socket, and what it does with a lease is given. */
import WebSocket from "ws";
import {
  type EdgeMessage,
  type EdgeMessageOf,
  PROTOCOL_VERSION,
  parseEdgeMessage,
  SUBPROTOCOL,
  type WorkerMessage,
} from "../protocol/messages.ts";
import type { Scope } from "./scope.ts";

const HANDSHAKE_MS = 10_000;

export interface BenchAgent {
  send(message: WorkerMessage): void;
  /** Frames sent and received so far. */
  readonly frames: { sent: number; received: number };
}

export interface BenchAgentOptions {
  readonly url: string;
  readonly token: string;
  readonly name: string;
  readonly slots: number;
  /** Every message of the edge after its welcome, on the tick in which it arrived. */
  readonly onMessage: (message: EdgeMessage, agent: BenchAgent) => void;
}

export type Lease = EdgeMessageOf<"lease">;

/** Connects, says hello with a libx264 that nothing will be asked of, and resolves at the welcome. */
export async function connectAgent(scope: Scope, options: BenchAgentOptions): Promise<BenchAgent> {
  const url = new URL("/v1/workers/connect", options.url.replace(/^http/, "ws"));
  const socket = new WebSocket(url, [SUBPROTOCOL], {
    headers: { authorization: `Bearer ${options.token}` },
    handshakeTimeout: HANDSHAKE_MS,
    perMessageDeflate: false,
  });
  scope.defer(() => socket.terminate());
  const frames = { sent: 0, received: 0 };
  const agent: BenchAgent = {
    frames,
    send: (message) => {
      frames.sent += 1;
      socket.send(JSON.stringify(message));
    },
  };
  const welcome = Promise.withResolvers<void>();
  socket.on("error", welcome.reject);
  socket.on("close", (code, reason) =>
    welcome.reject(new Error(`the edge closed the socket: ${code} ${reason.toString()}`)),
  );
  socket.on("message", (data) => {
    frames.received += 1;
    const parsed = parseEdgeMessage(data.toString());
    if (parsed.status === "invalid") throw new Error(parsed.detail);
    if (parsed.message.type === "welcome") welcome.resolve();
    else options.onMessage(parsed.message, agent);
  });
  socket.on("open", () =>
    agent.send({
      type: "hello",
      version: PROTOCOL_VERSION,
      name: options.name,
      slots: options.slots,
      capabilities: {
        ffmpegVersion: "bench",
        encoders: [
          { encoder: "libx264", codec: "h264", device: "cpu", bitDepths: [8], maxSessions: null },
        ],
      },
      leases: [],
    }),
  );
  await welcome.promise;
  return agent;
}
