/** A pool of its own for each test, a clock that the test steps, and an agent that speaks the protocol. */
import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, vi } from "vitest";
import type { JobSubmission } from "../../../edge/domain/submission.ts";
import { newId } from "../../../edge/ids.ts";
import { attemptPrefix } from "../../../edge/media/keys.ts";
import { clock } from "../../../edge/pool/clock.ts";
import type { Pool } from "../../../edge/pool/pool.ts";
import { type PoolRpc, workerHeaders } from "../../../edge/pool/rpc.ts";
import type { Capabilities, VideoCodec } from "../../../protocol/media.ts";
import {
  type EdgeMessage,
  type EdgeMessageOf,
  PING,
  PONG,
  parseEdgeMessage,
  SUBPROTOCOL,
  type WorkerMessage,
  type WorkerMessageOf,
} from "../../../protocol/messages.ts";
import type { LeaseRef, OutputReport } from "../../../protocol/task.ts";

declare global {
  namespace Cloudflare {
    interface Env {
      readonly POOL: DurableObjectNamespace<Pool>;
    }
  }
}

export const SECOND = 1000;
export const DAY = 86_400 * SECOND;
/** The defaults of LEASE_TTL_SECONDS and RECONNECT_GRACE_SECONDS. */
export const TTL = 30 * SECOND;
export const GRACE = 10 * SECOND;

/** Far ahead, so that no alarm of a test rings by itself: the tests ring them. */
const EPOCH = Date.now() + 365 * DAY;
let now = EPOCH;

/** Steps the pool's clock. */
export function pass(milliseconds: number): void {
  now += milliseconds;
}

export function time(): number {
  return now;
}

/** The lines that the pool logged in this test. */
export const logged: string[] = [];

/** Installs the stepped clock, and takes the log, for the tests of a file. */
export function usePool(): void {
  beforeEach(() => {
    now = EPOCH;
    logged.length = 0;
    vi.spyOn(clock, "now").mockImplementation(() => now);
    vi.spyOn(console, "log").mockImplementation((line) => logged.push(String(line)));
    vi.spyOn(console, "warn").mockImplementation((line) => logged.push(String(line)));
  });
  afterEach(() => {
    vi.restoreAllMocks();
  });
}

export type PoolStub = DurableObjectStub<Pool>;

let pools = 0;

export function newPool(): PoolStub {
  pools++;
  return env.POOL.getByName(`pool:default/test-${pools}/0`);
}

export function rpc(stub: PoolStub): PoolRpc {
  return stub as unknown as PoolRpc;
}

/** Rings the alarm, whatever it is set to. */
export function ringAlarm(stub: PoolStub): Promise<boolean> {
  return runDurableObjectAlarm(stub);
}

export function alarmAt(stub: PoolStub): Promise<number | null> {
  return runInDurableObject(stub, (_pool, state) => state.storage.getAlarm());
}

/** Rows that the object has written so far. */
export function rowsWritten(stub: PoolStub): Promise<number> {
  return runInDurableObject(stub, (_pool, state) =>
    Number(state.storage.sql.exec("SELECT total_changes() AS n").one().n),
  );
}

/** Counts from now on how often the object sets its alarm: the platform bills each as a row written. */
export function countAlarms(stub: PoolStub) {
  return runInDurableObject(stub, (_pool, state) => vi.spyOn(state.storage, "setAlarm"));
}

export function countRows(stub: PoolStub, table: string): Promise<number> {
  return runInDurableObject(stub, (_pool, state) =>
    Number(state.storage.sql.exec(`SELECT COUNT(*) AS n FROM ${table}`).one().n),
  );
}

/** Runs the alarm with the outbox's backstop passed, so that everything owed is tried once more. */
export async function settleOutbox(stub: PoolStub): Promise<void> {
  pass(11 * SECOND);
  await ringAlarm(stub);
}

export function submissionOf(change: Partial<JobSubmission> = {}): JobSubmission {
  return {
    jobId: newId("job", now),
    accountId: "default",
    pool: "default",
    shard: 0,
    createdAt: now,
    work: { mode: "recipe", recipe: { name: "webReady", crf: 23 } },
    inputs: {
      in_1: {
        kind: "video",
        videoId: "vid_01J00000000000000000000000",
        key: "sources/default/vid_01J00000000000000000000000",
        etag: "source-etag",
        filename: "clip.mp4",
        contentType: "video/mp4",
        sizeBytes: 1000,
      },
    },
    outputs: { out_1: { filename: "result.mp4", format: "mp4" } },
    webhookUrl: null,
    presetId: null,
    priority: 0,
    timeoutSeconds: 3600,
    queueTimeoutSeconds: 86_400,
    maxAttempts: 3,
    metadata: { order: 7 },
    specHash: crypto.randomUUID(),
    origin: "https://video.example.com",
    ...change,
  };
}

/** An agent on a real socket. Messages are taken in order; nothing waits for time to pass. */
export class Agent {
  readonly workerId: string;
  readonly #socket: WebSocket;
  readonly #arrived: EdgeMessage[] = [];
  readonly #waiting: ((message: EdgeMessage) => void)[] = [];
  readonly #pinged: (() => void)[] = [];
  readonly closed: Promise<{ readonly code: number; readonly reason: string }>;
  /** How many frames ever came. */
  received = 0;

  constructor(socket: WebSocket, workerId: string) {
    this.#socket = socket;
    this.workerId = workerId;
    this.closed = new Promise((resolve) => {
      socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason }));
    });
    socket.addEventListener("message", ({ data }) => this.#take(String(data)));
    socket.accept();
  }

  #take(data: string): void {
    if (data === PONG) {
      this.#pinged.shift()?.();
      return;
    }
    const parsed = parseEdgeMessage(data);
    if (parsed.status === "invalid") throw new Error(`the edge sent ${data}: ${parsed.detail}`);
    this.received++;
    const waiting = this.#waiting.shift();
    if (waiting === undefined) this.#arrived.push(parsed.message);
    else waiting(parsed.message);
  }

  say(message: WorkerMessage): void {
    this.#socket.send(JSON.stringify(message));
  }

  sayRaw(frame: string | ArrayBuffer): void {
    this.#socket.send(frame);
  }

  /** Until the runtime has answered. It takes the time for that from the real clock. */
  ping(): Promise<void> {
    return new Promise((resolve) => {
      this.#pinged.push(resolve);
      this.#socket.send(PING);
    });
  }

  next(): Promise<EdgeMessage> {
    const arrived = this.#arrived.shift();
    if (arrived !== undefined) return Promise.resolve(arrived);
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
    });
  }

  /** The next message, which must be of this type. */
  async expect<T extends EdgeMessage["type"]>(type: T): Promise<EdgeMessageOf<T>> {
    const message = await this.next();
    if (message.type !== type) throw new Error(`expected ${type}, got ${JSON.stringify(message)}`);
    return message as EdgeMessageOf<T>;
  }

  /** What came until everything said so far was handled: an unknown lease is always answered. */
  async settled(): Promise<readonly EdgeMessage[]> {
    const lease = { taskId: `tsk_${"0".repeat(26)}_0`, epoch: 1 };
    this.say({ type: "release", lease, reason: "shutdown" });
    const before: EdgeMessage[] = [];
    for (;;) {
      const message = await this.next();
      if (message.type === "ack" && message.lease.taskId === lease.taskId) return before;
      before.push(message);
    }
  }

  hello(change: Partial<WorkerMessageOf<"hello">> = {}): void {
    this.say({
      type: "hello",
      version: 1,
      name: "gpu-1",
      slots: 1,
      capabilities: { ffmpegVersion: "5.1", encoders: [] },
      leases: [],
      ...change,
    });
  }

  progress(lease: LeaseRef, change: Partial<WorkerMessageOf<"progress">> = {}): void {
    this.say({
      type: "progress",
      lease,
      stage: "transcoding",
      fraction: 0.1,
      movement: 1,
      frame: 1,
      fps: 25,
      speed: 1,
      ...change,
    });
  }

  complete(lease: LeaseRef, outputs: readonly OutputReport[]): void {
    this.say({ type: "complete", lease, outputs: [...outputs], engine });
  }

  close(): void {
    this.#socket.close(1000, "bye");
  }
}

export const engine = { device: "cpu", encoder: "libx264", exitCode: 0, log: ["done"] };

/** Opens the socket as the Worker does once it has checked the token. */
export async function dial(
  stub: PoolStub,
  workerId: string,
  { name = "gpu-1", tokenEndsAt }: { readonly name?: string; readonly tokenEndsAt?: number } = {},
): Promise<Agent> {
  const answer = await stub.fetch("https://pool.internal/connect", {
    headers: {
      upgrade: "websocket",
      "sec-websocket-protocol": SUBPROTOCOL,
      [workerHeaders.workerId]: workerId,
      [workerHeaders.workerName]: encodeURIComponent(name),
      ...(tokenEndsAt === undefined ? {} : { [workerHeaders.tokenEndsAt]: String(tokenEndsAt) }),
    },
  });
  if (answer.webSocket === null) throw new Error(`no socket: ${answer.status}`);
  return new Agent(answer.webSocket, workerId);
}

/** A greeted agent that asked for `free` leases. */
export async function join(
  stub: PoolStub,
  options: { readonly workerId?: string; readonly slots?: number; readonly free?: number } = {},
): Promise<Agent> {
  const agent = await dial(stub, options.workerId ?? newId("worker", now));
  agent.hello({ slots: options.slots ?? 1 });
  await agent.expect("welcome");
  const free = options.free ?? 1;
  if (free > 0) agent.say({ type: "pull", free });
  return agent;
}

/** A job that an agent runs. */
export async function running(
  stub: PoolStub,
  change: Partial<JobSubmission> = {},
): Promise<{
  readonly submission: JobSubmission;
  readonly agent: Agent;
  readonly lease: LeaseRef;
  readonly message: EdgeMessageOf<"lease">;
}> {
  const submission = submissionOf(change);
  await rpc(stub).submit(submission);
  const agent = await join(stub);
  const message = await agent.expect("lease");
  return { submission, agent, lease: message.lease, message };
}

/** Writes an output where the attempt may write, and reports it as an agent would. */
export async function deliver(
  submission: JobSubmission,
  lease: LeaseRef,
  bytes: Uint8Array<ArrayBuffer> = Uint8Array.from(new TextEncoder().encode("an mp4 file")),
): Promise<OutputReport> {
  const key = `${attemptPrefix({ jobId: submission.jobId, run: 1, ...lease })}result.mp4`;
  const object = await env.MEDIA.put(key, bytes, { httpMetadata: { contentType: "video/mp4" } });
  if (object === null) throw new Error("not stored");
  return reportOf(object.etag, bytes);
}

export async function reportOf(
  etag: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<OutputReport> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return {
    key: "out_1",
    filename: "result.mp4",
    format: "mp4",
    contentType: "video/mp4",
    sizeBytes: bytes.length,
    sha256: [...digest].map((byte) => byte.toString(16).padStart(2, "0")).join(""),
    stored: { kind: "single", etag },
    media: {
      format: "mp4",
      durationSeconds: 1,
      width: 320,
      height: 240,
      frameRate: 25,
      videoCodec: "h264",
      audioCodec: null,
      bitrateKbps: 100,
    },
  };
}

/** How an agent reports that ffmpeg failed. */
export const fatal = {
  type: "fail",
  stage: "transcoding",
  code: "TRANSCODE_ERROR",
  detail: "FFmpeg exited with code 1: Cannot allocate memory",
  retryable: true,
  engine,
} as const;

/** What a worker says of itself that proved an encoder for each codec, on the CPU. */
export function proving(...codecs: VideoCodec[]): Capabilities {
  return {
    ffmpegVersion: "5.1",
    encoders: codecs.map((codec) => ({
      encoder: `lib${codec}`,
      codec,
      device: "cpu",
      bitDepths: [8],
      maxSessions: null,
    })),
  };
}
