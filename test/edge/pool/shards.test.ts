/** Two shards of a pool in use at once: real objects, placed and dialled through the API, with agents on real sockets. */
import { beforeEach, describe, expect, test, vi } from "vitest";
import { findJob } from "../../../edge/catalogue/jobs.ts";
import { shardOfWorker } from "../../../edge/domain/shards.ts";
import { parseSettings } from "../../../edge/env.ts";
import { poolOf } from "../../../edge/pool-stub.ts";
import { sweepPools } from "../../../edge/sweep.ts";
import type { Job } from "../../../protocol/http/jobs.ts";
import type { CreatedWorkerToken, WorkerList } from "../../../protocol/http/workers.ts";
import { closeCodes, type EdgeMessageOf, SUBPROTOCOL } from "../../../protocol/messages.ts";
import { call, makeVideo, testEnv } from "../http/harness.ts";
import { Agent, deliver } from "./harness.ts";

const SERVICE_RESTART = 1012;

let name: string;
let tests = 0;
beforeEach(() => {
  name = `wide-${tests++}`;
  vi.spyOn(console, "log").mockImplementation(() => undefined);
  return () => vi.restoreAllMocks();
});

const shard = (number: number) =>
  poolOf(testEnv, { accountId: "default", pool: name, shard: number });

async function setShards(shards: number) {
  const answer = await call(`/v1/pools/${name}`, { method: "PUT", json: { shards } });
  expect(answer.status).toBe(200);
  return answer.json();
}

/** The sweep of every minute. */
async function sweep(): Promise<void> {
  const parsed = parseSettings(testEnv);
  if (parsed.status === "invalid") throw new Error(parsed.detail);
  await sweepPools(testEnv, parsed.settings, Date.now());
}

/** A worker that belongs to this one of two shards. */
async function workerOf(home: number): Promise<CreatedWorkerToken> {
  for (;;) {
    const answer = await call("/v1/workers/tokens", { json: { name: "gpu", pool: name } });
    const created = await answer.json<CreatedWorkerToken>();
    if (shardOfWorker(created.workerId, 2) === home) return created;
    await call(`/v1/workers/${created.workerId}`, { method: "DELETE" });
  }
}

/** Dials in as an agent does, and asks for leases. */
async function dial({ workerId, token }: CreatedWorkerToken, free = 1): Promise<Agent> {
  const answer = await call("/v1/workers/connect", {
    key: null,
    headers: {
      upgrade: "websocket",
      "sec-websocket-protocol": SUBPROTOCOL,
      authorization: `Bearer ${token}`,
    },
  });
  if (answer.webSocket === null) throw new Error(`no socket: ${answer.status}`);
  const agent = new Agent(answer.webSocket, workerId);
  agent.hello();
  await agent.expect("welcome");
  if (free > 0) agent.say({ type: "pull", free });
  return agent;
}

async function submit(): Promise<string> {
  const json = { videoId: await makeVideo(), recipe: { name: "webReady" }, pool: name };
  const answer = await call("/v1/jobs", { json });
  expect(answer.status).toBe(202);
  return (await answer.json<Job>()).jobId;
}

/** A job that waits on that shard while no worker is anywhere; those that were placed elsewhere are cancelled. */
async function submitTo(number: number): Promise<string> {
  for (let tries = 0; tries < 40; tries++) {
    const jobId = await submit();
    if ((await recordOf(jobId)).submission.shard === number) return jobId;
    expect((await call(`/v1/jobs/${jobId}/cancel`, { method: "POST" })).status).toBe(200);
  }
  throw new Error(`no job came to shard ${number}`);
}

async function recordOf(jobId: string) {
  const record = await findJob(testEnv.DB, null, jobId);
  if (record === null) throw new Error(`no job ${jobId}`);
  return record;
}

/** Does what it was leased, and hears that it was accepted. */
async function finish(agent: Agent, message: EdgeMessageOf<"lease">): Promise<void> {
  const { submission } = await recordOf(message.task.jobId);
  agent.complete(message.lease, [await deliver(submission, message.lease)]);
  expect(await agent.expect("ack")).toMatchObject({ status: "accepted" });
  await poolOf(testEnv, submission).deliver();
}

const connectedTo = async (number: number) =>
  (await shard(number).workers())
    .filter(({ connected }) => connected)
    .map(({ workerId }) => workerId);

/** One worker of each of two shards, both dialled in where they belong. */
async function twoShards() {
  await setShards(2);
  const workers = [await workerOf(0), await workerOf(1)] as const;
  const agents = [await dial(workers[0]), await dial(workers[1])] as const;
  return { workers, agents };
}

describe("two shards", () => {
  test("are given jobs while they are free, and each job goes to a worker of its shard", async () => {
    const { workers, agents } = await twoShards();
    const jobs = [await submit(), await submit()];
    const leases = await Promise.all(agents.map((agent) => agent.expect("lease")));
    const placed = await Promise.all(jobs.map(recordOf));
    expect(placed.map(({ submission }) => submission.shard).sort()).toEqual([0, 1]);
    for (const [at, { task }] of leases.entries()) {
      expect((await recordOf(task.jobId)).submission.shard).toBe(at);
      expect(await connectedTo(at)).toEqual([workers[at]?.workerId]);
    }
  });

  test("made of one: idle workers are let go and dial in where they belong, busy ones when they are done", async () => {
    const idle = await workerOf(1);
    const busy = await workerOf(1);
    const running = await dial(busy);
    await submit();
    const lease = await running.expect("lease");
    const waiting = await dial(idle);
    expect(await connectedTo(0)).toHaveLength(2);

    await setShards(2);
    expect(await waiting.closed).toMatchObject({ code: SERVICE_RESTART });
    await dial(idle);
    expect(await connectedTo(0)).toEqual([busy.workerId]);
    expect(await connectedTo(1)).toEqual([idle.workerId]);
    // Its old shard still knows it, as gone: whoever lists workers is told where it is now.
    const { workers } = await (await call("/v1/workers")).json<WorkerList>();
    for (const { workerId } of [idle, busy]) {
      expect(workers.find((one) => one.workerId === workerId)).toMatchObject({ connected: true });
    }
    await sweep();
    expect(await connectedTo(0)).toEqual([busy.workerId]);

    await submit();
    await finish(running, lease);
    await sweep();
    expect(await running.closed).toMatchObject({ code: SERVICE_RESTART });
    await dial(busy);
    expect((await connectedTo(1)).sort()).toEqual([idle.workerId, busy.workerId].sort());
  });
});

describe("a shard where jobs wait and nobody is", () => {
  test("is lent an idle worker, which goes home when nothing is left to do", async () => {
    await setShards(2);
    const jobId = await submitTo(1);
    const worker = await workerOf(0);
    const idle = await dial(worker);
    expect(await idle.closed).toMatchObject({ code: SERVICE_RESTART });
    const lent = await dial(worker, 0);
    // Nor does a sweep take it away before it has asked.
    await shard(1).poke(2);
    expect(await connectedTo(1)).toEqual([worker.workerId]);
    lent.say({ type: "pull", free: 1 });
    const lease = await lent.expect("lease");
    expect(lease.task.jobId).toBe(jobId);
    await sweep();
    await finish(lent, lease);
    expect((await recordOf(jobId)).snapshot).toMatchObject({ state: "completed", attempt: 1 });
    // As the sweep does, of pools with work.
    await shard(1).poke(2);
    expect(await lent.closed).toMatchObject({ code: SERVICE_RESTART });
    await dial(worker);
    expect(await connectedTo(0)).toEqual([worker.workerId]);
  });

  test("is not lent one that works", async () => {
    await setShards(2);
    await submitTo(1);
    await submitTo(0);
    const worker = await workerOf(0);
    const busy = await dial(worker);
    const lease = await busy.expect("lease");
    await sweep();
    await finish(busy, lease);
  });
});

describe("a job that waits while the workers of its shard are busy", () => {
  test("is done by one that is idle elsewhere, without the sweep", async () => {
    const { workers, agents } = await twoShards();
    const [near, far] = agents;
    await submit();
    await submit();
    const first = await near.expect("lease");
    await far.expect("lease");
    const jobId = await submitTo(1);
    near.say({ type: "pull", free: 1 });
    await finish(near, first);
    expect(await near.closed).toMatchObject({ code: SERVICE_RESTART });
    const lent = await dial(workers[0]);
    expect((await lent.expect("lease")).task.jobId).toBe(jobId);
  });

  test("draws no worker that could not do it", async () => {
    await setShards(2);
    const idle = await workerOf(0);
    const agent = await dial(idle);
    await agent.settled();
    const want = { isPart: false, count: 1, fitness: "barely" } as const;
    const av1 = { codec: "av1", encoder: null, bitDepth: 8, sessions: 1 } as const;
    const wants = [{ ...want, encoders: [av1] }];
    expect(await shard(0).lend(1, wants)).toEqual(wants);
    expect(await connectedTo(0)).toEqual([idle.workerId]);
    expect(await shard(0).lend(1, [{ ...want, encoders: [] }])).toEqual([]);
    expect(await agent.closed).toMatchObject({ code: SERVICE_RESTART });
  });
});

describe("a shard that is drained", () => {
  test("ends what it has and loses no job; then its workers go where the others are", async () => {
    const { workers, agents } = await twoShards();
    const [stays, leaves] = agents;
    const jobs = [await submit(), await submit(), await submit(), await submit()];
    const [first, other] = [await stays.expect("lease"), await leaves.expect("lease")];
    expect(await setShards(1)).toEqual({ name, shards: 1, shardsInUse: 2 });
    jobs.push(await submit());
    expect((await recordOf(jobs.at(-1) ?? "")).submission.shard).toBe(0);

    // Everything that was placed on the drained shard is done there.
    const shards = await Promise.all(jobs.map(async (id) => (await recordOf(id)).submission.shard));
    await finish(leaves, other);
    for (let left = shards.filter((at) => at === 1).length - 1; left > 0; left--) {
      leaves.say({ type: "pull", free: 1 });
      await finish(leaves, await leaves.expect("lease"));
    }
    expect(await (await call(`/v1/pools/${name}`)).json()).toMatchObject({ shardsInUse: 1 });
    await finish(stays, first);
    await sweep();
    expect(await leaves.closed).toMatchObject({ code: SERVICE_RESTART });
    const moved = await dial(workers[1]);
    expect((await connectedTo(0)).sort()).toEqual(workers.map(({ workerId }) => workerId).sort());

    for (let left = shards.filter((at) => at === 0).length - 1; left > 0; left--) {
      await finish(moved, await moved.expect("lease"));
      moved.say({ type: "pull", free: 1 });
    }
    for (const jobId of jobs) {
      expect((await recordOf(jobId)).snapshot).toMatchObject({ state: "completed", attempt: 1 });
    }
  });

  test("lets its workers go when no job is left in the whole pool", async () => {
    const { workers, agents } = await twoShards();
    await submit();
    await submit();
    const leases = await Promise.all(agents.map((agent) => agent.expect("lease")));
    await setShards(1);
    for (const [at, lease] of leases.entries()) {
      const agent = agents[at];
      if (agent !== undefined) await finish(agent, lease);
    }
    await sweep();
    expect(await agents[1].closed).toMatchObject({ code: SERVICE_RESTART });
    const [, other] = workers;
    await call(`/v1/workers/${other.workerId}`, { method: "DELETE" });
  });

  test("refuses a worker that is revoked while it still stands there", async () => {
    const { workers, agents } = await twoShards();
    await submit();
    await submit();
    const lease = await agents[1].expect("lease");
    await setShards(1);
    await finish(agents[1], lease);
    await call(`/v1/workers/${workers[1].workerId}`, { method: "DELETE" });
    expect(await agents[1].closed).toMatchObject({ code: closeCodes.unauthorized });
  });
});
