/**
 * The pure scheduler at the size of a large fleet: workers, queued tasks and shards without sockets or storage. It shows
 * what matching itself costs and that nobody starves; the platform's part is in docs/SCALE.md, and so are the figures of the full size.
 */
import { performance } from "node:perf_hooks";
import { type MatchWorker, match, type ReadyTask } from "../../../edge/domain/match.ts";
import { allGuards } from "../../../edge/domain/rules.ts";
import { shardOfWorker } from "../../../edge/domain/shards.ts";
import { MODEST } from "../../../protocol/needs.ts";

const T0 = 1_800_000_000_000;
/** Tasks that a pool looks at together (`edge/pool/ready-window.ts`), and parts of one divided job. */
const WINDOW = 256;
const PARTS_AT_ONCE = 32;
/** Of every thousand tasks so many are chunks of long videos; the rest are short jobs. */
const CHUNKS_OF_1000 = 500;
const CHUNKS_PER_VIDEO = 500;
const ACCOUNTS = 50;

const rules = {
  leaseTtlMs: 30_000,
  reconnectGraceMs: 10_000,
  verifyTimeoutMs: 120_000,
  guards: allGuards,
};

export interface Scale {
  readonly workers: number;
  readonly tasks: number;
  readonly shards: number;
}

export interface Outcome {
  readonly largestShard: number;
  readonly leased: number;
  /** Microseconds of CPU that a lease took, over all shards; matching alone. */
  readonly microsecondsPerLease: number;
  /** The longest that one look at the queue took, in milliseconds. */
  readonly longestLookMs: number;
  /** The most leases that short jobs ahead of it waited for, while long videos held none of the others' turns. */
  readonly shortJobsFirst: number;
}

interface Shard {
  /** Whole jobs, oldest first, and the chunks of each long video, first chunk first. */
  readonly wholes: ReadyTask[];
  readonly videos: Map<string, ReadyTask[]>;
  readonly workers: MatchWorker[];
  readonly jobs: Map<string, number>;
  readonly accounts: Map<string, number>;
}

/** Fills every worker from the queue, as a pool does, and hands each slot on for as long as there are tasks. */
export function simulate({ workers, tasks, shards: count }: Scale): Outcome {
  const shards = fill({ workers, tasks, shards: count });
  let leased = 0;
  let cpuMs = 0;
  let longestLookMs = 0;
  let shortJobsFirst = 0;
  for (const shard of shards) {
    let isFirst = true;
    while (shard.wholes.length + shard.videos.size > 0) {
      const began = performance.now();
      const given = look(shard);
      const tookMs = performance.now() - began;
      cpuMs += tookMs;
      longestLookMs = Math.max(longestLookMs, tookMs);
      if (given.length === 0) break;
      leased += given.length;
      if (isFirst) shortJobsFirst += given.filter(({ place }) => place === null).length;
      isFirst = false;
      // Everyone is done at once and asks again: the worst that a queue can meet.
      shard.jobs.clear();
      shard.accounts.clear();
    }
  }
  const largestShard = Math.max(...shards.map((shard) => shard.workers.length));
  const microsecondsPerLease = (1000 * cpuMs) / leased;
  return { largestShard, leased, microsecondsPerLease, longestLookMs, shortJobsFirst };
}

function fill({ workers, tasks, shards: count }: Scale): readonly Shard[] {
  const shards = Array.from(
    { length: count },
    (): Shard => ({
      wholes: [],
      videos: new Map(),
      workers: [],
      jobs: new Map(),
      accounts: new Map(),
    }),
  );
  for (let at = 0; at < workers; at++) {
    const workerId = `wkr_${at}`;
    const shard = shards[shardOfWorker(workerId, count)];
    shard?.workers.push({
      workerId,
      slots: 1,
      held: 0,
      free: 1,
      encoders: [],
      takesParts: true,
    });
  }
  for (let at = 0; at < tasks; at++) addTask(shards, at);
  return shards;
}

function addTask(shards: readonly Shard[], at: number): void {
  const isChunk = at % 1000 < CHUNKS_OF_1000;
  const jobId = isChunk ? `video_${Math.floor(at / 1000)}` : `job_${at}`;
  const task: ReadyTask = {
    taskId: `tsk_${at}`,
    jobId,
    accountId: `account_${at % ACCOUNTS}`,
    priority: 0,
    queuedAt: T0 + at,
    readyAt: T0,
    lastWorkerId: null,
    needs: MODEST,
    place: isChunk ? at % CHUNKS_PER_VIDEO : null,
  };
  const shard = shards[shardOfWorker(jobId, shards.length)];
  if (shard === undefined) return;
  if (!isChunk) shard.wholes.push(task);
  else shard.videos.set(jobId, [...(shard.videos.get(jobId) ?? []), task]);
}

/** One look at the queue with every worker free: pages until the workers run out. */
function look(shard: Shard): readonly ReadyTask[] {
  const given: ReadyTask[] = [];
  const free = new Map(shard.workers.map((worker) => [worker.workerId, worker]));
  while (free.size > 0) {
    const parts = [...shard.videos.values()].flatMap((chunks) => chunks.slice(0, PARTS_AT_ONCE));
    const page = [...parts, ...shard.wholes.slice(0, WINDOW)];
    if (page.length === 0) break;
    const active = { accounts: shard.accounts, jobs: shard.jobs };
    const { assignments } = match(page, [...free.values()], active, T0 + 10_000_000, rules);
    if (assignments.length === 0) break;
    const byId = new Map(page.map((task) => [task.taskId, task]));
    for (const { taskId, workerId } of assignments) {
      free.delete(workerId);
      const task = byId.get(taskId);
      if (task === undefined) continue;
      given.push(task);
      shard.jobs.set(task.jobId, (shard.jobs.get(task.jobId) ?? 0) + 1);
      shard.accounts.set(task.accountId, (shard.accounts.get(task.accountId) ?? 0) + 1);
    }
    take(shard, new Set(assignments.map(({ taskId }) => taskId)));
  }
  return given;
}

function take(shard: Shard, leased: ReadonlySet<string>): void {
  const head = shard.wholes.splice(0, WINDOW).filter(({ taskId }) => !leased.has(taskId));
  shard.wholes.unshift(...head);
  for (const [jobId, chunks] of shard.videos) {
    const left = chunks.filter(({ taskId }) => !leased.has(taskId));
    if (left.length === 0) shard.videos.delete(jobId);
    else if (left.length < chunks.length) shard.videos.set(jobId, left);
  }
}
