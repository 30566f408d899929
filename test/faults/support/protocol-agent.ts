/**
 * An agent reduced to the protocol: it speaks over a real socket and uploads real bytes, but runs no ffmpeg and
 * does only what the experiment tells it, right or wrong. Hundreds fit in one process.
 */
import { createHash } from "node:crypto";
import WebSocket from "ws";
import type { VideoMetadata } from "../../../protocol/media.ts";
import {
  type EdgeMessage,
  type EdgeMessageOf,
  parseEdgeMessage,
  SUBPROTOCOL,
  type WorkerMessage,
} from "../../../protocol/messages.ts";
import type { LeaseRef, OutputReport } from "../../../protocol/task.ts";

export type Lease = EdgeMessageOf<"lease">;

const MEDIA: VideoMetadata = {
  format: "mp4",
  durationSeconds: 1,
  width: 320,
  height: 180,
  frameRate: 25,
  videoCodec: "h264",
  audioCodec: null,
  bitrateKbps: 100,
};
const NO_ENGINE = { device: null, encoder: null, exitCode: null, log: [] };

export interface ProtocolAgentOptions {
  readonly url: string;
  readonly token: string;
  readonly name: string;
  readonly slots?: number;
  /** What it claims to be running still. */
  readonly claims?: readonly LeaseRef[];
}

export interface ProtocolAgent {
  readonly welcome: EdgeMessageOf<"welcome">;
  /** Everything that arrived, in order. */
  readonly heard: readonly EdgeMessage[];
  /** The close code, once the socket has ended. */
  readonly closed: Promise<number>;
  send(message: WorkerMessage): void;
  /** The next message of this type that was not taken before and satisfies. Rejects once the socket has ended. */
  take<T extends EdgeMessage["type"]>(
    type: T,
    satisfies?: (message: EdgeMessageOf<T>) => boolean,
  ): Promise<EdgeMessageOf<T>>;
  /** Ends the TCP connection without a close frame, as a crash does. */
  terminate(): void;
}

/** Connects and greets. Rejects when the socket is refused or ends before the welcome. */
export async function connectAgent(options: ProtocolAgentOptions): Promise<ProtocolAgent> {
  const { token, name, slots = 1, claims = [] } = options;
  const url = new URL("/v1/workers/connect", options.url.replace(/^http/, "ws"));
  const socket = new WebSocket(url, [SUBPROTOCOL], {
    headers: { authorization: `Bearer ${token}` },
    perMessageDeflate: false,
  });
  const inbox = createInbox();
  socket.on("message", (data) => {
    const parsed = parseEdgeMessage(data.toString());
    if (parsed.status === "ok") inbox.put(parsed.message);
  });
  const closed = new Promise<number>((resolve) => socket.once("close", resolve));
  socket.once("close", (code) => inbox.end(`${name}'s socket was closed with ${code}`));
  await new Promise<void>((resolve, reject) => {
    socket.once("open", () => resolve());
    // Errors after the opening end in `close`, which is what counts.
    socket.on("error", reject);
  });
  const send = (message: WorkerMessage) => {
    if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
  };
  send({
    type: "hello",
    version: 1,
    name,
    slots,
    capabilities: {
      ffmpegVersion: "0",
      encoders: [
        { encoder: "libx264", codec: "h264", device: "cpu", bitDepths: [8], maxSessions: null },
      ],
    },
    leases: claims.map((lease) => ({ lease, stage: "transcoding", fraction: 0.5 })),
  });
  const welcome = await inbox.take("welcome");
  return {
    welcome,
    heard: inbox.heard,
    closed,
    send,
    take: inbox.take,
    terminate: () => socket.terminate(),
  };
}

function createInbox() {
  const heard: EdgeMessage[] = [];
  const untaken: EdgeMessage[] = [];
  const waiting = new Set<() => void>();
  let ended: string | null = null;
  return {
    heard,
    end: (reason: string) => {
      ended = reason;
      for (const look of [...waiting]) look();
    },
    put: (message: EdgeMessage) => {
      heard.push(message);
      untaken.push(message);
      for (const look of [...waiting]) look();
    },
    take: <T extends EdgeMessage["type"]>(
      type: T,
      satisfies: (message: EdgeMessageOf<T>) => boolean = () => true,
    ): Promise<EdgeMessageOf<T>> =>
      new Promise((resolve, reject) => {
        const isWanted = (message: EdgeMessage): message is EdgeMessageOf<T> =>
          message.type === type && satisfies(message as EdgeMessageOf<T>);
        const look = () => {
          const found = untaken.find(isWanted);
          if (found === undefined) {
            if (ended !== null) reject(new Error(`${ended} before a message '${type}'`));
            return;
          }
          untaken.splice(untaken.indexOf(found), 1);
          waiting.delete(look);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
  };
}

/** Uploads bytes as the lease's one output. @returns what `complete` has to report of it. */
export async function uploadOutput(
  edgeUrl: string,
  { task, grant }: Lease,
  bytes: Uint8Array,
): Promise<OutputReport> {
  const [promised] = Object.entries(task.outputs);
  if (promised === undefined) throw new Error("the lease asks for no output");
  const [key, { filename, format }] = promised;
  const contentType = "video/mp4";
  const begun = await fetch(new URL(`${grant.base}/outputs`, edgeUrl), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ key, filename, contentType, sizeBytes: bytes.length }),
  });
  const { url } = (await succeeded(begun).json()) as { url: string };
  const put = await fetch(new URL(url, edgeUrl), {
    method: "PUT",
    headers: { "content-type": contentType },
    body: bytes,
  });
  const { etag } = (await succeeded(put).json()) as { etag: string };
  return {
    key,
    filename,
    format,
    contentType,
    sizeBytes: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    stored: { kind: "single", etag },
    media: MEDIA,
  };
}

function succeeded(answer: Response): Response {
  if (!answer.ok) throw new Error(`HTTP ${answer.status} from ${new URL(answer.url).pathname}`);
  return answer;
}

/** The lease with the newest grant that the agent was handed for it: the first one ends with the first lease time. */
export function withNewestGrant({ heard }: ProtocolAgent, lease: Lease): Lease {
  const { taskId, epoch } = lease.lease;
  const grants = heard.flatMap((message) => {
    if (message.type === "welcome") {
      return message.leases.flatMap((each) =>
        each.status === "kept" && each.lease.taskId === taskId ? [each.grant] : [],
      );
    }
    const isRenewal =
      message.type === "ack" && message.lease.taskId === taskId && message.lease.epoch === epoch;
    return isRenewal && message.grant !== undefined ? [message.grant] : [];
  });
  return { ...lease, grant: grants.at(-1) ?? lease.grant };
}

/** The message that reports the lease's work as done. */
export function completeOf({ lease }: Lease, output: OutputReport): WorkerMessage {
  return { type: "complete", lease, outputs: [output], engine: NO_ENGINE };
}

/** A sign of life that renews the lease when `movement` has grown. */
export function progressOf({ lease }: Lease, movement: number): WorkerMessage {
  return {
    type: "progress",
    lease,
    stage: "transcoding",
    fraction: 0.5,
    movement,
    frame: movement,
    fps: 25,
    speed: 1,
  };
}
