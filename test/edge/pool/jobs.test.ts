/** What a job does from its submission to its end, and after it. */
import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { attemptPrefix } from "../../../edge/media/keys.ts";
import {
  countRows,
  DAY,
  deliver,
  fatal,
  join,
  newPool,
  pass,
  reportOf,
  ringAlarm,
  rpc,
  running,
  SECOND,
  submissionOf,
  usePool,
} from "./harness.ts";

usePool();

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
