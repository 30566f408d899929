import { beforeEach, describe, expect, test } from "vitest";
import { claimForRetry } from "../../edge/catalogue/job-claims.ts";
import { findJob, projectSnapshot } from "../../edge/catalogue/jobs.ts";
import { deleteOldDeliveries } from "../../edge/catalogue/retention.ts";
import { insertDeliveries } from "../../edge/catalogue/webhook-deliveries.ts";
import { parseSettings } from "../../edge/env.ts";
import { sweepClaims, sweepPools, sweepSubmissions } from "../../edge/sweep.ts";
import type { Job } from "../../protocol/http/jobs.ts";
import { FakePool } from "./http/fake-pool.ts";
import { call, makeVideo, refusal, testEnv } from "./http/harness.ts";

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

const DAY = 86_400_000;
const parsed = parseSettings(testEnv);
if (parsed.status === "invalid") throw new Error(parsed.detail);
const { settings } = parsed;
const RETENTION = settings.jobRetentionDays * DAY;

describe("the sweep of pools", () => {
  beforeEach(async () => {
    for (const table of ["jobs", "active_work", "active_inputs"]) {
      await testEnv.DB.prepare(`delete from ${table}`).run();
    }
  });

  async function ended(state: "completed" | "failed", completedAt: number): Promise<string> {
    const jobId = await submit();
    await projectSnapshot(testEnv.DB, [pool.become(jobId, { state, completedAt })]);
    return jobId;
  }

  test("looks in once on each pool that has a live job, and on no other", async () => {
    await submit();
    await submit();
    await sweepPools(pool.env, settings, Date.now());
    expect(pool.calls.filter((each) => each === "poke")).toHaveLength(1);
    await testEnv.DB.prepare("delete from jobs").run();
    await ended("completed", Date.now());
    await sweepPools(pool.env, settings, Date.now());
    expect(pool.calls.filter((each) => each === "poke")).toHaveLength(1);
  });

  test("deletes jobs past their retention: from then on they are JOB_NOT_FOUND", async () => {
    const now = Date.now();
    const jobId = await ended("completed", now - RETENTION - 1);
    const kept = await ended("completed", now - RETENTION);
    const live = await submit();
    await sweepPools(pool.env, settings, now);
    const answer = call(`/v1/jobs/${jobId}`, { env: pool.env });
    expect(await refusal(answer)).toMatchObject({ status: 404, code: "JOB_NOT_FOUND" });
    for (const id of [kept, live]) expect(await findJob(testEnv.DB, null, id)).not.toBeNull();
  });

  test("keeps the rows of a pool that does not answer: it would not collect their objects", async () => {
    const now = Date.now();
    const jobId = await ended("completed", now - RETENTION - 1);
    pool.broken = new Error("gone");
    await sweepPools(pool.env, settings, now);
    expect(await findJob(testEnv.DB, null, jobId)).not.toBeNull();
  });

  test("keeps a job whose retry has begun; one that is gone can begin none", async () => {
    const now = Date.now();
    const retried = await ended("failed", now - RETENTION - 1);
    const forgotten = await ended("failed", now - RETENTION - 1);
    const record = await findJob(testEnv.DB, null, retried);
    const other = await findJob(testEnv.DB, null, forgotten);
    if (record === null || other === null) throw new Error("no record");
    expect(await claimForRetry(testEnv.DB, record.submission)).toEqual({ status: "claimed" });
    await sweepPools(pool.env, settings, now);
    expect(await findJob(testEnv.DB, null, retried)).not.toBeNull();
    expect(await claimForRetry(testEnv.DB, other.submission)).toEqual({ status: "gone" });
    expect(await claimsOf(forgotten)).toBe(0);
  });
});

test("deliveries go with their tries once they are over and old, a batch at a time", async () => {
  const row = {
    accountId: "default",
    jobId: null,
    webhookId: null,
    url: "https://example.com",
    type: "job.completed",
    ownHost: "telecine.test",
    traceId: null,
    body: "{}",
    state: "pending" as const,
    tries: 0,
    maxTries: 3,
    code: null,
    createdAt: 0,
    completedAt: null,
  };
  const ids = ["old-1", "old-2", "old-3", "pending", "young"];
  await insertDeliveries(
    testEnv.DB,
    ids.map((id) => ({ ...row, id, nextAt: id === "young" ? 1_000 : 999 })),
  );
  await testEnv.DB.batch([
    testEnv.DB.prepare("update webhook_deliveries set state = 'delivered' where id <> 'pending'"),
    testEnv.DB.prepare(
      "insert into webhook_tries select id, 1, 0, 5, 200, null from webhook_deliveries",
    ),
  ]);
  const left = async () => {
    const found = await testEnv.DB.prepare(
      `select d.id from webhook_deliveries d join webhook_tries t on t.delivery_id = d.id
       where d.id in ('old-1', 'old-2', 'old-3', 'pending', 'young') order by d.id`,
    ).all<{ id: string }>();
    return found.results.map(({ id }) => id);
  };
  await deleteOldDeliveries(testEnv.DB, 1_000, 2);
  expect(await left()).toEqual(["old-3", "pending", "young"]);
  await deleteOldDeliveries(testEnv.DB, 1_000, 2);
  expect(await left()).toEqual(["pending", "young"]);
  const { results } = await testEnv.DB.prepare(
    "select 1 from webhook_tries where delivery_id like 'old-%'",
  ).all();
  expect(results).toEqual([]);
});
