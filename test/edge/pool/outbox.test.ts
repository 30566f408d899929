import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { insertJob } from "../../../edge/catalogue/job-claims.ts";
import { findJob } from "../../../edge/catalogue/jobs.ts";
import type { JobSubmission } from "../../../edge/domain/submission.ts";
import { failD1, stallD1 } from "./failing-d1.ts";
import {
  alarmAt,
  countRows,
  deliver,
  newPool,
  type PoolStub,
  pass,
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

/** A job as HTTP accepts it: its row and its claim are in D1 before the pool hears of it. */
async function accepted(change: Partial<JobSubmission> = {}): Promise<JobSubmission> {
  const submission = submissionOf(change);
  await env.DB.prepare(
    `INSERT OR IGNORE INTO videos (id, account_id, filename, content_type, size, state, key, etag, created_at)
     VALUES ('vid_01J00000000000000000000000', 'default', 'clip.mp4', 'video/mp4', 1000, 'ready',
             'sources/default/vid_01J00000000000000000000000', 'source-etag', 0)`,
  ).run();
  expect(await insertJob(env.DB, submission)).toEqual({ status: "accepted" });
  return submission;
}

async function claimsOf(jobId: string): Promise<number> {
  const row = await env.DB.prepare("SELECT COUNT(*) AS n FROM active_work WHERE job_id = ?")
    .bind(jobId)
    .first<{ n: number }>();
  return row?.n ?? 0;
}

/** Until the alarm that waits for D1 has seen that this takes its time, and has set the next one. */
function untilArmed(pool: PoolStub, at: number): Promise<void> {
  return vi.waitFor(async () => expect(await alarmAt(pool)).toBe(at), { timeout: 60_000 });
}

describe("the outbox", () => {
  test("brings D1 to the pool's last word, and gives up the claim on the work", async () => {
    const pool = newPool();
    const submission = await accepted({ webhookUrl: "https://example.com/hook" });
    const { agent, lease } = await running(pool, submission);
    expect(await claimsOf(submission.jobId)).toBe(1);
    agent.complete(lease, [await deliver(submission, lease)]);
    await agent.expect("ack");
    await settleOutbox(pool);
    const snapshot = await rpc(pool).read(submission);
    expect(await findJob(env.DB, "default", submission.jobId)).toMatchObject({
      state: "completed",
      revision: snapshot.revision,
      snapshot: { outputs: [{ name: "result.mp4" }] },
      completedAt: time() - 11 * SECOND,
    });
    expect(await claimsOf(submission.jobId)).toBe(0);
    expect(await countRows(pool, "outbox")).toBe(0);
  });

  test("records one terminal event for the job's webhook, with a signed URL of its output", async () => {
    const pool = newPool();
    const submission = await accepted({ webhookUrl: "https://example.com/hook" });
    const { agent, lease } = await running(pool, submission);
    agent.complete(lease, [await deliver(submission, lease)]);
    await agent.expect("ack");
    await settleOutbox(pool);
    const { results } = await env.DB.prepare(
      "SELECT type, body FROM webhook_deliveries WHERE job_id = ?",
    )
      .bind(submission.jobId)
      .all<{ type: string; body: string }>();
    expect(results).toHaveLength(1);
    expect(JSON.parse(results[0]?.body ?? "{}")).toMatchObject({
      type: "job.completed",
      data: {
        jobId: submission.jobId,
        state: "completed",
        status: "completed",
        progress: 100,
        attempt: 1,
        metadata: { order: 7 },
        output: {
          name: "result.mp4",
          url: expect.stringMatching(
            /^https:\/\/video\.example\.com\/v1\/signed\/.+\/result\.mp4$/,
          ),
        },
      },
    });
  });

  test("converges when D1 fails 30 % of its calls, and loses nothing", async () => {
    const pool = newPool();
    const submission = await accepted({ webhookUrl: "https://example.com/hook" });
    const { agent, lease } = await running(pool, submission);
    const failures = failD1(0.3);
    agent.complete(lease, [await deliver(submission, lease)]);
    await agent.expect("ack");
    for (let round = 0; round < 40; round++) {
      pass(300 * SECOND);
      await ringAlarm(pool);
    }
    failures.end();
    expect(failures.refused + failures.unanswered).toBeGreaterThan(0);
    expect(await countRows(pool, "outbox")).toBe(0);
    expect(await findJob(env.DB, "default", submission.jobId)).toMatchObject({
      state: "completed",
    });
    expect(await claimsOf(submission.jobId)).toBe(0);
  });

  test("that D1 does not take holds up no deadline: a lease expires while the alarm waits, and D1 hears of it all", async () => {
    const pool = newPool();
    const submission = await accepted();
    const stall = stallD1();
    const { agent, lease } = await running(pool, submission);
    pass(11 * SECOND);
    const waiting = ringAlarm(pool);
    agent.progress(lease, { stage: "probing", movement: 2 });
    await agent.settled();
    await untilArmed(pool, time() + 10 * SECOND);
    pass(TTL);
    // The platform rings no alarm while one runs: this one must have ended.
    await waiting;
    const expiring = ringAlarm(pool);
    expect(await agent.expect("revoke")).toMatchObject({ lease, reason: "expired" });
    stall.answer();
    await expiring;
    await settleOutbox(pool);
    const snapshot = await rpc(pool).read(submission);
    expect(await findJob(env.DB, "default", submission.jobId)).toMatchObject({
      revision: snapshot.revision,
      snapshot: { attempt: snapshot.attempt },
    });
    expect(await countRows(pool, "outbox")).toBe(0);
  });

  test("that D1 does not take is looked after again, and soon once D1 has refused it", async () => {
    const pool = newPool();
    const submission = await accepted();
    const stall = stallD1();
    await rpc(pool).submit(submission);
    pass(11 * SECOND);
    const waiting = ringAlarm(pool);
    await untilArmed(pool, time() + 10 * SECOND);
    pass(10 * SECOND);
    await waiting;
    expect(await alarmAt(pool)).toBe(time() + 10 * SECOND);
    const delivered = rpc(pool).deliver();
    stall.refuse();
    await delivered;
    expect(await countRows(pool, "outbox")).toBeGreaterThan(0);
    expect(await alarmAt(pool)).toBeLessThanOrEqual(time() + 2 * SECOND);
    pass(2 * SECOND);
    await ringAlarm(pool);
    expect(await countRows(pool, "outbox")).toBe(0);
  });

  test("an entry that cannot be delivered holds up no other", async () => {
    const pool = newPool();
    const submission = await accepted();
    await rpc(pool).submit(submission);
    await settleOutbox(pool);
    await runInDurableObject(pool, (_pool, state) => {
      const poison = {
        kind: "video",
        accountId: "default",
        videoId: { not: "an id" },
        metadata: {},
      };
      state.storage.sql.exec(
        "INSERT INTO outbox (seq, key, entry, due_at) VALUES (0, 'poison', ?, 0)",
        JSON.stringify(poison),
      );
    });
    await rpc(pool).cancel(submission);
    await settleOutbox(pool);
    expect(await findJob(env.DB, "default", submission.jobId)).toMatchObject({
      state: "cancelled",
    });
    expect(await countRows(pool, "outbox")).toBe(1);
  });

  test("a snapshot that D1 will never take holds up others that failed with it for a few tries alone", async () => {
    const pool = newPool();
    const [bad, good] = [await accepted({ specHash: "bad" }), await accepted({ specHash: "good" })];
    await rpc(pool).submit(bad);
    await runInDurableObject(pool, (_pool, state) => {
      state.storage.sql.exec(
        "UPDATE outbox SET entry = json_remove(entry, '$.snapshot.state') WHERE key LIKE 'project:%'",
      );
    });
    await rpc(pool).submit(good);
    for (let tries = 0; tries < 4; tries++) {
      pass(300 * SECOND);
      await ringAlarm(pool);
    }
    expect((await findJob(env.DB, "default", good.jobId))?.revision).toBe(1);
    expect((await findJob(env.DB, "default", bad.jobId))?.revision).toBe(0);
    expect(await countRows(pool, "outbox")).toBe(1);
  });

  test("never holds more than one snapshot of a job, and it is the newest", async () => {
    const pool = newPool();
    const submission = await accepted();
    failD1(1);
    const { agent, lease } = await running(pool, submission);
    agent.progress(lease, { stage: "probing" });
    agent.progress(lease, { stage: "planning", movement: 2 });
    await agent.settled();
    const { revision } = await rpc(pool).read(submission);
    const kept = await runInDurableObject(pool, (_pool, state) =>
      state.storage.sql
        .exec<{ entry: string }>("SELECT entry FROM outbox WHERE key LIKE 'project:%'")
        .toArray()
        .map((row) => JSON.parse(row.entry)),
    );
    expect(kept).toMatchObject([{ snapshot: { state: "planning", revision } }]);
  });

  test("an old snapshot that comes again changes nothing", async () => {
    const pool = newPool();
    const submission = await accepted();
    const first = await rpc(pool).submit(submission);
    await rpc(pool).cancel(submission);
    await settleOutbox(pool);
    await runInDurableObject(pool, (_pool, state) => {
      const replay = { kind: "project", snapshot: first };
      state.storage.sql.exec(
        "INSERT INTO outbox (seq, key, entry, due_at) VALUES (0, 'replay', ?, 0)",
        JSON.stringify(replay),
      );
    });
    await settleOutbox(pool);
    expect(await findJob(env.DB, "default", submission.jobId)).toMatchObject({
      state: "cancelled",
    });
  });

  test("an agent's probe fills in metadata that the edge could not read, and replaces none", async () => {
    const pool = newPool();
    const submission = await accepted();
    const { agent, lease } = await running(pool, submission);
    const source = {
      format: "avi",
      durationSeconds: 2,
      width: 320,
      height: 240,
      frameRate: 25,
      videoCodec: "cinepak",
      audioCodec: null,
      bitrateKbps: 500,
    };
    agent.progress(lease, { stage: "probing", source });
    await agent.settled();
    await settleOutbox(pool);
    agent.progress(lease, { stage: "planning", source: { ...source, width: 1 }, movement: 2 });
    await agent.settled();
    await settleOutbox(pool);
    const row = await env.DB.prepare("SELECT metadata FROM videos WHERE id = ?")
      .bind("vid_01J00000000000000000000000")
      .first<{ metadata: string }>();
    expect(JSON.parse(row?.metadata ?? "null")).toEqual(source);
  });
});
