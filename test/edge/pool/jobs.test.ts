import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { newId } from "../../../edge/ids.ts";
import { attemptPrefix } from "../../../edge/media/keys.ts";
import type { PoolRpc } from "../../../edge/pool/rpc.ts";
import type { Capabilities, VideoCodec } from "../../../protocol/media.ts";
import {
  alarmAt,
  countRows,
  DAY,
  deliver,
  dial,
  engine,
  join,
  logged,
  newPool,
  pass,
  reportOf,
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

const fatal = {
  type: "fail",
  stage: "transcoding",
  code: "TRANSCODE_ERROR",
  detail: "FFmpeg exited with code 1: Cannot allocate memory",
  retryable: true,
  engine,
} as const;

function proving(...codecs: VideoCodec[]): Capabilities {
  return {
    ffmpegVersion: "5.1",
    encoders: codecs.map((codec) => ({
      encoder: `lib${codec}`,
      codec,
      device: "cpu",
      bitDepths: [8],
      maxSessions: null,
    })),
  };
}

describe("a job", () => {
  test("submitted again, or concurrently, is the same job and changes nothing", async () => {
    const pool = newPool();
    const submission = submissionOf();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => rpc(pool).submit(submission)),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(await countRows(pool, "tasks")).toBe(1);
  });

  test("cancelled before it was submitted stays cancelled when the submission arrives", async () => {
    const pool = newPool();
    const submission = submissionOf();
    expect(await rpc(pool).cancel(submission)).toMatchObject({ status: "ok" });
    expect(await rpc(pool).submit(submission)).toMatchObject({ state: "cancelled" });
    const agent = await join(pool);
    expect(await agent.settled()).toEqual([]);
  });

  test("cancelled while it runs is revoked at once, and a second cancel finds it terminal", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool);
    expect(await rpc(pool).cancel(submission)).toMatchObject({
      status: "ok",
      job: { state: "cancelled" },
    });
    expect(await agent.next()).toEqual({ type: "revoke", lease, reason: "cancelled" });
    expect(await rpc(pool).cancel(submission)).toMatchObject({ status: "terminal" });
    expect(await rpc(pool).attempts(submission)).toMatchObject([{ state: "cancelled" }]);
  });

  test("cancelled while its outputs are checked ends once, whichever comes first", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool);
    const report = await deliver(submission, lease);
    agent.complete(lease, [report]);
    const cancelled = await rpc(pool).cancel(submission);
    await agent.settled();
    const read = await rpc(pool).read(submission);
    expect(read.state).toBe(cancelled.status === "ok" ? "cancelled" : "completed");
    expect(read.revision).toBe(cancelled.job.revision);
  });

  test("retried is the next run under the same id: epochs and revisions go on growing", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool, { maxAttempts: 1 });
    agent.say({ ...fatal, lease });
    await agent.expect("ack");
    const failed = await rpc(pool).read(submission);
    expect(failed).toMatchObject({ state: "failed", run: 1, error: { code: "TRANSCODE_ERROR" } });
    expect(await rpc(pool).retry(submission, {})).toMatchObject({
      status: "ok",
      job: { state: "queued", run: 2, attempt: 0, error: null },
    });
    agent.say({ type: "pull", free: 1 });
    const second = await agent.expect("lease");
    expect(second).toMatchObject({ lease: { epoch: 2 }, task: { run: 2 } });
    expect((await rpc(pool).read(submission)).revision).toBeGreaterThan(failed.revision);
    expect(await rpc(pool).attempts(submission)).toMatchObject([
      { run: 1, epoch: 1, state: "failed" },
      { run: 2, epoch: 2, state: "running" },
    ]);
  });

  test("that is not failed, or would only fail again, is not retried", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool);
    expect(await rpc(pool).retry(submission, {})).toMatchObject({ status: "not_retryable" });
    agent.say({ ...fatal, lease, retryable: false });
    await agent.expect("ack");
    expect(await rpc(pool).retry(submission, {})).toMatchObject({ status: "not_retryable" });
  });

  test("of another agent's lease nothing can be told by who does not hold it", async () => {
    const pool = newPool();
    const { submission, lease } = await running(pool);
    const stranger = await join(pool);
    stranger.complete(lease, [await deliver(submission, lease)]);
    expect(await stranger.next()).toMatchObject({ status: "refused" });
    stranger.progress(lease, { movement: 100 });
    expect(await stranger.next()).toMatchObject({ type: "revoke" });
    expect(await rpc(pool).read(submission)).toMatchObject({ outputs: [], progress: 0 });
  });

  test("whose upload has parts is finished by the edge, and a repeated check finds it finished", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool);
    const bytes = new Uint8Array(100).fill(7);
    const key = `${attemptPrefix({ jobId: submission.jobId, run: 1, ...lease })}result.mp4`;
    const upload = await env.MEDIA.createMultipartUpload(key);
    const { partNumber, etag } = await upload.uploadPart(1, bytes);
    const { uploadId } = upload;
    expect(await rpc(pool).recordUpload({ ...lease, key, uploadId })).toEqual({ status: "ok" });
    const report = await reportOf("unused", bytes);
    const parts = [{ partNumber, etag }];
    agent.complete(lease, [{ ...report, stored: { kind: "multipart", uploadId, parts } }]);
    expect(await agent.next()).toMatchObject({ of: "complete", status: "accepted" });
    const head = await env.MEDIA.head(key);
    expect((await rpc(pool).read(submission)).outputs).toMatchObject([{ key, etag: head?.etag }]);
    expect(await countRows(pool, "attempt_uploads")).toBe(0);
  });

  test.each([
    ["an output that was never stored", { filename: "result.mp4" }, "does not exist"],
    ["an output under another name", { filename: "other.mp4" }, "instead of 'result.mp4'"],
    ["an output of another format", { format: "webm" }, "instead of mp4"],
    ["an output nobody asked for", { key: "out_2" }, "was not asked for"],
    ["a checksum that is another's", { sha256: "0".repeat(64) }, "checksum"],
    ["other bytes than were written", { stored: { kind: "single", etag: "another" } }, "ETag"],
  ] as const)("is not completed by %s", async (what, change, why) => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool, { maxAttempts: 1 });
    const bytes = Uint8Array.from([1, 2, 3]);
    const report = await reportOf("etag", bytes);
    let etag = "etag";
    if (!what.includes("never")) {
      const key = `${attemptPrefix({ jobId: submission.jobId, run: 1, ...lease })}result.mp4`;
      etag = (await env.MEDIA.put(key, bytes, { sha256: report.sha256 }))?.etag ?? "";
    }
    agent.complete(lease, [{ ...report, stored: { kind: "single", etag }, ...change }]);
    const ack = await agent.expect("ack");
    expect(ack.status).toBe("refused");
    expect(ack.reason).toContain(why);
    expect(await rpc(pool).read(submission)).toMatchObject({
      state: "failed",
      error: { code: "ENGINE_INVALID_RESPONSE" },
    });
  });

  test("that is finished and forgotten is not run again by a question about it", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool);
    const report = await deliver(submission, lease);
    agent.complete(lease, [report]);
    await agent.expect("ack");
    const prior = await rpc(pool).read(submission);
    pass(30 * DAY + SECOND);
    await ringAlarm(pool);
    expect(await countRows(pool, "jobs")).toBe(0);
    expect(await countRows(pool, "attempts")).toBe(0);
    expect(await env.MEDIA.list({ prefix: `jobs/${submission.jobId}/` })).toMatchObject({
      objects: [],
    });
    expect(await rpc(pool).read(submission, prior)).toEqual(prior);
    expect(await rpc(pool).cancel(submission, prior)).toMatchObject({ status: "terminal" });
    expect(await countRows(pool, "jobs")).toBe(0);
  });
});

describe("a live job whose pool lost its rows", () => {
  test("goes on above D1's revision, so that D1 believes it, and under no epoch used before", async () => {
    const first = newPool();
    const { submission, agent, lease } = await running(first);
    agent.progress(lease);
    await agent.settled();
    const known = await rpc(first).read(submission);
    expect(known).toMatchObject({ state: "transcoding", revision: 3 });
    const emptied = newPool();
    const again = await rpc(emptied).read(submission, known);
    expect(again).toMatchObject({ state: "queued", revision: 4, run: 1 });
    const heir = await join(emptied);
    expect((await heir.expect("lease")).lease.epoch).toBeGreaterThan(known.revision);
  });
});

describe("a forgotten job", () => {
  test("that is retried keeps the bytes of its next run, should the collection come late", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool, { maxAttempts: 1 });
    agent.say({ ...fatal, lease });
    await agent.expect("ack");
    const prior = await rpc(pool).read(submission);
    const { jobId } = submission;
    const late = `${attemptPrefix({ jobId, run: 1, ...lease })}late.mp4`;
    await env.MEDIA.put(late, "bytes");
    pass(30 * DAY + SECOND);
    const broken = await runInDurableObject(pool, () =>
      vi.spyOn(env.MEDIA, "list").mockRejectedValue(new Error("R2 is away")),
    );
    await ringAlarm(pool);
    broken.mockRestore();
    await rpc(pool).retry(submission, {}, prior);
    const next = `${attemptPrefix({ jobId, run: 2, taskId: lease.taskId, epoch: 9 })}result.mp4`;
    await env.MEDIA.put(next, "bytes");
    pass(SECOND * 10);
    await ringAlarm(pool);
    expect(await env.MEDIA.head(late)).toBeNull();
    expect(await env.MEDIA.head(next)).not.toBeNull();
  });

  test("that failed is retried as its next run, above all its epochs and revisions", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool, { maxAttempts: 1 });
    agent.say({ ...fatal, lease });
    await agent.expect("ack");
    const prior = await rpc(pool).read(submission);
    pass(30 * DAY + SECOND);
    await ringAlarm(pool);
    expect(await countRows(pool, "jobs")).toBe(0);
    const retried = await rpc(pool).retry(submission, {}, prior);
    expect(retried).toMatchObject({ status: "ok", job: { state: "queued", run: 2 } });
    expect(retried.job.revision).toBeGreaterThan(prior.revision);
    agent.say({ type: "pull", free: 1 });
    expect((await agent.expect("lease")).lease.epoch).toBeGreaterThan(lease.epoch);
  });
});

describe("a check", () => {
  test("that is under way when its deadline passes is not made twice", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool);
    const report = await deliver(submission, lease);
    const head = env.MEDIA.head.bind(env.MEDIA);
    const opened = Promise.withResolvers<void>();
    const heads = vi.spyOn(env.MEDIA, "head").mockImplementation(async (key) => {
      await opened.promise;
      return head(key);
    });
    agent.complete(lease, [report]);
    await agent.settled();
    pass(121 * SECOND);
    await ringAlarm(pool);
    // From inside the object: a promise may not be resolved across the runtime's contexts.
    await runInDurableObject(pool, () => opened.resolve());
    expect(await agent.expect("ack")).toMatchObject({ of: "complete", status: "accepted" });
    expect(heads).toHaveBeenCalledTimes(1);
  });

  test("that the store could not answer is made again after its deadline", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool);
    const report = await deliver(submission, lease);
    vi.spyOn(env.MEDIA, "head").mockRejectedValueOnce(new Error("R2 is away"));
    agent.complete(lease, [report]);
    await agent.settled();
    pass(121 * SECOND);
    await ringAlarm(pool);
    expect(await agent.expect("ack")).toMatchObject({ of: "complete", status: "accepted" });
    expect(await rpc(pool).read(submission)).toMatchObject({ state: "completed" });
  });
});

describe("matching", () => {
  test("gives no worker more than its slots, nor more than it asked for", async () => {
    const pool = newPool();
    for (let i = 0; i < 5; i++) await rpc(pool).submit(submissionOf());
    const eager = await join(pool, { slots: 2, free: 200 });
    expect((await eager.settled()).map((message) => message.type)).toEqual(["lease", "lease"]);
    const modest = await join(pool, { slots: 8, free: 1 });
    expect((await modest.settled()).map((message) => message.type)).toEqual(["lease"]);
  });

  test("gives the higher priority first, and the older of equals", async () => {
    const pool = newPool();
    const late = submissionOf({ priority: -1 });
    const first = submissionOf();
    const urgent = submissionOf({ priority: 5 });
    for (const submission of [late, first, urgent]) {
      await rpc(pool).submit(submission);
      pass(SECOND);
    }
    const agent = await join(pool, { slots: 3, free: 3 });
    const order = (await agent.settled()).map((m) => (m.type === "lease" ? m.task.jobId : m.type));
    expect(order).toEqual([urgent.jobId, first.jobId, late.jobId]);
  });

  test("gives a codec only to who proved an encoder for it, also behind many it cannot do", async () => {
    const pool = newPool();
    const work = { mode: "recipe", recipe: { name: "transcode", codec: "av1" } } as const;
    await Promise.all(
      Array.from({ length: 300 }, () => rpc(pool).submit(submissionOf({ work, priority: 1 }))),
    );
    const plain = submissionOf();
    await rpc(pool).submit(plain);
    const old = await dial(pool, newId("worker", time()));
    old.hello({ slots: 2, capabilities: proving("h264") });
    await old.expect("welcome");
    old.say({ type: "pull", free: 2 });
    expect(await old.settled()).toMatchObject([{ type: "lease", task: { jobId: plain.jobId } }]);
    const modern = await dial(pool, newId("worker", time()));
    modern.hello({ slots: 1, capabilities: proving("h264", "av1") });
    await modern.expect("welcome");
    modern.say({ type: "pull", free: 1 });
    expect((await modern.expect("lease")).task.work).toEqual(work);
  });

  test("leases every job once, however many workers ask at the same time", async () => {
    const pool = newPool();
    const agents = await Promise.all(Array.from({ length: 10 }, () => join(pool)));
    const submissions = Array.from({ length: 10 }, () => submissionOf());
    await Promise.all(submissions.map((submission) => rpc(pool).submit(submission)));
    const leases = await Promise.all(agents.map((agent) => agent.expect("lease")));
    expect(new Set(leases.map((lease) => lease.task.jobId)).size).toBe(10);
  });
});

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

describe("cleaning", () => {
  test("collects a lost attempt's bytes after its last grant, and what came late once more", async () => {
    const pool = newPool();
    const { submission, lease, message } = await running(pool, { maxAttempts: 1 });
    const report = await deliver(submission, lease);
    const prefix = attemptPrefix({ jobId: submission.jobId, run: 1, ...lease });
    const key = `${prefix}part.mp4`;
    const upload = await env.MEDIA.createMultipartUpload(key);
    const { uploadId } = upload;
    await rpc(pool).recordUpload({ ...lease, key, uploadId });
    pass(TTL);
    await ringAlarm(pool);
    pass(message.grant.expiresInMs - TTL);
    await ringAlarm(pool);
    expect(await env.MEDIA.head(`${prefix}${report.filename}`)).not.toBeNull();
    pass(message.grant.expiresInMs);
    await ringAlarm(pool);
    expect(await env.MEDIA.list({ prefix })).toMatchObject({ objects: [] });
    await expect(upload.uploadPart(1, new Uint8Array(10))).rejects.toThrow();
    await env.MEDIA.put(key, "late");
    pass(DAY);
    await ringAlarm(pool);
    expect(await env.MEDIA.list({ prefix })).toMatchObject({ objects: [] });
    expect(await countRows(pool, "garbage")).toBe(0);
    expect(await countRows(pool, "attempt_uploads")).toBe(0);
  });

  test("never touches the outputs of the attempt that won", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool);
    pass(TTL);
    await ringAlarm(pool);
    await agent.settled();
    const winner = await join(pool);
    const second = await winner.expect("lease");
    expect(second.lease.epoch).toBe(lease.epoch + 1);
    const report = await deliver(submission, second.lease);
    winner.complete(second.lease, [report]);
    await winner.expect("ack");
    pass(2 * DAY);
    await ringAlarm(pool);
    pass(2 * DAY);
    await ringAlarm(pool);
    const [output] = (await rpc(pool).read(submission)).outputs;
    expect(await env.MEDIA.head(output?.key ?? "")).toMatchObject({ etag: output?.etag });
  });

  test("an upload of an attempt that is over is not recorded", async () => {
    const pool = newPool();
    const { submission, lease } = await running(pool);
    await rpc(pool).cancel(submission);
    const upload = { ...lease, key: "jobs/x", uploadId: "u" };
    expect(await rpc(pool).recordUpload(upload)).toEqual({ status: "stale_epoch" });
  });

  test("a pool with nothing left to do sets no alarm but the one that forgets", async () => {
    const pool = newPool();
    const { submission, agent, lease } = await running(pool);
    agent.complete(lease, [await deliver(submission, lease)]);
    await agent.expect("ack");
    pass(60 * SECOND);
    await ringAlarm(pool);
    expect(await alarmAt(pool)).toBe(time() - 60 * SECOND + 30 * DAY);
    pass(30 * DAY);
    await ringAlarm(pool);
    await ringAlarm(pool);
    expect(await alarmAt(pool)).toBeNull();
  });
});
