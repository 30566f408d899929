import { describe, expect, test } from "vitest";
import { deadlinesOf, due, nextAlarm } from "../../edge/domain/alarm.ts";
import { stepTask } from "../../edge/domain/job.ts";
import { expiryOf, renewalOf, withRenewal } from "../../edge/domain/lease.ts";
import { Driver } from "./driver.ts";
import { GRACE_MS, leaseOfTask, rulesWith, T0, TTL_MS } from "./fixtures.ts";

const rules = rulesWith();
const held = () => true;
const gone = () => false;
const expiry = (job: Driver) => expiryOf(leaseOfTask(job.task));
const dueNow = (job: Driver, isHeld = held) => due(job.live, job.now, isHeld, rules);
const resume = (sessionId: string) =>
  ({
    type: "resume",
    epoch: 1,
    workerId: "wkr_gpu-1",
    sessionId,
    stage: "probing",
    fraction: 0,
  }) as const;

describe("the alarm", () => {
  test("is set to the earliest deadline, never to the past, and not at all for none", () => {
    expect(nextAlarm([T0 + 5, T0 + 3], T0)).toBe(T0 + 3);
    expect(nextAlarm([T0 - 5], T0)).toBe(T0);
    expect(nextAlarm([], T0)).toBeNull();
  });

  test("waits for every deadline of a job, and for none of a finished one", () => {
    const job = new Driver({ timeoutSeconds: 100, queueTimeoutSeconds: 60 });
    expect(deadlinesOf(job.live, job.now)).toEqual([T0 + 60_000]);
    expect(deadlinesOf(job.lease().live, job.now)).toEqual([T0 + TTL_MS, T0 + 100_000]);
    expect(deadlinesOf(job.complete().live, job.now)).toEqual([T0 + 120_000]);
    expect(deadlinesOf(job.verified().live, job.now)).toEqual([]);
    const failed = new Driver().lease().fail(true);
    expect(deadlinesOf(failed.live, failed.now)).toContain(failed.now + 500);
  });

  test("finds nothing due before a deadline, and the same again however late it comes", () => {
    const job = new Driver().lease().after(TTL_MS - 1);
    expect(dueNow(job)).toEqual([]);
    expect(dueNow(job.after(1))).toMatchObject([{ event: { type: "expire" } }]);
    expect(dueNow(job.after(50_000))).toMatchObject([{ event: { type: "expire" } }]);
  });

  test("ends a run that is over even while its lease is being renewed", () => {
    const job = new Driver({ timeoutSeconds: 20 }).lease().after(20_000);
    expect(dueNow(job)).toEqual([{ kind: "run_limit" }]);
  });

  test("asks for a lost check again, and after three tries gives the attempt up", () => {
    const job = new Driver({ maxAttempts: 1 }).lease().complete();
    job.after(120_000).feed({ type: "expire" }).after(120_000).feed({ type: "expire" });
    expect(job.of("verify")).toHaveLength(3);
    job.after(120_000).feed({ type: "expire" });
    expect(job.snapshot.error).toMatchObject({
      code: "ENGINE_ERROR",
      detail: "The outputs could not be checked in 3 tries.",
    });
  });
});

describe("a lease lives on", () => {
  test("only by movement that grew", () => {
    const job = new Driver().lease().after(5000).progress("probing", 0, 7);
    expect(expiry(job)).toBe(job.now + TTL_MS);
    const before = expiry(job);
    expect(expiry(job.after(5000).progress("probing", 0.5, 7))).toBe(before);
    expect(expiry(job.progress("probing", 0.5, 8))).toBe(job.now + TTL_MS);
  });

  test("for the reconnect grace after a close that was seen, and for no longer than it had", () => {
    const job = new Driver().lease().after(1000);
    expect(expiry(job.feed({ type: "disconnect", sessionId: "s-gpu-1" }))).toBe(job.now + GRACE_MS);
    const late = new Driver().lease().after(TTL_MS - 1000);
    late.feed({ type: "disconnect", sessionId: "s-gpu-1" });
    expect(expiry(late)).toBe(T0 + TTL_MS);
  });

  test("under the same epoch when its agent claims it again", () => {
    const job = new Driver().lease().after(1000).feed({ type: "disconnect", sessionId: "s-gpu-1" });
    job.after(9000).feed(resume("s2"));
    expect(leaseOfTask(job.task)).toMatchObject({ epoch: 1, sessionId: "s2", lostAt: null });
    expect(expiry(job)).toBe(job.now + TTL_MS);
  });

  test("not by reconnecting alone: the second return without movement adds nothing", () => {
    const job = new Driver().lease().after(1000).feed({ type: "disconnect", sessionId: "s-gpu-1" });
    job.feed(resume("s2"));
    const first = expiry(job);
    job.after(8000).feed({ type: "disconnect", sessionId: "s2" }).after(1000).feed(resume("s3"));
    expect(expiry(job)).toBe(first);
    job.progress("probing", 0, 1).feed({ type: "disconnect", sessionId: "s3" }).after(10);
    expect(expiry(job.feed(resume("s4")))).toBe(job.now + TTL_MS);
  });

  test("for one TTL from when a pool woke and found nobody, once for that loss", () => {
    const job = new Driver().lease().after(TTL_MS + 60_000);
    expect(dueNow(job, gone)).toMatchObject([{ event: { type: "lost" } }]);
    job.feed({ type: "lost" });
    expect(expiry(job)).toBe(job.now + TTL_MS);
    expect(dueNow(job.after(1000), gone)).toEqual([]);
    expect(dueNow(job.after(TTL_MS), gone)).toMatchObject([{ event: { type: "expire" } }]);
  });

  test("whatever an older session's close says", () => {
    const job = new Driver().lease().feed(resume("s2"));
    const close = { type: "disconnect", now: job.now, sessionId: "s-gpu-1" } as const;
    expect(stepTask(job.live, job.task.taskId, close, rules).status).toBe("rejected");
  });
});

describe("a close that woke the pool", () => {
  test("is taken for the loss that it was, with what the socket remembered", () => {
    const job = new Driver().lease().after(9000).progress("transcoding", 0.5, 3);
    const renewal = renewalOf(leaseOfTask(job.task));
    const woken = new Driver().lease().after(12_000).feed({ type: "lost" });
    woken.feed({ type: "disconnect", sessionId: "s-gpu-1", renewal });
    expect(leaseOfTask(woken.task)).toMatchObject({ stage: "transcoding", movement: 3 });
    expect(expiry(woken)).toBe(woken.now + GRACE_MS);
    const late = new Driver()
      .lease()
      .after(TTL_MS + 5000)
      .feed({ type: "lost" });
    late.feed({ type: "disconnect", sessionId: "s-gpu-1", renewal });
    expect(expiry(late)).toBe(T0 + 9000 + TTL_MS);
  });

  test("leaves the grace of the loss where the socket remembered another epoch, or nothing", () => {
    const job = new Driver().lease().feed({ type: "lost" });
    const renewal = { ...renewalOf(leaseOfTask(job.task)), epoch: 2 };
    for (const remembered of [undefined, renewal]) {
      const now = job.now;
      const close = { type: "disconnect", now, sessionId: "s-gpu-1", renewal: remembered } as const;
      expect(stepTask(job.live, job.task.taskId, close, rules).status).toBe("rejected");
    }
  });
});

describe("a renewal in memory", () => {
  test("counts over the row of its epoch, and over no other", () => {
    const row = new Driver().lease().task;
    const job = new Driver().lease().after(9000).progress("transcoding", 0.5, 3);
    const renewal = renewalOf(leaseOfTask(job.task));
    expect(leaseOfTask(withRenewal(row, renewal))).toMatchObject({
      deadline: T0 + 9000 + TTL_MS,
      stage: "transcoding",
      movement: 3,
    });
    expect(withRenewal(row, { ...renewal, epoch: 2 })).toBe(row);
    expect(withRenewal(row, undefined)).toBe(row);
  });

  test("does not count over a row that knows of the loss", () => {
    const job = new Driver().lease().progress("probing", 0, 1);
    const renewal = renewalOf(leaseOfTask(job.task));
    const row = job.feed({ type: "disconnect", sessionId: "s-gpu-1" }).task;
    expect(withRenewal(row, renewal)).toBe(row);
  });
});

describe("a clock that is set back", () => {
  test("leaves no lease for longer than one TTL", () => {
    const job = new Driver().lease().after(-3_600_000);
    expect(dueNow(job)).toMatchObject([{ event: { type: "rebase" } }]);
    expect(expiry(job.feed({ type: "rebase" }))).toBe(job.now + TTL_MS);
    expect(dueNow(job)).toEqual([]);
  });

  test("leaves no backoff, queue limit or check for longer than their length", () => {
    const queued = new Driver({ queueTimeoutSeconds: 60 }).after(-3_600_000);
    queued.feed({ type: "rebase" });
    expect(dueNow(queued)).toEqual([]);
    expect(dueNow(queued.after(100_000))).toMatchObject([{ event: { type: "queue_timeout" } }]);
    const checking = new Driver().lease().complete().after(-3_600_000).feed({ type: "rebase" });
    expect(deadlinesOf(checking.live, checking.now)).toEqual([checking.now + 120_000]);
  });

  test("takes no run time away twice, nor adds any", () => {
    const job = new Driver({ timeoutSeconds: 100 }).lease().after(50_000).progress("probing", 0, 1);
    job.after(-3_600_000).progress("transcoding", 0, 2).after(49_000);
    expect(dueNow(job).some(({ kind }) => kind === "run_limit")).toBe(false);
    expect(dueNow(job.after(1000))).toContainEqual({ kind: "run_limit" });
  });
});
