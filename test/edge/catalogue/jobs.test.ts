import { env } from "cloudflare:workers";
import { describe, expect, test, vi } from "vitest";
import { claimForRetry, insertJob, releaseIfTerminal } from "../../../edge/catalogue/job-claims.ts";
import { findJob, projectSnapshot } from "../../../edge/catalogue/jobs.ts";
import type { JobSubmission } from "../../../edge/domain/submission.ts";
import { newId } from "../../../edge/ids.ts";
import { snapshotOf } from "../http/fake-pool.ts";
import { makeVideo } from "../http/harness.ts";

const db = env.DB;

async function submissionOf(change: Partial<JobSubmission> = {}): Promise<JobSubmission> {
  const videoId = await makeVideo();
  return {
    jobId: newId("job", Date.now()),
    accountId: "default",
    pool: "default",
    shard: 0,
    createdAt: Date.now(),
    work: { mode: "recipe", recipe: { name: "webReady" } },
    inputs: {
      in_1: {
        kind: "video",
        videoId,
        key: "k",
        etag: "etag-1",
        filename: "clip.mp4",
        contentType: "video/mp4",
        sizeBytes: 1000,
      },
    },
    outputs: { out_1: { filename: "result.mp4", format: "mp4" } },
    webhookUrl: null,
    presetId: null,
    priority: 0,
    timeoutSeconds: 3600,
    queueTimeoutSeconds: 86_400,
    maxAttempts: 3,
    metadata: null,
    specHash: crypto.randomUUID(),
    origin: "https://telecine.test",
    ...change,
  };
}

const holderOf = async ({ accountId, specHash }: JobSubmission) =>
  (
    await db
      .prepare("select job_id from active_work where account_id = ? and spec_hash = ?")
      .bind(accountId, specHash)
      .first<{ job_id: string }>()
  )?.job_id ?? null;

const inputsHeld = async (jobId: string) =>
  (await db.prepare("select 1 from active_inputs where job_id = ?").bind(jobId).all()).results
    .length;

describe("acceptance", () => {
  test("repeated under one id changes nothing, also after the job has ended", async () => {
    const submission = await submissionOf();
    expect(await insertJob(db, submission)).toEqual({ status: "accepted" });
    expect(await insertJob(db, submission)).toEqual({ status: "known", submission });
    const ended = snapshotOf(submission, { state: "completed", revision: 5, completedAt: 9 });
    await projectSnapshot(db, [ended]);
    expect(await insertJob(db, submission)).toEqual({ status: "known", submission });
    expect(await holderOf(submission)).toBeNull();
    expect((await findJob(db, "default", submission.jobId))?.state).toBe("completed");
  });

  test("of a duplicate leaves nothing behind but the holder's claim", async () => {
    const first = await submissionOf();
    const second = { ...first, jobId: newId("job", Date.now()) };
    await insertJob(db, first);
    expect(await insertJob(db, second)).toEqual({ status: "duplicate", jobId: first.jobId });
    expect(await findJob(db, null, second.jobId)).toBeNull();
    expect(await inputsHeld(second.jobId)).toBe(0);
  });

  test("needs every video ready, of the account, and unchanged", async () => {
    const good = await submissionOf();
    const [input] = Object.values(good.inputs);
    if (input?.kind !== "video") throw new Error("no video");
    const other = { ...input, videoId: await makeVideo("default", "uploading") };
    for (const bad of [
      { inputs: { in_1: input, in_2: other } },
      { inputs: { in_1: { ...input, etag: "another" } } },
      { accountId: "acme" },
      { inputs: { in_1: { ...input, videoId: "vid_none" } } },
    ]) {
      const submission = { ...good, ...bad, jobId: newId("job", Date.now()) };
      expect(await insertJob(db, submission)).toEqual({ status: "outdated" });
      expect(await findJob(db, null, submission.jobId)).toBeNull();
      expect(await holderOf(submission)).toBeNull();
    }
  });
});

describe("projection", () => {
  test("only a higher revision changes the record, in whatever order it comes", async () => {
    const submission = await submissionOf();
    await insertJob(db, submission);
    const at = (revision: number, state: "probing" | "transcoding" | "merging") =>
      snapshotOf(submission, { revision, state });
    await projectSnapshot(db, [at(3, "merging"), at(2, "transcoding")]);
    await projectSnapshot(db, [at(1, "probing")]);
    await projectSnapshot(db, [at(3, "probing")]);
    const record = await findJob(db, "default", submission.jobId);
    expect(record).toMatchObject({ state: "merging", revision: 3, snapshot: { state: "merging" } });
    await projectSnapshot(db, [at(10, "probing")]);
    expect((await findJob(db, "default", submission.jobId))?.revision).toBe(10);
  });

  test("of an end releases the claims; of anything else it keeps them", async () => {
    const submission = await submissionOf();
    await insertJob(db, submission);
    await projectSnapshot(db, [snapshotOf(submission, { revision: 2, state: "merging" })]);
    expect(await holderOf(submission)).toBe(submission.jobId);
    const ended = { revision: 3, state: "cancelled", completedAt: 1_700_000_000_000 } as const;
    await projectSnapshot(db, [snapshotOf(submission, ended)]);
    expect(await holderOf(submission)).toBeNull();
    expect(await inputsHeld(submission.jobId)).toBe(0);
    expect((await findJob(db, null, submission.jobId))?.completedAt).toBe(1_700_000_000_000);
  });

  test("of an old end does not release what a retry claimed since", async () => {
    const submission = await submissionOf();
    await insertJob(db, submission);
    const ended = snapshotOf(submission, { revision: 4, state: "failed", completedAt: 1 });
    await projectSnapshot(db, [ended]);
    expect(await claimForRetry(db, submission)).toEqual({ status: "claimed" });
    await projectSnapshot(db, [snapshotOf(submission, { revision: 5, run: 2 })]);
    await projectSnapshot(db, [ended]);
    expect(await holderOf(submission)).toBe(submission.jobId);
    await releaseIfTerminal(db, submission.jobId);
    expect(await holderOf(submission)).toBe(submission.jobId);
  });

  test("takes many large snapshots at once, past the limit of one parameter", async () => {
    const submissions = await Promise.all(Array.from({ length: 6 }, () => submissionOf()));
    for (const submission of submissions) await insertJob(db, submission);
    const error = {
      code: "TRANSCODE_ERROR",
      message: "m",
      detail: "x".repeat(400_000),
      stage: null,
      retryable: false,
    } as const;
    const snapshots = submissions.map((submission) =>
      snapshotOf(submission, { revision: 2, state: "failed", error, completedAt: 1 }),
    );
    await projectSnapshot(db, snapshots);
    for (const { jobId } of submissions) {
      expect((await findJob(db, null, jobId))?.snapshot?.error?.detail).toHaveLength(400_000);
    }
  });

  test("of a job that the record does not have makes none", async () => {
    const unknown = await submissionOf();
    await projectSnapshot(db, [snapshotOf(unknown)]);
    await projectSnapshot(db, []);
    expect(await findJob(db, unknown.accountId, unknown.jobId)).toBeNull();
  });
});

describe("a claim for a retry", () => {
  test("is refused while another job holds the work, and names it", async () => {
    const first = await submissionOf();
    await insertJob(db, first);
    await projectSnapshot(db, [
      snapshotOf(first, { revision: 2, state: "failed", completedAt: 1 }),
    ]);
    const second = { ...first, jobId: newId("job", Date.now()) };
    await insertJob(db, second);
    expect(await claimForRetry(db, first)).toEqual({ status: "duplicate", jobId: second.jobId });
    expect(await inputsHeld(first.jobId)).toBe(0);
  });

  test("that came to nothing is released where the record says the job has ended", async () => {
    const submission = await submissionOf();
    await insertJob(db, submission);
    const ended = snapshotOf(submission, { revision: 2, state: "failed", completedAt: 1 });
    await projectSnapshot(db, [ended]);
    await claimForRetry(db, submission);
    await releaseIfTerminal(db, submission.jobId);
    expect(await holderOf(submission)).toBeNull();
    expect(await inputsHeld(submission.jobId)).toBe(0);
  });
});

describe("a job's rows in the record", () => {
  /** Rows that this writes, those of indexes too: each is billed. */
  async function written(work: () => Promise<unknown>): Promise<number> {
    const batch = db.batch.bind(db);
    let rows = 0;
    const spy = vi.spyOn(db, "batch").mockImplementation(async (statements) => {
      const results = await batch(statements);
      rows += results.reduce((sum, { meta }) => sum + meta.rows_written, 0);
      return results as never;
    });
    await work();
    spy.mockRestore();
    return rows;
  }

  test("are at most 11 when it is accepted, 2 while it lives, and 5 when it ends", async () => {
    const submission = await submissionOf();
    await insertJob(db, await submissionOf());
    const accepting = await written(() => insertJob(db, submission));
    const project = (change: Parameters<typeof snapshotOf>[1]) =>
      written(() => projectSnapshot(db, [snapshotOf(submission, change)]));
    const queued = await project({ revision: 1 });
    const living = await project({ revision: 2, state: "transcoding" });
    const ending = await project({ revision: 3, state: "completed", completedAt: 9 });
    expect(accepting).toBeLessThanOrEqual(11);
    expect(Math.max(queued, living)).toBeLessThanOrEqual(2);
    expect(ending).toBeLessThanOrEqual(5);
  });
});
