/** What is forgotten and collected, and what must never be. */
import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { attemptPrefix } from "../../../edge/media/keys.ts";
import {
  alarmAt,
  countRows,
  DAY,
  deliver,
  fatal,
  join,
  newPool,
  pass,
  ringAlarm,
  rpc,
  running,
  SECOND,
  TTL,
  time,
  usePool,
} from "./harness.ts";

usePool();

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

  test("that cannot be read goes with the others, and wakes the pool no more", async () => {
    const pool = newPool();
    for (let i = 0; i < 2; i++) {
      const { agent, lease } = await running(pool, { maxAttempts: 1 });
      agent.say({ ...fatal, lease });
      await agent.expect("ack");
    }
    await runInDurableObject(pool, (_pool, state) => {
      state.storage.sql.exec("UPDATE jobs SET record = '' WHERE id = (SELECT MIN(id) FROM jobs)");
    });
    await evictDurableObject(pool);
    pass(30 * DAY + SECOND);
    await ringAlarm(pool);
    expect(await countRows(pool, "jobs")).toBe(0);
    pass(DAY);
    await ringAlarm(pool);
    expect(await alarmAt(pool)).toBeNull();
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
