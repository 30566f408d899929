/**
 * What a job costs on the platform, as laws. Rows written (each index entry and each setting of the alarm counts as
 * one), statements and frames are the same there as here; only the time that they take differs.
 */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { newId } from "../../../edge/ids.ts";
import { clock } from "../../../edge/pool/clock.ts";
import { WINDOW } from "../../../edge/pool/ready-window.ts";
import { workerHeaders } from "../../../edge/pool/rpc.ts";
import { PING, PONG, SUBPROTOCOL } from "../../../protocol/messages.ts";
import {
  type Agent,
  alarmAt,
  deliver,
  join,
  newPool,
  type PoolStub,
  rpc,
  settleOutbox,
  submissionOf,
  time,
  usePool,
} from "./harness.ts";

usePool();

interface Costs {
  /** Rows written, those of indexes and alarms too. */
  rows: number;
  statements: number;
}

/** Counts from now on what the object asks of its storage. */
function countCosts(stub: PoolStub): Promise<() => Costs> {
  return runInDurableObject(stub, (_pool, { storage }) => {
    const { sql } = storage;
    const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];
    const exec = sql.exec.bind(sql);
    vi.spyOn(sql, "exec").mockImplementation((query, ...values) => {
      const cursor = exec(query, ...values);
      cursors.push(cursor);
      return cursor as never;
    });
    const alarms = vi.spyOn(storage, "setAlarm");
    return () => ({
      rows: cursors.reduce((sum, { rowsWritten }) => sum + rowsWritten, alarms.mock.calls.length),
      statements: cursors.length,
    });
  });
}

/** One job from its lease to its answer, with one stage said and one small output. */
async function runOne(agent: Agent, submission: ReturnType<typeof submissionOf>): Promise<void> {
  const { lease } = await agent.expect("lease");
  agent.progress(lease, { stage: "transcoding" });
  agent.complete(lease, [await deliver(submission, lease)]);
  await agent.expect("ack");
}

describe("a job that completes at its first attempt", () => {
  test("writes at most 35 rows in 42 statements, from its submission to its last delivery", async () => {
    const pool = newPool();
    const agent = await join(pool);
    await agent.settled();
    const costs = await countCosts(pool);
    const submission = submissionOf();
    await rpc(pool).submit(submission);
    await runOne(agent, submission);
    await settleOutbox(pool);
    const { rows, statements } = costs();
    expect(rows).toBeLessThanOrEqual(35);
    expect(statements).toBeLessThanOrEqual(42);
  });

  test("is sent two frames: its lease, and the answer to its end", async () => {
    const pool = newPool();
    const agent = await join(pool);
    const submission = submissionOf();
    await rpc(pool).submit(submission);
    const before = agent.received;
    await runOne(agent, submission);
    expect(agent.received - before).toBeLessThanOrEqual(2);
  });

  test("is found without a look at the queue's rows, however many wait", async () => {
    const pool = newPool();
    const submissions = Array.from({ length: 20 }, () => submissionOf());
    for (const submission of submissions) await rpc(pool).submit(submission);
    const agent = await join(pool);
    const first = submissions.shift();
    if (first === undefined) throw new Error("no job");
    await runOne(agent, first);
    const queries = await runInDurableObject(pool, (_pool, { storage }) =>
      vi.spyOn(storage.sql, "exec"),
    );
    for (const submission of submissions) {
      agent.say({ type: "pull", free: 1 });
      await runOne(agent, submission);
    }
    const looks = queries.mock.calls.filter(([query]) => query.includes("FROM tasks"));
    expect(looks).toEqual([]);
  });
});

describe("many jobs at once", () => {
  test("are leased from the head of their queue: what waits behind it is not read for workers that are full", async () => {
    const pool = newPool();
    const submissions = Array.from({ length: WINDOW + 4 }, () => submissionOf());
    await Promise.all(submissions.map((submission) => rpc(pool).submit(submission)));
    const agent = await join(pool);
    const { lease } = await agent.expect("lease");
    const queries = await runInDurableObject(pool, (_pool, { storage }) =>
      vi.spyOn(storage.sql, "exec"),
    );
    agent.say({ type: "release", lease, reason: "no_disk" });
    await agent.expect("ack");
    agent.say({ type: "pull", free: 1 });
    await agent.expect("lease");
    const pages = queries.mock.calls.filter(
      ([query, ...values]) => query.includes("OFFSET") && values.at(-1) !== 0,
    );
    expect(pages).toEqual([]);
  }, 30_000);

  test("that end cost one look at the webhook endpoints of their account", async () => {
    const pool = newPool();
    const submissions = Array.from({ length: 8 }, () => submissionOf());
    for (const submission of submissions) await rpc(pool).submit(submission);
    await settleOutbox(pool);
    const statements = vi.spyOn(env.DB, "prepare");
    await Promise.all(submissions.map((submission) => rpc(pool).cancel(submission)));
    await settleOutbox(pool);
    const looks = statements.mock.calls.filter(([sql]) => sql.includes("webhook_endpoints"));
    statements.mockRestore();
    expect(looks.length).toBeGreaterThan(0);
    expect(looks.length).toBeLessThanOrEqual(2);
  });
});

describe("a busy worker", () => {
  test("writes no row and runs no statement for its progress", async () => {
    const pool = newPool();
    const submission = submissionOf();
    await rpc(pool).submit(submission);
    const agent = await join(pool);
    const { lease } = await agent.expect("lease");
    agent.progress(lease);
    await agent.settled();
    await settleOutbox(pool);
    const costs = await countCosts(pool);
    for (let movement = 2; movement < 30; movement++) agent.progress(lease, { movement });
    await agent.settled();
    // The one statement looks for the unknown lease by which the test knows that all was heard.
    expect(costs()).toEqual({ rows: 0, statements: 1 });
  });
});

describe("an idle worker", () => {
  test("is asked for nothing, answered by the runtime alone, and wakes no pool", async () => {
    const pool = newPool();
    const workerId = newId("worker", time());
    const answer = await pool.fetch("https://pool.internal/connect", {
      headers: {
        upgrade: "websocket",
        "sec-websocket-protocol": SUBPROTOCOL,
        [workerHeaders.workerId]: workerId,
        [workerHeaders.workerName]: "gpu-1",
      },
    });
    const socket = answer.webSocket;
    if (socket === null) throw new Error("no socket");
    const frames: string[] = [];
    const arrivals: (() => void)[] = [];
    socket.addEventListener("message", ({ data }) => {
      frames.push(String(data));
      arrivals.shift()?.();
    });
    const arrival = () => new Promise<void>((resolve) => arrivals.push(resolve));
    socket.accept();
    const welcomed = arrival();
    const capabilities = { ffmpegVersion: "5.1", encoders: [] };
    const hello = { type: "hello", version: 1, name: "gpu-1", slots: 1, capabilities, leases: [] };
    socket.send(JSON.stringify(hello));
    await welcomed;
    socket.send(JSON.stringify({ type: "pull", free: 1 }));
    await settleOutbox(pool);
    expect(await alarmAt(pool)).toBeNull();
    await evictDurableObject(pool);
    const looks = vi.mocked(clock.now).mock.calls.length;
    for (let i = 0; i < 3; i++) {
      const answered = arrival();
      socket.send(PING);
      await answered;
    }
    expect(frames.slice(1)).toEqual([PONG, PONG, PONG]);
    // Whatever an object does when it wakes, it asks for the time first.
    expect(vi.mocked(clock.now).mock.calls.length).toBe(looks);
  });
});
