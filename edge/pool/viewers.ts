/**
 * Those who follow jobs, and what they are told. Lines of the history are read from its rows: whatever was missed,
 * by a client that reconnects or by a pool that was evicted, is found there, each once and in order. A silent job
 * sends nothing, and its viewers' sockets let the pool hibernate.
 */
import type { Output } from "../../protocol/http/jobs.ts";
import { type HistoryLine, isLastLine, resumeAfter } from "../domain/history.ts";
import { snapshotOf } from "../domain/job.ts";
import type { LiveJob } from "../domain/model.ts";
import { viewHistoryLine, viewProgress } from "../event-view.ts";
import { viewOutputs } from "../media/output-view.ts";
import type { PoolContext } from "./context.ts";
import { logWarning } from "./log.ts";
import { viewerHeaders } from "./rpc.ts";
import { Viewer, type ViewerState, viewerStateOf } from "./viewer.ts";
import { unwatch, watch } from "./watch.ts";

/** Least time between two `progress` events of a job: what is said in between is overtaken by the next. */
const PROGRESS_SPACING_MS = 250;
/** Lines of a history that are held in memory at a time. */
const PAGE = 100;

export class Viewers {
  readonly #sockets: (jobId?: string) => readonly WebSocket[];
  readonly #progressAt = new Map<string, number>();
  /** Jobs whose viewers are being told; true when there is more to tell already. */
  readonly #telling = new Map<string, boolean>();

  /** `sockets` answers with the sockets that carry a tag, or with all of them. */
  constructor(sockets: (jobId?: string) => readonly WebSocket[]) {
    this.#sockets = sockets;
  }

  of(jobId: string): readonly Viewer[] {
    return toViewers(this.#sockets(jobId));
  }

  /** Every job that somebody follows. */
  jobs(): readonly string[] {
    return [...new Set(toViewers(this.#sockets()).map((viewer) => viewer.state.jobId))];
  }

  has(jobId: string): boolean {
    return this.of(jobId).length > 0;
  }

  /** Whether a `progress` event of the job may be sent now; the answer yes counts as one. */
  mayShowProgress(jobId: string, now: number): boolean {
    const at = this.#progressAt.get(jobId);
    // A time that lies ahead was taken before the clock was set back.
    if (at !== undefined && at <= now && now - at < PROGRESS_SPACING_MS) return false;
    this.#progressAt.set(jobId, now);
    return true;
  }

  /** The job has ended, or nobody looks: nothing about it needs to be remembered. */
  forget(jobId: string): void {
    this.#progressAt.delete(jobId);
  }

  /**
   * Tells these viewers of a job, never any twice at the same time: what is asked for meanwhile follows at once, for
   * all of the job's.
   */
  async inTurn(
    jobId: string,
    viewers: readonly Viewer[],
    tell: (viewer: Viewer) => Promise<void>,
  ): Promise<void> {
    if (this.#telling.has(jobId)) {
      this.#telling.set(jobId, true);
      return;
    }
    try {
      let told = viewers;
      do {
        this.#telling.set(jobId, false);
        for (const viewer of told) await tell(viewer);
        told = this.of(jobId);
      } while (this.#telling.get(jobId));
    } finally {
      this.#telling.delete(jobId);
    }
  }
}

function toViewers(sockets: readonly WebSocket[]): readonly Viewer[] {
  return sockets.flatMap((socket) => {
    if (socket.readyState !== WebSocket.OPEN) return [];
    const state = viewerStateOf(socket);
    return state === null ? [] : [new Viewer(socket, state)];
  });
}

/**
 * Accepts the socket of a client that may see the job. Answers 404 for a job that has no rows here (any more), and
 * 204 where the job has ended and the client has seen it all.
 */
export async function acceptViewer(
  pool: PoolContext,
  request: Request,
  accept: (socket: WebSocket, jobId: string) => void,
): Promise<Response> {
  const { headers } = request;
  const jobId = headers.get(viewerHeaders.jobId) ?? "";
  const live = pool.jobs.load(jobId);
  if (live === null) return new Response(null, { status: 404 });
  const { revision } = live.job;
  const after = resumeAfter(Number(headers.get(viewerHeaders.after) ?? 0), revision);
  const [missed] = pool.history.after(jobId, after, 1);
  if (missed === undefined && hasEnded(live)) return new Response(null, { status: 204 });
  const { 0: client, 1: server } = new WebSocketPair();
  const isFirst = !pool.viewers.has(jobId);
  accept(server, jobId);
  const origin = headers.get(viewerHeaders.origin) ?? live.job.submission.origin;
  const state: ViewerState = {
    kind: "viewer",
    viewerId: crypto.randomUUID(),
    jobId,
    after,
    origin,
  };
  server.serializeAttachment(state);
  pool.background("viewer", welcomeViewer(pool, live, new Viewer(server, state), isFirst));
  return new Response(null, { status: 101, webSocket: client });
}

/** What it missed, then where the job is now; and the first viewer makes the job's workers report faster. */
async function welcomeViewer(
  pool: PoolContext,
  live: LiveJob,
  viewer: Viewer,
  isFirst: boolean,
): Promise<void> {
  const { jobId } = viewer.state;
  await tell(pool, jobId, [viewer]);
  if (live.job.stage !== null && !hasEnded(live)) {
    viewer.send(viewProgress(snapshotOf(live.job, live.tasks)));
  }
  if (isFirst) await watch(pool, jobId);
}

/** Sends every viewer of the job the lines that it has not seen, and lets go of those that have seen the last. */
export async function tellViewers(pool: PoolContext, jobId: string): Promise<void> {
  const viewers = pool.viewers.of(jobId);
  if (viewers.length > 0) await tell(pool, jobId, viewers);
}

function tell(pool: PoolContext, jobId: string, viewers: readonly Viewer[]): Promise<void> {
  return pool.viewers.inTurn(jobId, viewers, async (viewer) => {
    try {
      await tellViewer(pool, viewer);
    } catch (error) {
      logWarning("viewer_not_told", { traceId: pool.jobs.traceOf(jobId), jobId }, error);
    }
  });
}

async function tellViewer(pool: PoolContext, viewer: Viewer): Promise<void> {
  const { jobId } = viewer.state;
  for (;;) {
    if (viewer.state.after === pool.jobs.load(jobId)?.job.revision) break;
    const lines = pool.history.after(jobId, viewer.state.after, PAGE);
    for (const line of lines) {
      const isOutputNeeded = line.snapshot.state === "completed";
      const outputs = isOutputNeeded ? await outputsFor(pool, line, viewer.state.origin) : [];
      // A socket that takes nothing any more is about to be closed; its client resumes.
      if (!viewer.send(viewHistoryLine(line, outputs))) return;
    }
    if (lines.length < PAGE) break;
  }
  const live = pool.jobs.load(jobId);
  if (live !== null && !hasEnded(live)) return;
  pool.viewers.forget(jobId);
  viewer.end();
}

async function outputsFor(
  pool: PoolContext,
  line: HistoryLine,
  origin: string,
): Promise<readonly Output[]> {
  const { jobId, run } = line.snapshot;
  const job = pool.jobs.load(jobId)?.job;
  if (job === undefined) return [];
  const { accountId } = job.submission;
  const of = { origin, accountId, jobId, run };
  return viewOutputs(pool.settings, of, job.outputs, pool.now());
}

/** A worker reported: whoever looks is shown how far the job is, if that was not just done. Writes nothing. */
export function showProgress(pool: PoolContext, live: LiveJob): void {
  const { jobId } = live.job.submission;
  const viewers = pool.viewers.of(jobId);
  if (viewers.length === 0 || !pool.viewers.mayShowProgress(jobId, pool.now())) return;
  const event = viewProgress(snapshotOf(live.job, live.tasks));
  for (const viewer of viewers) viewer.send(event);
}

/** A viewer is gone. With the last one the job's workers report as they do for nobody. */
export async function viewerGone(pool: PoolContext, state: ViewerState): Promise<void> {
  const { jobId, viewerId } = state;
  if (pool.viewers.of(jobId).some((viewer) => viewer.state.viewerId !== viewerId)) return;
  pool.viewers.forget(jobId);
  await unwatch(pool, jobId);
}

/** Tells viewers what an instance before this one committed and did not come to tell. */
export async function catchUpViewers(pool: PoolContext): Promise<void> {
  for (const jobId of pool.viewers.jobs()) await tellViewers(pool, jobId);
}

function hasEnded({ job }: LiveJob): boolean {
  return isLastLine({ snapshot: job });
}
