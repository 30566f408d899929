/** What becomes of a worker: drained, greeted again, revoked, gone. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { newId } from "../../../edge/ids.ts";
import { Pool } from "../../../edge/pool/pool.ts";
import type { PoolRpc } from "../../../edge/pool/rpc.ts";
import {
  deliver,
  dial,
  join,
  logged,
  newPool,
  pass,
  proving,
  ringAlarm,
  rpc,
  running,
  SECOND,
  settleOutbox,
  submissionOf,
  TTL,
  time,
  usePool,
} from "./harness.ts";

usePool();

describe("a worker", () => {
  test("that drains keeps what it holds and is given nothing new", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool);
    await rpc(pool).drain(agent.workerId);
    expect(await agent.next()).toEqual({ type: "drain" });
    await rpc(pool).submit(submissionOf());
    agent.complete(lease, [await deliver(submission, lease)]);
    expect(await agent.next()).toMatchObject({ of: "complete", status: "accepted" });
    agent.say({ type: "pull", free: 1 });
    expect(await agent.settled()).toEqual([]);
    expect(await rpc(pool).workers()).toMatchObject([
      { workerId: agent.workerId, connected: true, draining: true, busy: 0 },
    ]);
  });

  test("that drains is told so again when it reconnects with its lease, and is free once it has none", async () => {
    const pool = newPool();
    const { agent, lease } = await running(pool);
    await rpc(pool).drain(agent.workerId);
    const again = await dial(pool, agent.workerId);
    again.hello({ leases: [{ lease, stage: "probing", fraction: 0 }] });
    await again.expect("welcome");
    expect(await again.next()).toEqual({ type: "drain" });
    again.say({ type: "release", lease, reason: "shutdown" });
    await again.expect("ack");
    const restarted = await join(pool, { workerId: agent.workerId });
    expect((await restarted.expect("lease")).lease.epoch).toBe(lease.epoch + 1);
  });

  test("that was drained while idle stays so through a lost socket, and where it says so to another shard", async () => {
    for (const isAnotherShard of [false, true]) {
      const pool = newPool();
      const agent = await join(pool, { free: 0 });
      if (!isAnotherShard) await rpc(pool).drain(agent.workerId);
      const again = await dial(pool, agent.workerId);
      again.hello({ draining: true });
      await again.expect("welcome");
      expect(await again.next()).toEqual({ type: "drain" });
      again.say({ type: "pull", free: 1 });
      await rpc(pool).submit(submissionOf());
      expect(await again.settled()).toEqual([]);
    }
  });

  test("that said hello is in the record with what it proved, the newest word last", async () => {
    const pool = newPool();
    const workerId = newId("worker", time());
    await env.DB.prepare(
      `INSERT INTO workers (id, account_id, pool, name, token_hash, created_at)
       VALUES (?1, 'default', 'default', 'gpu-1', ?1, 0)`,
    )
      .bind(workerId)
      .run();
    const agent = await join(pool, { workerId, slots: 2, free: 0 });
    pass(SECOND);
    agent.hello({ slots: 3, capabilities: proving("h264") });
    await agent.expect("welcome");
    await settleOutbox(pool);
    const row = await env.DB.prepare("SELECT last_hello, last_seen_at FROM workers WHERE id = ?")
      .bind(workerId)
      .first<{ last_hello: string; last_seen_at: number }>();
    expect(JSON.parse(row?.last_hello ?? "{}")).toEqual({
      name: "gpu-1",
      slots: 3,
      capabilities: proving("h264"),
    });
    expect(row?.last_seen_at).toBe(time() - 11 * SECOND);
  });

  test("that is revoked loses its leases and its socket, and is refused ever after", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool);
    await rpc(pool).revoke(agent.workerId);
    expect(await agent.next()).toEqual({ type: "revoke", lease, reason: "worker_revoked" });
    expect(await agent.closed).toMatchObject({ code: 4401 });
    expect(await rpc(pool).workers()).toEqual([]);
    const again = await dial(pool, agent.workerId);
    expect(await again.closed).toMatchObject({ code: 4401 });
    const other = await join(pool);
    expect((await other.expect("lease")).task.jobId).toBe(submission.jobId);
  });

  test("whose token expires ends what it holds, is given nothing more, and is told why it is let go", async () => {
    const pool = newPool();
    const submission = submissionOf();
    await rpc(pool).submit(submission);
    const agent = await dial(pool, newId("worker", time()), { tokenEndsAt: time() + SECOND });
    agent.hello({ slots: 2 });
    await agent.expect("welcome");
    agent.say({ type: "pull", free: 2 });
    const { lease } = await agent.expect("lease");
    pass(SECOND);
    const next = submissionOf();
    await rpc(pool).submit(next);
    expect(await agent.settled()).toEqual([]);
    agent.complete(lease, [await deliver(submission, lease)]);
    expect(await agent.next()).toMatchObject({ of: "complete", status: "accepted" });
    agent.say({ type: "pull", free: 2 });
    expect(await agent.closed).toEqual({ code: 4401, reason: "the worker's token has expired" });
    const other = await join(pool);
    expect((await other.expect("lease")).task.jobId).toBe(next.jobId);
  });

  test("that waits for work loses its socket when there is some and its token has expired", async () => {
    const pool = newPool();
    const agent = await dial(pool, newId("worker", time()), { tokenEndsAt: time() + SECOND });
    agent.hello({});
    await agent.expect("welcome");
    agent.say({ type: "pull", free: 1 });
    expect(await agent.settled()).toEqual([]);
    pass(SECOND);
    await rpc(pool).submit(submissionOf());
    expect(await agent.closed).toMatchObject({ code: 4401 });
  });

  test("whose socket was gone when its lease was sent does not keep the task for a TTL", async () => {
    const pool = newPool();
    const agent = await join(pool);
    await agent.settled();
    const other = await join(pool, { free: 0 });
    const submission = submissionOf();
    // The socket goes while the lease is given: the pool has not heard of it yet.
    await runInDurableObject(pool, async (object, state) => {
      for (const socket of state.getWebSockets(agent.workerId)) socket.close(1011, "gone");
      await (object as unknown as PoolRpc).submit(submission);
    });
    expect(logged.join("\n")).toContain("lease_unsent");
    other.say({ type: "pull", free: 1 });
    expect((await other.expect("lease")).task.jobId).toBe(submission.jobId);
  });

  test("whose lease could not be made is still free: the next one is its own", async () => {
    const pool = newPool();
    const agent = await join(pool);
    await agent.settled();
    vi.spyOn(crypto.subtle, "sign").mockRejectedValueOnce(new Error("no signature"));
    const submission = submissionOf();
    await rpc(pool).submit(submission);
    // That the lease was given back; then it is given anew.
    expect(await agent.expect("ack")).toMatchObject({ of: "release" });
    expect((await agent.expect("lease")).task.jobId).toBe(submission.jobId);
  });

  test("whose job was cancelled before its lease was sent is still free", async () => {
    const pool = newPool();
    const agent = await join(pool);
    await agent.settled();
    const [cancelled, next] = [submissionOf(), submissionOf()];
    await runInDurableObject(pool, async (object) => {
      const calls = object as unknown as PoolRpc;
      await Promise.all([calls.submit(cancelled), calls.cancel(cancelled)]);
    });
    await rpc(pool).submit(next);
    expect(await agent.expect("revoke")).toMatchObject({ reason: "cancelled" });
    expect((await agent.expect("lease")).task.jobId).toBe(next.jobId);
  });

  test("what is logged of a job carries its trace, from its submission to its end", async () => {
    const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    const pool = newPool();
    const agent = await join(pool);
    const submission = submissionOf({ traceId });
    await rpc(pool).submit(submission);
    const { lease } = await agent.expect("lease");
    agent.complete(lease, [await deliver(submission, lease)]);
    await agent.expect("ack");
    const lines = logged.map((line) => JSON.parse(line) as Record<string, unknown>);
    const own = lines.filter(({ jobId }) => jobId === submission.jobId);
    expect(own.map(({ event, traceId: id }) => [event, id])).toEqual([
      ["submitted", traceId],
      ["leased", traceId],
      ["ended", traceId],
      ["verified", traceId],
    ]);
    expect(own[1]).toMatchObject({ taskId: lease.taskId, epoch: lease.epoch });
    expect(own[2]).toMatchObject({ state: "completed", run: 1 });
  });

  test("nothing that is logged holds a lease's token", async () => {
    const pool = newPool();
    const { submission, agent, lease, message } = await running(pool);
    agent.complete(lease, [await deliver(submission, lease)]);
    await agent.expect("ack");
    const token = message.grant.base.split("/").at(-1) ?? "";
    expect(token.length).toBeGreaterThan(20);
    expect(logged.length).toBeGreaterThan(0);
    expect(logged.join("\n")).not.toContain(token);
  });
});

describe("a worker that is gone without a goodbye", () => {
  test("is let go when there is something to lease, and another takes that", async () => {
    const pool = newPool();
    const dead = await join(pool);
    await dead.settled();
    await dead.ping();
    pass(61 * SECOND);
    const submission = submissionOf();
    await rpc(pool).submit(submission);
    expect(await dead.closed).toMatchObject({ code: 1012 });
    expect(await rpc(pool).workers()).toMatchObject([{ connected: false }]);
    await (await join(pool)).expect("lease");
    expect(await rpc(pool).attempts(submission)).toHaveLength(1);
  });

  test("is not one that was heard lately, nor one that never pinged", async () => {
    for (const pings of [true, false]) {
      const pool = newPool();
      const agent = await join(pool);
      await agent.settled();
      if (pings) await agent.ping();
      pass((pings ? 59 : 3600) * SECOND);
      await rpc(pool).submit(submissionOf());
      await agent.expect("lease");
    }
  });

  test("leaves its leases to the reconnect grace, though its close is never heard", async () => {
    const pool = newPool();
    vi.spyOn(Pool.prototype, "webSocketClose").mockResolvedValue();
    const dead = await join(pool, { slots: 2, free: 2 });
    await dead.ping();
    await rpc(pool).submit(submissionOf({ queueTimeoutSeconds: 600 }));
    const { lease } = await dead.expect("lease");
    dead.progress(lease, { movement: 1 });
    await dead.settled();
    pass(61 * SECOND);
    await rpc(pool).submit(submissionOf());
    expect(await dead.closed).toMatchObject({ code: 1012 });
    const heir = await join(pool, { slots: 2, free: 2 });
    await heir.expect("lease");
    await ringAlarm(pool);
    expect((await heir.expect("lease")).lease).toEqual({ ...lease, epoch: lease.epoch + 1 });
  });

  test("costs a task one attempt, however many slots it offered, until it is heard again", async () => {
    const pool = newPool();
    const submission = submissionOf();
    await rpc(pool).submit(submission);
    const silent = await join(pool, { slots: 4, free: 4 });
    await silent.expect("lease");
    pass(TTL);
    await ringAlarm(pool);
    await silent.expect("revoke");
    await evictDurableObject(pool);
    await rpc(pool).submit(submissionOf());
    expect(await rpc(pool).attempts(submission)).toMatchObject([{ state: "expired" }]);
    // Any word of it will do.
    await silent.settled();
    await rpc(pool).submit(submissionOf());
    for (let leases = 0; leases < 3; leases++) await silent.expect("lease");
  });
});
