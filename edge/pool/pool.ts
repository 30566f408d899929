/**
 * The Durable Object of one shard of a pool: the truth about its live jobs, and the meeting point of tasks and
 * workers. Only wiring: what happens is decided in edge/domain, and done by the files beside this one.
 */
import { DurableObject } from "cloudflare:workers";
import { PING, PONG } from "../../protocol/messages.ts";
import type { Want } from "../domain/lending.ts";
import type { AttemptRecord, JobSnapshot } from "../domain/model.ts";
import type { JobSubmission } from "../domain/submission.ts";
import type { Env } from "../env.ts";
import { rearm, ring, wake } from "./alarm.ts";
import { closeSocket } from "./connection.ts";
import type { PoolContext } from "./context.ts";
import { createContext } from "./create-context.ts";
import { handleFrame } from "./frames.ts";
import { attemptsOfJob, cancelThisJob, retryThisJob, submitJob } from "./job-calls.ts";
import { hearOffer, lendTo, meetOthers } from "./lending.ts";
import { logWarning } from "./log.ts";
import { poolMetrics } from "./metrics.ts";
import { partsForMerge } from "./parts.ts";
import {
  type CancelResult,
  type PartsResult,
  type PoolMetrics,
  type PoolRpc,
  type RetryResult,
  socketPaths,
  type WorkerSnapshot,
} from "./rpc.ts";
import { acceptSocket, socketGone } from "./sockets.ts";
import { Viewer, viewerStateOf } from "./viewer.ts";
import { acceptViewer, catchUpViewers, viewerGone } from "./viewers.ts";
import {
  drainWorker,
  letGoOfOthers,
  listWorkers,
  recordUpload,
  revokeWorker,
} from "./worker-calls.ts";

/** RFC 6455 section 7.4.1. */
const NORMAL_CLOSURE = 1000;

export class Pool extends DurableObject<Env> implements PoolRpc {
  readonly #pool: PoolContext;

  constructor(state: DurableObjectState, env: Env) {
    super(state, env);
    const pool = createContext(state, env);
    this.#pool = pool;
    state.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG));
    void state.blockConcurrencyWhile(async () => {
      const alarmAt = await state.storage.getAlarm();
      pool.background("wake", pool.run(wake(pool, alarmAt)));
      pool.background("viewers", catchUpViewers(pool));
    });
  }

  /** A worker's or a viewer's socket; the Worker has authenticated it. */
  override async fetch(request: Request): Promise<Response> {
    if (new URL(request.url).pathname === socketPaths.viewer) {
      return acceptViewer(this.#pool, request, (socket, jobId) =>
        this.ctx.acceptWebSocket(socket, [jobId]),
      );
    }
    return acceptSocket(this.#pool, request, (socket, workerId) =>
      this.ctx.acceptWebSocket(socket, [workerId]),
    );
  }

  override async webSocketMessage(socket: WebSocket, frame: string | ArrayBuffer): Promise<void> {
    const connection = this.#pool.connections.of(socket);
    if (connection !== null) return handleFrame(this.#pool, connection, frame);
    const viewer = viewerStateOf(socket);
    // A worker's then, and a newer one replaced it: nothing that it says counts any more.
    if (viewer === null) return;
    new Viewer(socket, viewer).refuse();
    return viewerGone(this.#pool, viewer);
  }

  override async webSocketClose(socket: WebSocket): Promise<void> {
    // Answers the close (RFC 6455 section 5.5.1); a hibernating socket does not by itself (2026-11, tried locally).
    closeSocket(socket, NORMAL_CLOSURE, "");
    await this.#gone(socket);
  }

  override async webSocketError(socket: WebSocket, error: unknown): Promise<void> {
    logWarning("socket_error", {}, error);
    await this.#gone(socket);
  }

  async #gone(socket: WebSocket): Promise<void> {
    const viewer = viewerStateOf(socket);
    await (viewer === null ? socketGone(this.#pool, socket) : viewerGone(this.#pool, viewer));
  }

  override async alarm(): Promise<void> {
    await ring(this.#pool);
  }

  async submit(submission: JobSubmission): Promise<JobSnapshot> {
    return submitJob(this.#pool, submission, null);
  }

  async read(submission: JobSubmission, prior?: JobSnapshot | null): Promise<JobSnapshot> {
    return submitJob(this.#pool, submission, prior ?? null);
  }

  async cancel(submission: JobSubmission, prior?: JobSnapshot | null): Promise<CancelResult> {
    return cancelThisJob(this.#pool, submission, prior ?? null);
  }

  async retry(
    submission: JobSubmission,
    options: { timeoutSeconds?: number },
    prior?: JobSnapshot | null,
  ): Promise<RetryResult> {
    return retryThisJob(this.#pool, submission, options, prior ?? null);
  }

  async attempts(
    submission: JobSubmission,
    prior?: JobSnapshot | null,
  ): Promise<readonly AttemptRecord[]> {
    return attemptsOfJob(this.#pool, submission, prior ?? null);
  }

  async workers(): Promise<readonly WorkerSnapshot[]> {
    return listWorkers(this.#pool);
  }

  async metrics(): Promise<PoolMetrics> {
    return poolMetrics(this.#pool);
  }

  async poke(shards?: number): Promise<void> {
    rearm(this.#pool, await this.ctx.storage.getAlarm());
    if (shards === undefined) return;
    letGoOfOthers(this.#pool, shards);
    if (shards > 1) meetOthers(this.#pool);
  }

  async drain(workerId: string): Promise<void> {
    drainWorker(this.#pool, workerId);
  }

  async lend(shard: number, wants: readonly Want[]): Promise<readonly Want[]> {
    return lendTo(this.#pool, shard, wants);
  }

  async offer(shard: number): Promise<void> {
    await hearOffer(this.#pool, shard);
  }

  async revoke(workerId: string): Promise<void> {
    await revokeWorker(this.#pool, workerId);
  }

  async parts(lease: { taskId: string; epoch: number }): Promise<PartsResult> {
    return partsForMerge(this.#pool, lease);
  }

  async deliver(): Promise<void> {
    await this.#pool.drain();
  }

  async recordUpload(upload: {
    taskId: string;
    epoch: number;
    key: string;
    uploadId: string;
  }): Promise<{ status: "ok" } | { status: "stale_epoch" }> {
    return recordUpload(this.#pool, upload);
  }
}
