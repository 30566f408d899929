/** Hundreds of jobs on a D1 that fails three calls of ten, from acceptance to the webhook's record. */
import { env } from "cloudflare:workers";
import { expect, test } from "vitest";
import { insertJob } from "../../../edge/catalogue/job-claims.ts";
import type { JobSubmission } from "../../../edge/domain/submission.ts";
import { failD1 } from "./failing-d1.ts";
import {
  type Agent,
  countRows,
  deliver,
  join,
  newPool,
  type PoolStub,
  pass,
  ringAlarm,
  rpc,
  SECOND,
  submissionOf,
  usePool,
} from "./harness.ts";

/** The long fault experiments bind their own count. */
const { TELECINE_FAULTS_OUTBOX = "60" } = env as { readonly TELECINE_FAULTS_OUTBOX?: string };
/** Rounded up, so that the agents share what the cancels leave. */
const JOBS = Math.ceil(Number(TELECINE_FAULTS_OUTBOX) / 30) * 30;
const AGENTS = 10;
/** Every third job is cancelled. */
const isCancelled = (index: number) => index % 3 === 0;
/** A call that fails with 0.3 fails so often in a row once in 10^15. */
const MAX_TRIES = 30;
/** Each passes the longest backoff of an entry. */
const MAX_ROUNDS = 100;

usePool();

/** Accepts the job as HTTP does: again and again under its id. */
async function accept(submission: JobSubmission): Promise<void> {
  for (let tries = 1; ; tries++) {
    try {
      expect((await insertJob(env.DB, submission)).status).toMatch(/^(accepted|known)$/);
      return;
    } catch (error) {
      if (tries === MAX_TRIES) throw error;
    }
  }
}

/** Runs what it is leased until `jobs` are done by somebody. */
async function work(
  agent: Agent,
  submissions: ReadonlyMap<string, JobSubmission>,
  count: number,
): Promise<void> {
  for (let done = 0; done < count; done++) {
    const { lease, task } = await agent.expect("lease");
    const submission = submissions.get(task.jobId);
    if (submission === undefined) throw new Error(`a lease of ${task.jobId}, which nobody made`);
    agent.complete(lease, [await deliver(submission, lease)]);
    expect(await agent.expect("ack")).toMatchObject({ status: "accepted" });
    if (done + 1 < count) agent.say({ type: "pull", free: 1 });
  }
}

/** Rings the alarm until nothing is owed. @returns how often it had to. */
async function drain(pool: PoolStub): Promise<number> {
  for (let round = 1; round <= MAX_ROUNDS; round++) {
    pass(300 * SECOND);
    await ringAlarm(pool);
    if ((await countRows(pool, "outbox")) === 0) return round;
  }
  throw new Error(`${await countRows(pool, "outbox")} entries are owed after ${MAX_ROUNDS} rounds`);
}

interface Recorded {
  readonly id: string;
  readonly state: string;
  readonly revision: number;
  readonly endings: string;
}

test(`${JOBS} jobs end in the record as in the pool when D1 fails 30 % of its calls, and each webhook is recorded once`, async () => {
  const pool = newPool();
  const failures = failD1(0.3);
  const submissions = new Map<string, JobSubmission>();
  for (let index = 0; index < JOBS; index++) {
    const submission = submissionOf({
      inputs: { in_1: { kind: "url", url: `https://example.com/${index}.mp4` } },
      webhookUrl: "https://example.com/hook",
    });
    await accept(submission);
    await rpc(pool).submit(submission);
    submissions.set(submission.jobId, submission);
  }
  const all = [...submissions.values()];
  const cancelled = all.filter((_, index) => isCancelled(index));
  for (const submission of cancelled) await rpc(pool).cancel(submission);
  const share = (JOBS - cancelled.length) / AGENTS;
  await Promise.all(
    Array.from({ length: AGENTS }, async () => work(await join(pool), submissions, share)),
  );
  const rounds = await drain(pool);
  expect(failures.refused).toBeGreaterThan(JOBS / 5);
  expect(failures.unanswered).toBeGreaterThan(JOBS / 5);
  failures.end();

  const { results } = await env.DB.prepare(
    `SELECT id, state, revision,
       (SELECT group_concat(type) FROM webhook_deliveries WHERE job_id = jobs.id) AS endings
     FROM jobs ORDER BY id`,
  ).all<Recorded>();
  const expected = await Promise.all(
    all.map(async (submission, index) => {
      const state = isCancelled(index) ? "cancelled" : "completed";
      const { revision } = await rpc(pool).read(submission);
      return { id: submission.jobId, state, revision, endings: `job.${state}` };
    }),
  );
  expect(results).toEqual(expected.sort((a, b) => (a.id < b.id ? -1 : 1)));
  const claims = await env.DB.prepare("SELECT COUNT(*) AS n FROM active_work").first("n");
  expect(claims).toBe(0);
  const { calls, refused, unanswered } = failures;
  console.info(
    JSON.stringify({
      experiment: "D1 failing 30 % of its calls",
      jobs: JOBS,
      calls,
      refused,
      unanswered,
      rounds,
    }),
  );
}, 120_000);
