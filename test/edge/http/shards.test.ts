/** Pools of more than one shard: where sockets and jobs go, and how many there are. */
import { beforeEach, describe, expect, test } from "vitest";
import { shardForJob, shardOfWorker } from "../../../edge/domain/shards.ts";
import type { CreatedWorkerToken } from "../../../protocol/http/workers.ts";
import { SUBPROTOCOL } from "../../../protocol/messages.ts";
import { FakePool } from "./fake-pool.ts";
import { call, makeKey, refusal, testEnv } from "./harness.ts";

let pool: FakePool;
beforeEach(() => {
  pool = new FakePool();
});

const setShards = (name: string, shards: number) =>
  call(`/v1/pools/${name}`, { method: "PUT", json: { shards }, env: pool.env });

/** A worker whose place among `count` shards is not the first. */
async function movable(name: string, count: number): Promise<CreatedWorkerToken> {
  for (;;) {
    const answer = await call("/v1/workers/tokens", { json: { name: "gpu", pool: name } });
    const created = await answer.json<CreatedWorkerToken>();
    if (shardOfWorker(created.workerId, count) !== 0) return created;
  }
}

async function dial(token: string): Promise<readonly string[]> {
  pool.names.clear();
  const headers = { upgrade: "websocket", "sec-websocket-protocol": SUBPROTOCOL };
  const answer = await call("/v1/workers/connect", {
    key: null,
    env: pool.env,
    headers: { ...headers, authorization: `Bearer ${token}` },
  });
  expect(answer.status).toBe(101);
  return [...pool.names];
}

describe("a pool's shards", () => {
  test("are set by an admin, and every shard is told", async () => {
    const answer = await setShards("wide", 3);
    expect(await answer.json()).toEqual({ name: "wide", shards: 3, shardsInUse: 3 });
    expect([...pool.names].sort()).toEqual([0, 1, 2].map((n) => `pool:default/wide/${n}`));
    expect(pool.calls).toEqual(["poke", "poke", "poke"]);
    const reader = await makeKey(["read"]);
    const refused = call("/v1/pools/wide", { method: "PUT", json: { shards: 2 }, key: reader });
    expect((await refusal(refused)).status).toBe(403);
    for (const shards of [0, 65, 1.5]) {
      expect((await setShards("wide", shards)).status).toBe(400);
    }
  });

  test("take a worker where it belongs, but not away from a lease that it holds", async () => {
    const { workerId, token } = await movable("fleet", 2);
    expect(await dial(token)).toEqual(["pool:default/fleet/0"]);
    await setShards("fleet", 2);
    const leases = [{ jobId: "job_1", taskId: "tsk_1_0", epoch: 1 }];
    const facts = { workerId, connected: false, draining: false, slots: 1, busy: 1 };
    pool.fleet = [{ ...facts, leases }];
    expect(await dial(token)).toEqual(["pool:default/fleet/0"]);
    pool.fleet = [{ ...facts, leases: [] }];
    expect((await dial(token)).at(-1)).toBe("pool:default/fleet/1");
    expect(await dial(token)).toEqual(["pool:default/fleet/1"]);
  });

  test("stay in use while they have jobs, and take no new ones", async () => {
    await setShards("shrunk", 2);
    await testEnv.DB.prepare(
      `insert into jobs (id, account_id, pool, shard, spec_hash, submission, state, revision, created_at)
       values ('job_on_1', 'default', 'shrunk', 1, 'x', '{}', 'queued', 1, 0)`,
    ).run();
    const answer = await setShards("shrunk", 1);
    expect(await answer.json()).toEqual({ name: "shrunk", shards: 1, shardsInUse: 2 });
  });
});

describe("a new job", () => {
  /** Another isolate's doing: this one is not told. */
  const becomes = (name: string, shards: number) =>
    testEnv.DB.prepare(
      `insert into pools (account_id, name, shards, created_at) values ('default', ?1, ?2, 0)
       on conflict do update set shards = ?2`,
    )
      .bind(name, shards)
      .run();
  const submit = async (name: string, headers: Record<string, string> = {}) => {
    const input = { url: `https://media.example.com/${crypto.randomUUID()}.mp4` };
    const json = { input, recipe: { name: "webReady" }, pool: name };
    const send = () => call("/v1/jobs", { json, env: pool.env, headers });
    expect((await send()).status).toBe(202);
    return { send, submission: pool.submitted.at(-1) };
  };

  test("goes to one of the shards that its pool has now, whatever this isolate remembers", async () => {
    for (const shards of [1, 3, 1, 2]) {
      await becomes("changing", shards);
      for (let i = 0; i < 8; i++) {
        const { submission } = await submit("changing");
        // None has a worker, so it is the job's own hash that says where.
        const expected = shardForJob(submission?.jobId ?? "", [], shards);
        expect(submission).toMatchObject({ shard: expected });
      }
    }
  });

  test("stays where it was accepted, though a later try of its request would place it elsewhere", async () => {
    for (;;) {
      await becomes("moving", 1);
      const { send, submission } = await submit("moving", {
        "idempotency-key": crypto.randomUUID(),
      });
      if (shardForJob(submission?.jobId ?? "", [], 3) === 0) continue;
      // The first try was accepted and died before it could answer.
      await testEnv.DB.prepare("update idempotency set status = null, claimed_at = 0").run();
      await becomes("moving", 3);
      expect((await send()).status).toBe(202);
      expect(pool.submitted.at(-1)).toEqual(submission);
      return;
    }
  });
});
