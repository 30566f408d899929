import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { newId } from "../../../edge/ids.ts";
import {
  countAlarms,
  deliver,
  dial,
  engine,
  newPool,
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

describe("a lease", () => {
  test("takes a job from submission to verified outputs", async () => {
    const pool = newPool();
    const { submission, agent, lease, message } = await running(pool);
    expect(message).toMatchObject({
      lease: { epoch: 1 },
      task: { jobId: submission.jobId, run: 1, kind: "whole", work: submission.work },
      ttlMs: TTL,
      runLimitMs: 3600 * SECOND,
    });
    expect(message.grant.inputs.in_1?.url).toMatch(/^\/v1\/leases\/.+\/inputs\/in_1$/);
    agent.progress(lease, { stage: "probing", fraction: 1 });
    agent.progress(lease, { stage: "transcoding", fraction: 0.5, movement: 2 });
    await agent.settled();
    expect(await rpc(pool).read(submission)).toMatchObject({
      state: "transcoding",
      stage: "transcoding",
      fps: 25,
    });
    const report = await deliver(submission, lease);
    agent.complete(lease, [report]);
    expect(await agent.next()).toMatchObject({ type: "ack", of: "complete", status: "accepted" });
    expect(await rpc(pool).read(submission)).toMatchObject({
      state: "completed",
      progress: 100,
      outputs: [{ name: "result.mp4", sizeBytes: report.sizeBytes, sha256: report.sha256 }],
    });
    expect(await rpc(pool).attempts(submission)).toMatchObject([
      { epoch: 1, state: "completed", workerName: "gpu-1", encoder: "libx264", log: ["done"] },
    ]);
  });

  test("whose first commit failed expires all the same: what was undone is not taken for written", async () => {
    const pool = newPool();
    const submission = submissionOf({ maxAttempts: 1 });
    await rpc(pool).submit(submission);
    const agent = await dial(pool, newId("worker", time()));
    agent.hello();
    await agent.expect("welcome");
    const failing = await runInDurableObject(pool, (_pool, { storage: { sql } }) => {
      const exec = sql.exec.bind(sql);
      return vi.spyOn(sql, "exec").mockImplementation((query, ...values) => {
        if (query.startsWith("INSERT INTO history")) throw new Error("the disk is full");
        return exec(query, ...values) as never;
      });
    });
    agent.say({ type: "pull", free: 1 });
    expect(await agent.settled()).toEqual([]);
    failing.mockRestore();
    agent.say({ type: "pull", free: 1 });
    await agent.expect("lease");
    pass(TTL);
    await ringAlarm(pool);
    expect(await rpc(pool).read(submission)).toMatchObject({ error: { code: "JOB_TIMEOUT" } });
  });

  test("expires by the alarm, and JOB_TIMEOUT says which worker went silent and when", async () => {
    const pool = newPool();
    const { submission } = await running(pool, { maxAttempts: 1 });
    pass(TTL);
    await ringAlarm(pool);
    expect(await rpc(pool).read(submission)).toMatchObject({
      state: "failed",
      error: {
        code: "JOB_TIMEOUT",
        detail: "Lease of worker 'gpu-1' expired: no progress for 30 seconds (attempt 1 of 1).",
        retryable: true,
      },
    });
  });

  test("does not expire a moment before its time", async () => {
    const pool = newPool();
    const { submission } = await running(pool, { maxAttempts: 1 });
    pass(TTL - 1);
    await ringAlarm(pool);
    expect(await rpc(pool).read(submission)).toMatchObject({ attempt: 1, error: null });
  });

  test("lives as long as its attempt moves, and a progress writes no row", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool, { maxAttempts: 1 });
    agent.progress(lease);
    await agent.settled();
    await settleOutbox(pool);
    const alarms = await countAlarms(pool);
    const before = await rowsWritten(pool);
    for (let movement = 2; movement <= 40; movement++) {
      pass(SECOND);
      agent.progress(lease, { movement, fraction: movement / 100 });
    }
    await agent.settled();
    expect(await rowsWritten(pool)).toBe(before);
    expect(alarms).not.toHaveBeenCalled();
    await ringAlarm(pool);
    expect(await rpc(pool).read(submission)).toMatchObject({ state: "transcoding", error: null });
  });

  test("is given a new grant once the present one is past half its life, and not before", async () => {
    const pool = newPool();
    const { agent, lease, message } = await running(pool);
    const half = message.grant.expiresInMs / 2;
    agent.progress(lease);
    pass(half - 1);
    agent.progress(lease, { movement: 2 });
    expect(await agent.settled()).toEqual([]);
    pass(1);
    agent.progress(lease, { movement: 3 });
    agent.progress(lease, { movement: 4 });
    const answers = await agent.settled();
    expect(answers).toMatchObject([{ type: "ack", of: "progress", status: "accepted", lease }]);
    expect(answers[0]).not.toHaveProperty("grant.base", message.grant.base);
  });

  test("expires under a live socket whose attempt does not move", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool, { maxAttempts: 1 });
    for (let i = 0; i < 3; i++) {
      agent.progress(lease, { movement: 5 });
      await agent.settled();
      pass(TTL / 2);
    }
    await ringAlarm(pool);
    expect(await agent.settled()).toContainEqual({ type: "revoke", lease, reason: "expired" });
    expect(await rpc(pool).read(submission)).toMatchObject({
      state: "failed",
      error: { code: "JOB_TIMEOUT" },
    });
  });

  test("a late complete after expiry changes nothing, and its bytes are never served", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool, { maxAttempts: 1 });
    const report = await deliver(submission, lease);
    pass(TTL);
    await ringAlarm(pool);
    await agent.expect("revoke");
    const before = await rpc(pool).read(submission);
    agent.complete(lease, [report]);
    expect(await agent.next()).toMatchObject({ of: "complete", status: "refused", lease });
    expect(await rpc(pool).read(submission)).toEqual(before);
  });

  test("a progress of a lost lease is answered with why it was lost", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool);
    await rpc(pool).cancel(submission);
    await agent.expect("revoke");
    agent.progress(lease);
    expect(await agent.next()).toEqual({ type: "revoke", lease, reason: "cancelled" });
  });

  test("of 100 duplicate completes one is applied, and all are answered, equally", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool);
    const report = await deliver(submission, lease);
    for (let i = 0; i < 100; i++) agent.complete(lease, [report]);
    const first = await agent.expect("ack");
    for (let i = 1; i < 100; i++) expect(await agent.expect("ack")).toEqual(first);
    const { revision } = await rpc(pool).read(submission);
    for (let i = 0; i < 100; i++) agent.complete(lease, [report]);
    for (let i = 0; i < 100; i++) expect(await agent.expect("ack")).toEqual(first);
    expect(await agent.settled()).toEqual([]);
    expect(first).toEqual({ type: "ack", of: "complete", lease, status: "accepted" });
    expect(await rpc(pool).read(submission)).toMatchObject({ state: "completed", revision });
    expect(await rpc(pool).attempts(submission)).toHaveLength(1);
  });

  test("a complete whose job is cancelled while it is checked is answered, and refused", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool);
    const report = await deliver(submission, lease);
    const { promise: isAsked, resolve: ask } = Promise.withResolvers<void>();
    const { promise: answer, resolve: answerNow } = Promise.withResolvers<void>();
    const head = env.MEDIA.head.bind(env.MEDIA);
    vi.spyOn(env.MEDIA, "head").mockImplementation(async (key) => {
      ask();
      await answer;
      return head(key);
    });
    agent.complete(lease, [report]);
    agent.complete(lease, [report]);
    expect(await agent.settled()).toEqual([]);
    await isAsked;
    await rpc(pool).cancel(submission);
    answerNow();
    const answers = [await agent.next(), await agent.next(), await agent.next()];
    expect(answers.filter(({ type }) => type === "revoke")).toEqual([
      { type: "revoke", lease, reason: "cancelled" },
    ]);
    const acks = answers.filter(({ type }) => type === "ack");
    expect(acks).toEqual([acks[0], acks[0]]);
    expect(acks[0]).toMatchObject({ of: "complete", status: "refused", lease });
    expect(await rpc(pool).read(submission)).toMatchObject({ state: "cancelled", outputs: [] });
  });

  test("a repeated fail gets the same answer and uses up one attempt", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool);
    const fail = {
      type: "fail",
      lease,
      stage: "transcoding",
      code: "ENGINE_INVOCATION_ERROR",
      detail: "ffmpeg was killed by SIGKILL",
      retryable: true,
      engine: { ...engine, exitCode: null },
    } as const;
    agent.say(fail);
    const first = await agent.expect("ack");
    agent.say(fail);
    expect(await agent.expect("ack")).toEqual(first);
    expect(first).toMatchObject({ of: "fail", status: "accepted" });
    expect(await rpc(pool).attempts(submission)).toMatchObject([{ epoch: 1, state: "failed" }]);
    pass(30 * SECOND);
    agent.say({ type: "pull", free: 1 });
    expect((await agent.expect("lease")).lease.epoch).toBe(2);
  });

  test("a job that fails goes to the queue again, and the alarm leases it when its time has come", async () => {
    const pool = newPool();
    const { agent, lease } = await running(pool);
    agent.say({ type: "pull", free: 1 });
    agent.say({
      type: "fail",
      lease,
      stage: "transcoding",
      code: "ENGINE_INVOCATION_ERROR",
      detail: "killed",
      retryable: true,
      engine,
    });
    await agent.expect("ack");
    pass(30 * SECOND);
    await ringAlarm(pool);
    expect((await agent.expect("lease")).lease.epoch).toBe(2);
  });

  test("what was not delivered as promised is ENGINE_INVALID_RESPONSE and is given no other chance", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool, { maxAttempts: 1 });
    const report = await deliver(submission, lease);
    agent.complete(lease, [{ ...report, sizeBytes: report.sizeBytes + 1 }]);
    const ack = await agent.expect("ack");
    expect(ack).toMatchObject({ status: "refused" });
    expect(ack.reason).toContain("bytes in the store");
    expect(await rpc(pool).read(submission)).toMatchObject({
      state: "failed",
      error: { code: "ENGINE_INVALID_RESPONSE" },
      outputs: [],
    });
  });

  test("a job that runs over its limit ends, and its attempt is told to stop", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool, { timeoutSeconds: 60 });
    for (let movement = 1; movement <= 4; movement++) {
      agent.progress(lease, { movement });
      await agent.settled();
      pass(15.25 * SECOND);
    }
    await ringAlarm(pool);
    expect(await agent.next()).toMatchObject({ type: "revoke", reason: "run_limit" });
    expect(await rpc(pool).read(submission)).toMatchObject({
      state: "failed",
      error: {
        code: "JOB_TIMEOUT",
        detail: "Job ran for 61 seconds, exceeding the limit of 60 seconds.",
        retryable: false,
      },
    });
  });

  test("a job that no worker takes ends at its queue limit", async () => {
    const pool = newPool();
    const submission = submissionOf({ queueTimeoutSeconds: 60 });
    await rpc(pool).submit(submission);
    pass(60 * SECOND);
    await ringAlarm(pool);
    expect(await rpc(pool).read(submission)).toMatchObject({
      state: "failed",
      error: { code: "JOB_TIMEOUT", retryable: true },
    });
  });
});
