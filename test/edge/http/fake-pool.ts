/** A pool that answers as the test tells it, so that what HTTP does with the answers can be seen. */
import { noCounters } from "../../../edge/domain/counters.ts";
import type { Want } from "../../../edge/domain/lending.ts";
import type { AttemptRecord, JobSnapshot } from "../../../edge/domain/model.ts";
import type { JobSubmission } from "../../../edge/domain/submission.ts";
import type { Env } from "../../../edge/env.ts";
import type {
  CancelResult,
  PartsResult,
  PoolMetrics,
  PoolRpc,
  RetryResult,
  WorkerSnapshot,
} from "../../../edge/pool/rpc.ts";
import { isTerminalState } from "../../../protocol/stages.ts";
import { testEnv } from "./harness.ts";

export function snapshotOf(
  submission: JobSubmission,
  change: Partial<JobSnapshot> = {},
): JobSnapshot {
  return {
    jobId: submission.jobId,
    revision: 1,
    run: 1,
    state: "queued",
    stage: null,
    progress: 0,
    stages: [],
    attempt: 0,
    maxAttempts: submission.maxAttempts,
    timeoutSeconds: submission.timeoutSeconds,
    error: null,
    playable: false,
    outputs: [],
    fps: null,
    speed: null,
    startedAt: null,
    completedAt: null,
    ...change,
  };
}

export class FakePool implements PoolRpc {
  readonly submitted: JobSubmission[] = [];
  readonly jobs = new Map<string, JobSnapshot>();
  readonly calls: string[] = [];
  readonly names = new Set<string>();
  readonly requests: Request[] = [];
  ledger: readonly AttemptRecord[] = [];
  /** What a merge may read. */
  found: PartsResult = { status: "stale_epoch" };
  fleet: readonly WorkerSnapshot[] = [];
  counted: PoolMetrics = {
    ready: 0,
    oldestQueuedAt: null,
    leased: 0,
    verifying: 0,
    workersConnected: 0,
    slots: 0,
    slotsBusy: 0,
    outboxEntries: 0,
    counters: noCounters,
  };
  /** Every call fails with this. */
  broken: Error | null = null;

  /** The env whose POOL is this one. */
  get env(): Env {
    const getByName = (name: string) => {
      this.names.add(name);
      return this;
    };
    return { ...testEnv, POOL: { getByName } as unknown as Env["POOL"] };
  }

  /** Moves a job on: the next question finds it so. */
  become(jobId: string, change: Partial<JobSnapshot>): JobSnapshot {
    const known = this.jobs.get(jobId);
    if (known === undefined) throw new Error(`the pool has no ${jobId}`);
    const next = { ...known, revision: known.revision + 1, ...change };
    this.jobs.set(jobId, next);
    return next;
  }

  #enter(call: string): void {
    this.calls.push(call);
    if (this.broken !== null) throw this.broken;
  }

  #know(submission: JobSubmission): JobSnapshot {
    const known = this.jobs.get(submission.jobId) ?? snapshotOf(submission);
    this.jobs.set(submission.jobId, known);
    return known;
  }

  async submit(submission: JobSubmission): Promise<JobSnapshot> {
    this.#enter("submit");
    this.submitted.push(submission);
    return this.#know(submission);
  }

  async read(submission: JobSubmission): Promise<JobSnapshot> {
    this.#enter("read");
    return this.#know(submission);
  }

  async cancel(submission: JobSubmission): Promise<CancelResult> {
    this.#enter("cancel");
    const known = this.#know(submission);
    if (isTerminalState(known.state)) return { status: "terminal", job: known };
    return { status: "ok", job: this.become(submission.jobId, { state: "cancelled" }) };
  }

  async retry(submission: JobSubmission): Promise<RetryResult> {
    this.#enter("retry");
    const known = this.#know(submission);
    if (!known.error?.retryable) {
      return { status: "not_retryable", job: known, reason: "its failure would only recur." };
    }
    const change = { state: "queued", run: known.run + 1, error: null, completedAt: null } as const;
    return { status: "ok", job: this.become(submission.jobId, change) };
  }

  async metrics(): Promise<PoolMetrics> {
    this.#enter("metrics");
    return this.counted;
  }

  async attempts(): Promise<readonly AttemptRecord[]> {
    this.#enter("attempts");
    return this.ledger;
  }

  async workers(): Promise<readonly WorkerSnapshot[]> {
    this.#enter("workers");
    return this.fleet;
  }

  async lend(_shard: number, wants: readonly Want[]): Promise<readonly Want[]> {
    this.#enter("lend");
    return wants;
  }

  async offer(): Promise<void> {
    this.#enter("offer");
  }

  async poke(): Promise<void> {
    this.#enter("poke");
  }

  async drain(workerId: string): Promise<void> {
    this.#enter(`drain ${workerId}`);
  }

  async revoke(workerId: string): Promise<void> {
    this.#enter(`revoke ${workerId}`);
  }

  async parts(): Promise<PartsResult> {
    this.#enter("parts");
    return this.found;
  }

  async deliver(): Promise<void> {
    this.#enter("deliver");
  }

  async recordUpload(): Promise<{ status: "ok" }> {
    return { status: "ok" };
  }

  async fetch(request: Request): Promise<Response> {
    this.requests.push(request);
    const { 0: client, 1: server } = new WebSocketPair();
    server.accept();
    return new Response(null, {
      status: 101,
      webSocket: client,
      headers: { "sec-websocket-protocol": "telecine.v1" },
    });
  }
}
