import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import type { JobSubmission } from "../../../edge/domain/submission.ts";
import {
  alarmAt,
  countAlarms,
  deliver,
  dial,
  GRACE,
  newPool,
  type PoolStub,
  pass,
  ringAlarm,
  rowsWritten,
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

/** The lease is good now, and one millisecond later it is not. */
async function expiresInAMillisecond(pool: PoolStub, submission: JobSubmission): Promise<void> {
  await ringAlarm(pool);
  expect(await rpc(pool).read(submission)).toMatchObject({ error: null });
  pass(1);
  await ringAlarm(pool);
  await timedOut(pool, submission);
}

async function timedOut(pool: PoolStub, submission: JobSubmission): Promise<void> {
  expect(await rpc(pool).read(submission)).toMatchObject({
    state: "failed",
    error: { code: "JOB_TIMEOUT" },
  });
}

describe("an evicted pool", () => {
  test("that holds a job which it cannot read goes on with the others", async () => {
    const pool = newPool();
    const broken = await running(pool);
    await runInDurableObject(pool, (_pool, state) => {
      state.storage.sql.exec("UPDATE jobs SET record = '' WHERE id = ?", broken.submission.jobId);
    });
    await evictDurableObject(pool);
    const { submission, agent, lease } = await running(pool);
    agent.complete(lease, [await deliver(submission, lease)]);
    expect(await agent.next()).toMatchObject({ of: "complete", status: "accepted" });
  });

  test("that hibernates keeps its leases' renewals", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool, { maxAttempts: 1 });
    agent.progress(lease);
    await agent.settled();
    pass(TTL - SECOND);
    agent.progress(lease, { movement: 2, fraction: 0.7 });
    await agent.settled();
    await evictDurableObject(pool);
    // Past the row's deadline, within the renewal's.
    pass(TTL - SECOND);
    await ringAlarm(pool);
    expect(await rpc(pool).read(submission)).toMatchObject({ state: "transcoding", error: null });
    expect((await rpc(pool).read(submission)).progress).toBeGreaterThan(0);
    agent.complete(lease, [await deliver(submission, lease)]);
    expect(await agent.next()).toMatchObject({ of: "complete", status: "accepted" });
  });

  test("that hibernates lets a silent lease expire when its renewal is over", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool, { maxAttempts: 1 });
    agent.progress(lease);
    await agent.settled();
    await evictDurableObject(pool);
    pass(TTL);
    await ringAlarm(pool);
    await timedOut(pool, submission);
  });

  test("that lost its sockets keeps its leases, and the agent resumes under the same epoch", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool, { maxAttempts: 1 });
    agent.progress(lease, { movement: 7, fraction: 0.5 });
    await agent.settled();
    pass(TTL - 1);
    agent.progress(lease, { movement: 8, fraction: 0.6 });
    await agent.settled();
    await evictDurableObject(pool, { webSockets: "close" });
    pass(GRACE + SECOND);
    await ringAlarm(pool);
    const again = await dial(pool, agent.workerId);
    again.hello({ leases: [{ lease, stage: "transcoding", fraction: 0.6 }] });
    expect((await again.expect("welcome")).leases).toMatchObject([{ status: "kept", lease }]);
    const read = await rpc(pool).read(submission);
    expect(read).toMatchObject({ state: "transcoding", attempt: 1 });
    again.complete(lease, [await deliver(submission, lease)]);
    expect(await again.next()).toMatchObject({ of: "complete", status: "accepted" });
  });

  test("that is woken by a close leaves the lease the reconnect grace, and no more", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool, { maxAttempts: 1 });
    agent.progress(lease);
    await agent.settled();
    await evictDurableObject(pool);
    agent.close();
    await agent.closed;
    expect(await alarmAt(pool)).toBeLessThanOrEqual(time() + GRACE);
    pass(GRACE - 1);
    await expiresInAMillisecond(pool, submission);
  });

  test("that is woken by a close reads renewal and progress off the closed socket", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool, { maxAttempts: 1 });
    agent.progress(lease, { fraction: 0.1 });
    await agent.settled();
    pass(TTL - SECOND);
    agent.progress(lease, { movement: 2, fraction: 0.7 });
    await agent.settled();
    const { progress } = await rpc(pool).read(submission);
    await evictDurableObject(pool);
    // Past the row's deadline, and 3 s before the renewal's end: less than the grace is left.
    pass(TTL - 3 * SECOND);
    agent.close();
    await agent.closed;
    await ringAlarm(pool);
    expect(await rpc(pool).read(submission)).toMatchObject({ error: null, progress });
    pass(3 * SECOND);
    await ringAlarm(pool);
    expect(await rpc(pool).read(submission)).toMatchObject({
      state: "failed",
      error: { detail: expect.stringContaining("no progress for 30 seconds") },
    });
  });

  test("gives a lost lease one grace of one TTL, however often it is evicted", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool, { maxAttempts: 1 });
    agent.progress(lease);
    await agent.settled();
    await evictDurableObject(pool, { webSockets: "close" });
    await alarmAt(pool);
    pass(TTL - 1);
    await evictDurableObject(pool, { webSockets: "close" });
    await expiresInAMillisecond(pool, submission);
  });

  test("goes on with a check that was cut short", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool);
    const report = await deliver(submission, lease);
    // A completion that was committed, and an eviction before its check.
    await runInDurableObject(pool, (_pool, state) => {
      const row = state.storage.sql
        .exec<{ record: string }>("SELECT record FROM tasks WHERE id = ?", lease.taskId)
        .one();
      const task = JSON.parse(row.record);
      const claimed = {
        outputs: [report],
        engine: { device: null, encoder: null, exitCode: 0, log: [] },
      };
      const verification = { claimed, deadline: time() + 120 * SECOND, tries: 1 };
      state.storage.sql.exec(
        "UPDATE tasks SET state = 'verifying', record = ? WHERE id = ?",
        JSON.stringify({ ...task, state: "verifying", verification }),
        lease.taskId,
      );
    });
    await evictDurableObject(pool);
    await alarmAt(pool);
    expect(await agent.next()).toMatchObject({ of: "complete", status: "accepted" });
    expect(await rpc(pool).read(submission)).toMatchObject({ state: "completed" });
  });

  test("sets its alarm again when the platform has lost it", async () => {
    const pool = newPool();
    const { submission } = await running(pool, { maxAttempts: 1 });
    await runInDurableObject(pool, (_pool, state) => state.storage.deleteAlarm());
    await evictDurableObject(pool);
    expect(await alarmAt(pool)).not.toBeNull();
    pass(TTL);
    await ringAlarm(pool);
    expect(await rpc(pool).read(submission)).toMatchObject({ state: "failed" });
  });

  test("keeps what an idle worker asked for", async () => {
    const pool = newPool();
    const { agent, lease, submission } = await running(pool);
    agent.complete(lease, [await deliver(submission, lease)]);
    await agent.expect("ack");
    agent.say({ type: "pull", free: 1 });
    await agent.settled();
    await evictDurableObject(pool);
    const next = submissionOf();
    await rpc(pool).submit(next);
    expect((await agent.expect("lease")).task.jobId).toBe(next.jobId);
  });
});

describe("the alarm", () => {
  test("that the platform gave up on is set again when the sweep looks in", async () => {
    const pool = newPool();
    const { submission } = await running(pool, { maxAttempts: 1 });
    await runInDurableObject(pool, (_pool, state) => state.storage.deleteAlarm());
    pass(TTL);
    // Not even a call about a job would notice.
    await rpc(pool).read(submission);
    expect(await alarmAt(pool)).toBeNull();
    await rpc(pool).poke();
    await ringAlarm(pool);
    await timedOut(pool, submission);
  });

  test("that is set right is not written again when the sweep looks in", async () => {
    const pool = newPool();
    await running(pool);
    await settleOutbox(pool);
    await rpc(pool).poke();
    const before = await rowsWritten(pool);
    const alarms = await countAlarms(pool);
    await rpc(pool).poke();
    expect(alarms).not.toHaveBeenCalled();
    expect(await rowsWritten(pool)).toBe(before);
  });

  test("never throws, and rings again, when everything it does fails", async () => {
    const pool = newPool();
    const { submission } = await running(pool, { maxAttempts: 1 });
    await runInDurableObject(pool, (_pool, state) => {
      state.storage.sql.exec("ALTER TABLE outbox RENAME TO outbox_away");
    });
    pass(TTL);
    await ringAlarm(pool);
    expect(await alarmAt(pool)).not.toBeNull();
    await runInDurableObject(pool, (_pool, state) => {
      state.storage.sql.exec("ALTER TABLE outbox_away RENAME TO outbox");
    });
    pass(60 * SECOND);
    await ringAlarm(pool);
    expect(await rpc(pool).read(submission)).toMatchObject({ state: "failed" });
  });

  test("that finds a lease renewed rings next when the renewal is over, and not before", async () => {
    const pool = newPool();
    const { agent, lease } = await running(pool);
    agent.progress(lease);
    await agent.settled();
    await settleOutbox(pool);
    pass(10 * SECOND);
    agent.progress(lease, { movement: 2 });
    await agent.settled();
    pass(20 * SECOND);
    await ringAlarm(pool);
    expect(await alarmAt(pool)).toBe(time() - 20 * SECOND + TTL);
  });

  test("is idempotent: ringing it again changes nothing", async () => {
    const pool = newPool();
    const { submission } = await running(pool);
    pass(TTL);
    await ringAlarm(pool);
    const after = await rpc(pool).read(submission);
    await ringAlarm(pool);
    await ringAlarm(pool);
    expect(await rpc(pool).read(submission)).toEqual(after);
  });
});
