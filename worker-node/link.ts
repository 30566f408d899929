/** The socket to the edge: one connection, its liveness, and the parsing of what arrives. */
import WebSocket from "ws";
import {
  closeCodes,
  type EdgeMessage,
  MAX_FRAME_LENGTH,
  PING,
  PONG,
  parseEdgeMessage,
  SUBPROTOCOL,
  type WorkerMessage,
} from "../protocol/messages.ts";
import { describeError } from "./http.ts";
import type { CloseCause } from "./session-model.ts";

/** A handshake, and after it the welcome, has to come within this. */
const HANDSHAKE_MS = 10_000;
/** Until the welcome has chosen another. */
const DEFAULT_PING_INTERVAL_MS = 10_000;
/** A UTF-16 code unit takes at most three bytes of UTF-8. */
const MAX_PAYLOAD_BYTES = MAX_FRAME_LENGTH * 3;

export interface LinkOptions {
  /** The edge's address, `http(s)://...`. */
  readonly edgeUrl: URL;
  readonly token: string;
  readonly onOpen: () => void;
  readonly onMessage: (message: EdgeMessage) => void;
  /** Called once, whatever ended the connection or kept it from being made. */
  readonly onClose: (cause: CloseCause) => void;
}

export interface Link {
  send(message: WorkerMessage): void;
  setPingInterval(intervalMs: number): void;
  /** Says goodbye; `onClose` is not called any more. Resolves when the socket is gone, within a second. */
  close(): Promise<void>;
}

/** The address agents connect to. */
export function connectUrl(edgeUrl: URL): URL {
  const url = new URL("/v1/workers/connect", edgeUrl);
  url.protocol = edgeUrl.protocol === "https:" ? "wss:" : "ws:";
  return url;
}

/** Dials the edge. Everything is reported through the callbacks, never thrown. */
export function openLink(options: LinkOptions): Link {
  const socket = new WebSocket(connectUrl(options.edgeUrl), [SUBPROTOCOL], {
    headers: { authorization: `Bearer ${options.token}` },
    handshakeTimeout: HANDSHAKE_MS,
    maxPayload: MAX_PAYLOAD_BYTES,
    perMessageDeflate: false,
    followRedirects: false,
  });
  let isOver = false;
  let greeting: NodeJS.Timeout | null = null;
  const quiet = () => {
    isOver = true;
    if (greeting !== null) clearTimeout(greeting);
    liveness.stop();
  };
  const finish = (cause: CloseCause) => {
    if (isOver) return;
    quiet();
    // One that is closing goes on: its close frame tells the edge why. `ws` ends it by itself in the end.
    if (socket.readyState !== WebSocket.CLOSING) socket.terminate();
    options.onClose(cause);
  };
  const liveness = watchLiveness({
    ping: () => socket.send(PING),
    onDead: (silentMs) =>
      finish({ kind: "lost", detail: `nothing was heard for ${Math.round(silentMs / 1000)} s` }),
  });

  socket.on("open", () => {
    liveness.start();
    greeting = setTimeout(
      () => finish({ kind: "lost", detail: "the edge sent no welcome" }),
      HANDSHAKE_MS,
    );
    options.onOpen();
  });
  socket.on("message", (data, isBinary) => {
    liveness.heard();
    const frame = isBinary ? null : data.toString();
    if (frame === PONG || isOver) return;
    const parsed =
      frame === null
        ? { status: "invalid" as const, detail: "a binary frame" }
        : parseEdgeMessage(frame);
    if (greeting !== null) clearTimeout(greeting);
    if (parsed.status === "ok") {
      options.onMessage(parsed.message);
      return;
    }
    socket.close(closeCodes.badMessage, parsed.detail.slice(0, 120));
    finish({ kind: "closed", code: closeCodes.badMessage, reason: parsed.detail });
  });
  socket.on("unexpected-response", (_request, response) => {
    response.resume();
    finish({
      kind: "refused",
      httpStatus: response.statusCode ?? 0,
      retryAfterMs: retryAfterMs(response.headers["retry-after"]),
    });
  });
  socket.on("error", (error) => finish({ kind: "lost", detail: describeError(error) }));
  socket.on("close", (code, reason) =>
    finish(
      code === 1006
        ? { kind: "lost", detail: "the socket ended without a close frame" }
        : { kind: "closed", code, reason: reason.toString() },
    ),
  );

  return {
    send: (message) => {
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
    },
    setPingInterval: (intervalMs) => liveness.setInterval(intervalMs),
    close: () => {
      quiet();
      return closeSocket(socket);
    },
  };
}

function closeSocket(socket: WebSocket): Promise<void> {
  if (socket.readyState === WebSocket.CLOSED) return Promise.resolve();
  return new Promise((resolve) => {
    const impatience = setTimeout(() => socket.terminate(), 1_000);
    socket.once("close", () => {
      clearTimeout(impatience);
      resolve();
    });
    socket.close(1000, "the agent ends");
  });
}

/** Seconds (RFC 9110 section 10.2.3); the date form is not used by the edge and is left aside. */
function retryAfterMs(header: string | undefined): number | null {
  return header !== undefined && /^\d{1,6}$/.test(header) ? Number(header) * 1_000 : null;
}

interface Liveness {
  start(): void;
  heard(): void;
  setInterval(intervalMs: number): void;
  stop(): void;
}

/**
 * Pings every interval; a socket on which a ping stayed unanswered for a whole interval is half open and is
 * given up. A process that was itself suspended asks again before it judges.
 */
function watchLiveness(deps: {
  readonly ping: () => void;
  readonly onDead: (silentMs: number) => void;
}): Liveness {
  let intervalMs = DEFAULT_PING_INTERVAL_MS;
  let timer: NodeJS.Timeout | null = null;
  let isAwaitingPong = false;
  let heardAt = 0;
  let dueAt = 0;

  const arm = () => {
    if (timer !== null) clearTimeout(timer);
    dueAt = performance.now() + intervalMs;
    timer = setTimeout(check, intervalMs);
  };
  const check = () => {
    const now = performance.now();
    const wasSuspended = now - dueAt > intervalMs;
    if (isAwaitingPong && !wasSuspended) {
      deps.onDead(now - heardAt);
      return;
    }
    isAwaitingPong = true;
    deps.ping();
    arm();
  };
  return {
    start: () => {
      heardAt = performance.now();
      arm();
    },
    heard: () => {
      isAwaitingPong = false;
      heardAt = performance.now();
    },
    setInterval: (wantedMs) => {
      intervalMs = wantedMs;
      if (timer !== null) arm();
    },
    stop: () => {
      if (timer !== null) clearTimeout(timer);
      timer = null;
    },
  };
}
