/**
 * Shards of one pool help each other out: tasks that wait in a shard where nobody can take them ask the other shards for
 * idle workers. One that can spare some sends them over (their sockets are closed, and they dial in again); one that
 * cannot remembers who asked, and says so when a worker of its is idle. A pool of one shard does none of this.
 */
import { findShards } from "../catalogue/pools.ts";
import { lendWorkers } from "../catalogue/workers.ts";
import { kindOf, lend, modestly, type Want, wantsOf } from "../domain/lending.ts";
import type { MatchWorker, ReadyTask } from "../domain/match.ts";
import { poolOf } from "../pool-stub.ts";
import type { PoolContext } from "./context.ts";
import { pinned } from "./dispatch.ts";
import { SECOND_MS } from "./durations.ts";
import { matchWorkers } from "./fleet.ts";
import { logInfo, logWarning } from "./log.ts";
import type { PoolRpc } from "./rpc.ts";
import { letGoOfIdle } from "./worker-calls.ts";

/** Questions to all shards come no closer together, so that a shard with much work is not busy asking. */
const SPACING_MS = SECOND_MS;
/** Until then those that were sent are there, and have taken something. */
const ARRIVAL_MS = 3 * SECOND_MS;
/** Asked again for what nobody could do: a shard that was evicted has forgotten who asked it. */
const AGAIN_MS = 15 * SECOND_MS;
/** How long a shard remembers who asked: those that still wait ask again long before. */
const REMEMBERED_MS = 60 * SECOND_MS;
/** Tasks of one kind for which workers are sought at once. */
const SOUGHT_AT_ONCE = 16;
/** No worker is sought beyond this: more frames than theirs an object does not take (docs/SCALE.md). */
const MOST_WORKERS = 500;
/** Pages of the queue that are looked at, 256 jobs each. */
const MOST_PAGES = 4;

/** Where it is kept that the pool has other shards; without it, most pools would read the record to learn that it has none. */
const SHARDED_KEY = "sharded";

/** What a shard remembers of asking and being asked. All but the first may be lost: whoever waits asks again. */
export interface Lending {
  /** Whether the pool has no other shard, as far as this one was told. */
  isAlone: boolean;
  isAsking: boolean;
  askedAt: number;
  /** When each kind of task that was asked for is asked for again. */
  readonly again: Map<string, number>;
  /** When to look again, for the alarm; null for never. */
  lookAt: number | null;
  /** Shards that said they have idle workers while this one was asking. */
  readonly offers: Set<number>;
  /** Other shards that asked in vain. */
  readonly waiting: Map<number, { readonly wants: readonly Want[]; readonly until: number }>;
}

export function createLending(shard: number, { kv }: DurableObjectStorage): Lending {
  return {
    isAlone: shard === 0 && kv.get(SHARDED_KEY) === undefined,
    isAsking: false,
    askedAt: 0,
    again: new Map(),
    lookAt: null,
    offers: new Set(),
    waiting: new Map(),
  };
}

/** After matching: asks for workers when something is left in the queue, and offers those that are left over. */
export function helpOut(pool: PoolContext): void {
  offerIdle(pool);
  seekWorkers(pool);
}

function seekWorkers(pool: PoolContext): void {
  const { lending } = pool;
  if (lending.isAlone || lending.isAsking) return;
  lending.lookAt = null;
  const now = pool.now();
  // Its head is in memory; the rest of the queue is read only to ask about it.
  const wants = wantsHere(pool, now, 1);
  if (wants.length === 0) {
    lending.again.clear();
    return;
  }
  const askAt = (want: Want) => lending.again.get(kindOf(want)) ?? 0;
  const at = Math.max(lending.askedAt + SPACING_MS, Math.min(...wants.map(askAt)));
  if (at > now) lookAgainAt(pool, at);
  else pool.background("seek_workers", ask(pool, wantsHere(pool, now, MOST_PAGES)));
}

/** The kinds of task that wait here, in so many pages, though every worker of this shard was asked. */
function wantsHere(pool: PoolContext, now: number, pages: number): readonly Want[] {
  const waiting: ReadyTask[] = [];
  for (let page = 0, offset = 0; page < pages; page++) {
    const { tasks, isLast } = pool.queue.ready(now, offset);
    waiting.push(...tasks);
    offset += tasks.filter(({ place }) => place === null).length;
    if (isLast) break;
  }
  return wantsOf(pinned(pool, waiting)).map((want) => ({
    ...want,
    count: Math.min(want.count, SOUGHT_AT_ONCE),
  }));
}

function lookAgainAt(pool: PoolContext, at: number): void {
  pool.lending.lookAt = at;
  pool.alarm.ensure(at);
}

/** One question to every other shard; then to those that have offered workers meanwhile. */
async function ask(pool: PoolContext, wants: readonly Want[]): Promise<void> {
  const { lending } = pool;
  lending.isAsking = true;
  try {
    const { reach } = await findShards(pool.env.DB, pool.accountId, pool.name);
    const others = Array.from({ length: reach }, (_, shard) => shard).filter(
      (shard) => shard !== pool.shard,
    );
    if (others.length === 0) return standAlone(pool);
    const unmet = new Set((await askShards(pool, others, wants)).map(kindOf));
    const now = pool.now();
    for (const want of wants) {
      const kind = kindOf(want);
      lending.again.set(kind, now + (unmet.has(kind) ? AGAIN_MS : ARRIVAL_MS));
    }
    await takeOffers(pool);
  } finally {
    lending.isAsking = false;
    lending.askedAt = pool.now();
    if (!lending.isAlone) lookAgainAt(pool, lending.askedAt + SPACING_MS);
  }
}

/** First for workers that serve the tasks fully; then, where this shard has none such either, for any that can do them. */
async function askShards(
  pool: PoolContext,
  shards: readonly number[],
  wants: readonly Want[],
): Promise<readonly Want[]> {
  const unmet = await askEach(pool, shards, wants);
  const modest = modestly(unmet, matchWorkers(pool, pool.queue.held()));
  const lowered = modest.some((want) => want.fitness === "barely" && want.encoders.length > 0);
  return lowered ? askEach(pool, shards, modest) : unmet;
}

async function askEach(
  pool: PoolContext,
  shards: readonly number[],
  wants: readonly Want[],
): Promise<readonly Want[]> {
  let left = wants;
  for (const shard of shards) {
    if (left.length === 0 || pool.connections.all().length >= MOST_WORKERS) break;
    try {
      left = await shardOf(pool, shard).lend(pool.shard, left);
    } catch (error) {
      // It does not answer; another may, and it is asked again with all of them.
      logWarning("shard_not_asked", { shard }, error);
    }
  }
  return left;
}

/** There are other shards, maybe since a moment ago: what waits here may be done there. */
export function meetOthers(pool: PoolContext): void {
  if (pool.lending.isAlone) {
    pool.lending.isAlone = false;
    pool.storage.kv.put(SHARDED_KEY, true);
  }
  helpOut(pool);
}

function standAlone(pool: PoolContext): void {
  pool.lending.isAlone = true;
  pool.storage.kv.delete(SHARDED_KEY);
}

/** Another shard says that it has idle workers which this one asked for. */
export async function hearOffer(pool: PoolContext, shard: number): Promise<void> {
  const { lending } = pool;
  lending.offers.add(shard);
  if (lending.isAsking) return;
  lending.isAsking = true;
  try {
    await takeOffers(pool);
  } finally {
    lending.isAsking = false;
  }
}

async function takeOffers(pool: PoolContext): Promise<void> {
  const { offers } = pool.lending;
  for (const shard of offers) {
    offers.delete(shard);
    const wants = wantsHere(pool, pool.now(), MOST_PAGES);
    if (wants.length > 0) await askShards(pool, [shard], wants);
  }
}

/**
 * Sends idle workers to the shard that asks.
 *
 * @returns what of the wants nobody here can do now; it is remembered.
 */
export async function lendTo(
  pool: PoolContext,
  shard: number,
  wants: readonly Want[],
): Promise<readonly Want[]> {
  const { workerIds, unmet } = lend(wants, idleWorkers(pool));
  const until = pool.now() + REMEMBERED_MS;
  if (unmet.length > 0) pool.lending.waiting.set(shard, { wants: unmet, until });
  else pool.lending.waiting.delete(shard);
  if (workerIds.length > 0) await sendOver(pool, shard, new Set(workerIds));
  return unmet;
}

async function sendOver(
  pool: PoolContext,
  shard: number,
  workerIds: ReadonlySet<string>,
): Promise<void> {
  const leaving = pool.connections.all().flatMap((connection) => {
    if (!workerIds.has(connection.workerId)) return [];
    const { credit } = connection.session;
    // Nothing is leased to them from now on: only idle ones are let go.
    connection.update({ credit: 0 });
    return [{ connection, credit }];
  });
  try {
    // First the record, by which each is sent on when it dials in again.
    await lendWorkers(pool.env.DB, [...workerIds], shard);
  } catch (error) {
    for (const { connection, credit } of leaving) connection.update({ credit });
    throw error;
  }
  logInfo("lent", { shard, workers: workerIds.size });
  letGoOfIdle(pool, ({ workerId }) => workerIds.has(workerId));
}

/** Tells shards that wait for workers such as these that they may ask now. */
function offerIdle(pool: PoolContext): void {
  const { waiting } = pool.lending;
  if (waiting.size === 0) return;
  const idle = idleWorkers(pool);
  const now = pool.now();
  for (const [shard, { wants, until }] of waiting) {
    const isOffer = lend(wants, idle).workerIds.length > 0;
    if (isOffer || until < now) waiting.delete(shard);
    if (isOffer && until >= now) {
      pool.background("offer_workers", shardOf(pool, shard).offer(pool.shard));
    }
  }
}

/** Workers that hold nothing, not even a result that is being checked, and that asked for something in vain. */
function idleWorkers(pool: PoolContext): readonly MatchWorker[] {
  const held = pool.queue.held();
  const busy = new Set(held.map(({ workerId }) => workerId));
  return matchWorkers(pool, held).filter(({ workerId, free }) => free > 0 && !busy.has(workerId));
}

function shardOf(pool: PoolContext, shard: number): PoolRpc {
  return poolOf(pool.env, { accountId: pool.accountId, pool: pool.name, shard });
}
