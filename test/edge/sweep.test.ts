import { beforeEach, describe, expect, test } from "vitest";
import { claimForRetry } from "../../edge/catalogue/job-claims.ts";
import { findJob, projectSnapshot } from "../../edge/catalogue/jobs.ts";
import { sweepClaims, sweepSubmissions } from "../../edge/sweep.ts";
import type { Job } from "../../protocol/http/jobs.ts";
import { FakePool } from "./http/fake-pool.ts";
import { call, makeVideo, testEnv } from "./http/harness.ts";

let pool: FakePool;
beforeEach(() => {
  pool = new FakePool();
});

async function submit(): Promise<string> {
  const json = { videoId: await makeVideo(), recipe: { name: "webReady" } };
  const answer = await call("/v1/jobs", { env: pool.env, json });
  return (await answer.json<Job>()).jobId;
}

const claimsOf = async (jobId: string) =>
  (await testEnv.DB.prepare("select 1 from active_work where job_id = ?").bind(jobId).all()).results
    .length;

describe("the sweep", () => {
  test("submits a job whose pool was never told, and leaves young ones alone", async () => {
    pool.broken = new Error("gone");
    const jobId = await submit();
    pool.broken = null;
    await sweepSubmissions(pool.env, Date.now());
    expect(pool.submitted).toEqual([]);
    await sweepSubmissions(pool.env, Date.now() + 16_000);
    expect(pool.submitted.map((submission) => submission.jobId)).toContain(jobId);
    expect((await findJob(testEnv.DB, null, jobId))?.revision).toBe(1);
    const told = pool.submitted.length;
    await sweepSubmissions(pool.env, Date.now() + 16_000);
    expect(pool.submitted).toHaveLength(told);
  });

  test("goes on past a pool that does not answer", async () => {
    pool.broken = new Error("gone");
    await submit();
    await sweepSubmissions(pool.env, Date.now() + 16_000);
    pool.broken = null;
    await sweepSubmissions(pool.env, Date.now() + 16_000);
    expect(pool.submitted.length).toBeGreaterThan(0);
  });

  test("releases a claim whose retry came to nothing, and keeps that of one which did not", async () => {
    const dead = await submit();
    const alive = await submit();
    for (const jobId of [dead, alive]) {
      await projectSnapshot(testEnv.DB, [pool.become(jobId, { state: "failed", completedAt: 1 })]);
      const record = await findJob(testEnv.DB, null, jobId);
      if (record === null) throw new Error("no record");
      await claimForRetry(testEnv.DB, record.submission);
    }
    pool.become(alive, { state: "queued", run: 2, completedAt: null });
    await sweepClaims(pool.env, Date.now());
    expect([await claimsOf(dead), await claimsOf(alive)]).toEqual([0, 1]);
  });
});
