import { describe, expect, test } from "vitest";
import { newId } from "../../../edge/ids.ts";
import {
  deliver,
  dial,
  GRACE,
  join,
  newPool,
  pass,
  ringAlarm,
  rpc,
  running,
  SECOND,
  submissionOf,
  TTL,
  time,
  usePool,
} from "./harness.ts";

usePool();

describe("sockets", () => {
  test("a close that the pool sees leaves the reconnect grace, and no more", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool);
    agent.progress(lease);
    await agent.settled();
    agent.close();
    await agent.closed;
    pass(GRACE);
    await ringAlarm(pool);
    expect(await rpc(pool).attempts(submission)).toMatchObject([{ state: "expired" }]);
    const other = await join(pool);
    expect((await other.expect("lease")).lease.epoch).toBe(2);
  });

  test("an agent that reconnects within the grace goes on under the same epoch", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool);
    agent.progress(lease, { fraction: 0.4 });
    await agent.settled();
    agent.close();
    await agent.closed;
    pass(GRACE - 1);
    const again = await dial(pool, agent.workerId);
    again.hello({ leases: [{ lease, stage: "transcoding", fraction: 0.5 }] });
    const welcome = await again.expect("welcome");
    expect(welcome.leases).toMatchObject([{ status: "kept", lease }]);
    pass(GRACE);
    await ringAlarm(pool);
    again.progress(lease, { movement: 9, fraction: 0.6 });
    const report = await deliver(submission, lease);
    again.complete(lease, [report]);
    expect(await again.next()).toMatchObject({ of: "complete", status: "accepted" });
  });

  test("an agent that comes back without its lease frees the task at once", async () => {
    const pool = newPool();
    const { submission, agent } = await running(pool);
    agent.close();
    await agent.closed;
    const again = await join(pool, { workerId: agent.workerId });
    expect((await again.expect("lease")).lease.epoch).toBe(2);
    const [lost] = await rpc(pool).attempts(submission);
    expect(lost).toMatchObject({ epoch: 1, endedAt: time() });
  });

  test("of two sockets of one worker the newer wins, and the lease stays with it", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool);
    const newer = await dial(pool, agent.workerId);
    expect(await agent.closed).toMatchObject({ code: 4409 });
    newer.hello({ leases: [{ lease, stage: "transcoding", fraction: 0.1 }] });
    expect((await newer.expect("welcome")).leases).toMatchObject([{ status: "kept" }]);
    pass(GRACE + 1);
    await ringAlarm(pool);
    const report = await deliver(submission, lease);
    newer.complete(lease, [report]);
    expect(await newer.next()).toMatchObject({ of: "complete", status: "accepted" });
  });

  test("a claimed lease that is over is lost, with the reason", async () => {
    const pool = newPool();
    const { agent, lease } = await running(pool);
    pass(TTL);
    await ringAlarm(pool);
    const again = await dial(pool, agent.workerId);
    const unknown = { taskId: `tsk_${"0".repeat(26)}_0`, epoch: 3 };
    again.hello({
      leases: [
        { lease, stage: "transcoding", fraction: 0.1 },
        { lease: unknown, stage: "transcoding", fraction: 0.1 },
      ],
    });
    expect((await again.expect("welcome")).leases).toEqual([
      { status: "lost", lease, reason: "expired" },
      { status: "lost", lease: unknown, reason: "unknown" },
    ]);
  });

  test.each([
    ["a frame that is not JSON", "nonsense", 4400],
    ["an unknown type", '{"type":"dance"}', 4400],
    ["a binary frame", new ArrayBuffer(4), 4400],
    ["anything before hello", '{"type":"pull","free":1}', 4410],
  ])("%s closes the socket with its code", async (_what, frame, code) => {
    const agent = await dial(newPool(), newId("worker", time()));
    agent.sayRaw(frame);
    expect(await agent.closed).toMatchObject({ code });
  });

  test("a version that is not spoken here closes the socket with its code", async () => {
    const agent = await dial(newPool(), newId("worker", time()));
    agent.hello({ version: 99 });
    expect(await agent.closed).toMatchObject({ code: 4406 });
  });

  test("an upgrade that names no worker, and a plain request, are refused", async () => {
    const pool = newPool();
    expect((await pool.fetch("https://pool.internal/")).status).toBe(426);
    const headers = { upgrade: "websocket" };
    expect((await pool.fetch("https://pool.internal/", { headers })).status).toBe(400);
  });

  test("an idle worker sends and receives nothing that is billed", async () => {
    const pool = newPool();
    const agent = await join(pool);
    await agent.settled();
    const before = agent.received;
    pass(3600 * SECOND);
    await ringAlarm(pool);
    expect(agent.received).toBe(before);
    const submission = submissionOf();
    await rpc(pool).submit(submission);
    expect((await agent.expect("lease")).task.jobId).toBe(submission.jobId);
  });
});
