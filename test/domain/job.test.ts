import { describe, expect, test } from "vitest";
import { revokeReasonFor } from "../../edge/domain/attempt.ts";
import {
  cancelJob,
  createJob,
  fromSnapshot,
  fromTombstone,
  limitRun,
  retryJob,
  stepTask,
  tombstoneOf,
} from "../../edge/domain/job.ts";
import { Driver } from "./driver.ts";
import { engine, report, rulesWith, submissionOf, T0 } from "./fixtures.ts";

const rules = rulesWith();

describe("errors say what happened in the words of the contract", () => {
  test("a run that is too long names how long it ran, and is not retryable", () => {
    const job = new Driver().lease().progress("transcoding", 0.5, 1).after(3_600_020).limitRun();
    expect(job.snapshot).toMatchObject({
      state: "failed",
      error: {
        code: "JOB_TIMEOUT",
        message: "The job timed out.",
        detail: "Job ran for 3601 seconds, exceeding the limit of 3600 seconds.",
        stage: "transcoding",
        retryable: false,
      },
    });
    expect(job.of("revoke").at(-1)).toMatchObject({ reason: "run_limit" });
  });

  test("the last silent worker is named with its silence and its attempt", () => {
    const job = new Driver();
    for (let attempt = 1; attempt <= 3; attempt++) {
      job.lease().progress("transcoding", 0.1, 1).after(30_050).feed({ type: "expire" });
    }
    expect(job.snapshot).toMatchObject({
      state: "failed",
      attempt: 3,
      error: {
        code: "JOB_TIMEOUT",
        detail: "Lease of worker 'gpu-1' expired: no progress for 30 seconds (attempt 3 of 3).",
        stage: "transcoding",
        retryable: true,
      },
    });
  });

  test("a job that nobody took names its queue limit, and is retryable", () => {
    const job = new Driver({ queueTimeoutSeconds: 60 }).after(60_000);
    job.feed({ type: "queue_timeout" });
    expect(job.snapshot.error).toMatchObject({
      code: "JOB_TIMEOUT",
      detail: "No capable worker took the job within its queue limit of 60 seconds.",
      retryable: true,
    });
  });

  test("an agent that comes back without its lease has lost the engine, and the task is free at once", () => {
    const job = new Driver().lease().progress("transcoding", 0.1, 1).after(500);
    job.feed({ type: "not_claimed", workerId: "wkr_gpu-1" });
    expect(job.task).toMatchObject({ state: "ready", readyAt: job.now, attempts: 1 });
    expect(job.ledger).toMatchObject({
      state: "failed",
      endedAt: job.now,
      error: { code: "ENGINE_INVOCATION_ERROR", retryable: true, stage: "transcoding" },
    });
  });

  test("success without an output is ENGINE_EMPTY_RESPONSE, and the worker is refused", () => {
    const job = new Driver({ maxAttempts: 1 }).lease().complete([]);
    expect(job.snapshot).toMatchObject({
      state: "failed",
      error: { code: "ENGINE_EMPTY_RESPONSE", retryable: true },
    });
    expect(job.of("ack")).toMatchObject([{ of: "complete", status: "refused" }]);
  });

  test("outputs that fail the check are ENGINE_INVALID_RESPONSE, and the worker is told why", () => {
    const job = new Driver({ maxAttempts: 1 }).lease().complete();
    const detail = "out_1 is 3 bytes long, not 5";
    job.feed({ type: "verify_failed", epoch: 1, code: "ENGINE_INVALID_RESPONSE", detail });
    expect(job.snapshot.error).toMatchObject({ code: "ENGINE_INVALID_RESPONSE", detail });
    expect(job.of("ack")).toMatchObject([{ status: "refused", reason: detail }]);
    expect(job.of("collect")).toHaveLength(1);
  });

  test("a source found unfit while probing rejects the job; the same while transcoding fails it", () => {
    const probing = new Driver().lease().progress("probing", 0, 1);
    expect(probing.fail(true, "UNSUPPORTED_FORMAT").snapshot).toMatchObject({
      state: "rejected",
      error: { retryable: false },
    });
    expect(probing.of("webhook").at(-1)).toMatchObject({ event: "job.rejected" });
    const later = new Driver().lease().progress("transcoding", 0, 1);
    expect(later.fail(true, "UNSUPPORTED_FORMAT").snapshot.state).toBe("failed");
  });
});

describe("attempts", () => {
  test("a failure that would recur ends the job at its first attempt", () => {
    expect(new Driver().lease().fail(false).snapshot).toMatchObject({
      state: "failed",
      attempt: 1,
    });
  });

  test("one that may not recur is tried again after a backoff, and no more often than allowed", () => {
    const job = new Driver().lease().fail(true);
    expect(job.task).toMatchObject({ state: "ready", readyAt: job.now + 500 });
    job.after(500).lease().fail(true);
    expect(job.task).toMatchObject({ state: "ready", readyAt: job.now + 1000 });
    job.after(1000).lease().fail(true);
    expect(job.snapshot).toMatchObject({ state: "failed", attempt: 3, maxAttempts: 3 });
  });

  test("a lease that is given back uses up no attempt, and its number is used again", () => {
    const job = new Driver().lease().progress("transcoding", 0.5, 1);
    const shown = job.snapshot.progress;
    job.feed({ type: "release", epoch: 1, workerId: "wkr_gpu-1", reason: "shutdown" });
    expect(job.snapshot).toMatchObject({ state: "queued", attempt: 1, progress: shown });
    job.lease("gpu-2");
    expect(job.snapshot).toMatchObject({ attempt: 1, progress: shown });
    expect(job.task).toMatchObject({ epoch: 2, attempts: 0, lastWorkerId: "wkr_gpu-1" });
  });

  test("each has a row in the ledger from its grant to its end", () => {
    const job = new Driver().lease().progress("probing", 0.5, 1).after(40).fail(true);
    expect(job.of("ledger").map(({ record }) => [record.epoch, record.state])).toEqual([
      [1, "running"],
      [1, "running"],
      [1, "failed"],
    ]);
    expect(job.ledger).toMatchObject({
      workerName: "gpu-1",
      device: "cpu",
      encoder: "libx264",
      startedAt: T0,
      endedAt: T0 + 40,
      stage: "probing",
    });
  });
});

describe("what clients see", () => {
  test("stages that were entered, in order, each with its times, and no other", () => {
    const job = new Driver().lease().progress("probing", 0, 1).after(10);
    job.progress("transcoding", 0.5, 2).after(20);
    expect(job.snapshot.state).toBe("transcoding");
    expect(job.snapshot.stages).toEqual([
      { name: "probing", state: "completed", progress: 100, startedAt: T0, completedAt: T0 + 10 },
      {
        name: "transcoding",
        state: "running",
        progress: 50,
        startedAt: T0 + 10,
        completedAt: null,
      },
    ]);
    expect(job.complete().verified().snapshot).toMatchObject({
      state: "completed",
      progress: 100,
      stages: [{ name: "probing" }, { name: "transcoding", state: "completed", progress: 100 }],
    });
  });

  test("progress that grows writes no row and is no event; a stage does and is", () => {
    const job = new Driver().lease().progress("transcoding", 0.1, 1);
    const { revision } = job.snapshot;
    const before = job.effects.length;
    job.progress("transcoding", 0.6, 2);
    expect(job.effects.length).toBe(before);
    expect(job.snapshot.revision).toBe(revision);
    expect(job.snapshot.progress).toBeGreaterThan(50);
    const stepped = stepTask(
      job.live,
      job.task.taskId,
      {
        type: "progress",
        now: job.now,
        epoch: 1,
        workerId: "wkr_gpu-1",
        stage: "transcoding",
        fraction: 0.7,
        movement: 3,
        fps: 25,
        speed: 1,
      },
      rules,
    );
    expect(stepped).toMatchObject({ status: "ok", durable: false });
    expect(job.progress("merging", 0, 4).snapshot.revision).toBe(revision + 1);
  });

  test("nothing is completed, and no output visible, before the check", () => {
    const job = new Driver().lease().progress("transcoding", 1, 1).complete();
    expect(job.snapshot).toMatchObject({ state: "transcoding", outputs: [] });
    expect(job.snapshot.progress).toBeLessThan(100);
    expect(job.verified().snapshot.outputs).toHaveLength(1);
  });

  test("a new attempt starts its stages and its progress anew", () => {
    const job = new Driver().lease().progress("transcoding", 0.5, 1).fail(true);
    expect(job.snapshot).toMatchObject({
      state: "queued",
      attempt: 1,
      stages: [{ name: "transcoding", state: "failed" }],
    });
    job.after(500).lease();
    expect(job.snapshot).toMatchObject({ attempt: 2, progress: 0, stages: [] });
  });

  test("events count every revision without a gap, and name each state change", () => {
    const job = new Driver().lease().progress("probing", 0, 1).progress("transcoding", 0, 2);
    job.complete().verified();
    expect(
      job.of("event").map(({ sequence, name, snapshot }) => [sequence, name, snapshot.state]),
    ).toEqual([
      [1, "state", "queued"],
      [2, "attempt", "queued"],
      [3, "state", "probing"],
      [4, "state", "transcoding"],
      [5, "attempt", "transcoding"],
      [6, "state", "completed"],
    ]);
    expect(job.of("webhook").map(({ eventId, event }) => [eventId, event])).toEqual([
      [`${job.snapshot.jobId}.3`, "job.started"],
      [`${job.snapshot.jobId}.6`, "job.completed"],
    ]);
  });

  test("job.started is said once in a run, however many attempts it has", () => {
    const job = new Driver().lease().progress("probing", 0, 1).fail(true).after(500);
    job.lease().progress("probing", 0, 1);
    expect(job.of("webhook").map(({ event }) => event)).toEqual(["job.started"]);
  });
});

describe("the run's limit", () => {
  test("counts the time under lease, not the time in the queue", () => {
    const job = new Driver({ timeoutSeconds: 100 })
      .after(1_000_000)
      .lease()
      .after(60_000)
      .fail(true);
    job.after(1_000_000).lease().after(39_000);
    expect(limitRun(job.live, job.now, rules)).toEqual({ status: "rejected", reason: "illegal" });
    expect(job.after(1000).limitRun().snapshot.error?.detail).toBe(
      "Job ran for 101 seconds, exceeding the limit of 100 seconds.",
    );
  });

  test("does not end a job whose outputs are already being checked", () => {
    const job = new Driver({ timeoutSeconds: 10 }).lease().complete().after(60_000);
    expect(limitRun(job.live, job.now, rules).status).toBe("rejected");
  });
});

describe("cancel and retry", () => {
  test("a cancel ends the job at every moment, tells the worker, and is terminal", () => {
    const leased = new Driver().lease();
    for (const job of [new Driver(), leased, new Driver().lease().complete()]) {
      expect(job.cancel().snapshot.state).toBe("cancelled");
      expect(cancelJob(job.live, job.now, rules)).toEqual({
        status: "rejected",
        reason: "terminal",
      });
    }
    expect(leased.of("revoke")).toMatchObject([{ epoch: 1, reason: "cancelled" }]);
    expect(revokeReasonFor(leased.task, 1)).toBe("cancelled");
  });

  test("a check that comes back after the cancel changes nothing", () => {
    const job = new Driver().lease().complete().cancel();
    const late = { type: "verified", now: job.now, epoch: 1, outputs: [] } as const;
    expect(stepTask(job.live, job.task.taskId, late, rules)).toEqual({
      status: "rejected",
      reason: "stale_epoch",
    });
  });

  test("a retry is the next run: fresh attempts, growing epoch and revision, the same id", () => {
    const job = new Driver({ maxAttempts: 1 }).lease().fail(true);
    const { revision } = job.snapshot;
    job.retry();
    expect(job.snapshot).toMatchObject({
      run: 2,
      revision: revision + 1,
      state: "queued",
      attempt: 0,
      progress: 0,
      error: null,
      completedAt: null,
    });
    job.lease().progress("probing", 0, 1).complete().verified();
    expect(job.task).toMatchObject({ run: 2, epoch: 2 });
    expect(job.of("webhook").map(({ event }) => event)).toEqual([
      "job.failed",
      "job.started",
      "job.completed",
    ]);
  });

  test("only a failed job whose failure need not recur is retried", () => {
    const refusal = (job: Driver, options = {}) => {
      const result = retryJob(job.live, options, job.now, rules);
      return result.status === "ok" ? "ok" : result.reason;
    };
    expect(refusal(new Driver())).toBe("The job is 'queued'; only a failed job can be retried.");
    expect(refusal(new Driver().lease().fail(false))).toContain("TRANSCODE_ERROR would only recur");
    const limited = new Driver({ timeoutSeconds: 5 }).lease().after(5000).limitRun();
    expect(refusal(limited)).toContain("limit of 5 seconds");
    expect(refusal(limited, { timeoutSeconds: 5 })).toContain("larger timeoutSeconds");
    expect(refusal(limited, { timeoutSeconds: 6 })).toBe("ok");
    expect(limited.retry({ timeoutSeconds: 6 }).snapshot.timeoutSeconds).toBe(6);
  });

  test("what an attempt of the last run still says is stale, and its answer stays the same", () => {
    const job = new Driver({ maxAttempts: 1 }).lease().fail(true).retry();
    const common = { now: job.now, epoch: 1, workerId: "wkr_gpu-1" };
    const result = { outputs: [report], engine };
    const complete = { type: "complete", ...common, result } as const;
    expect(stepTask(job.live, job.task.taskId, complete, rules).status).toBe("rejected");
    const fail = {
      type: "fail",
      ...common,
      stage: "probing",
      code: "ENGINE_ERROR",
      detail: "d",
      retryable: true,
      engine,
    } as const;
    expect(stepTask(job.live, job.task.taskId, fail, rules)).toMatchObject({
      status: "ok",
      durable: false,
      effects: [{ type: "ack", of: "fail", status: "accepted" }],
    });
  });
});

describe("a job whose rows are gone", () => {
  test("is the same from its tombstone: snapshot, answers, and a retry that goes on growing", () => {
    const job = new Driver({ maxAttempts: 1 }).lease().fail(true);
    const tombstone = tombstoneOf(job.live, job.snapshot);
    expect(tombstone).not.toBeNull();
    if (tombstone === null) return;
    const back = fromTombstone(submissionOf(0), JSON.parse(JSON.stringify(tombstone)));
    expect(back.tasks).toMatchObject([{ state: "failed", epoch: 1, verdicts: [{ epoch: 1 }] }]);
    expect(back.job).toMatchObject({ state: "failed", revision: job.snapshot.revision });
    const again = retryJob(back, {}, job.now, rules);
    expect(again).toMatchObject({ live: { tasks: [{ state: "ready", epoch: 1, run: 2 }] } });
    expect(tombstoneOf(new Driver().live, job.snapshot)).toBeNull();
  });

  test("is the same from D1's snapshot, with epochs above any that was ever given", () => {
    const job = new Driver().lease().progress("probing", 0, 1).fail(true).after(500).lease();
    const epoch = job.task.epoch;
    const ended = job.fail(false);
    const back = fromSnapshot(submissionOf(0), ended.snapshot);
    expect(back.tasks[0]?.epoch).toBeGreaterThanOrEqual(epoch);
    expect(createJob(submissionOf(0), T0, ended.snapshot)).toMatchObject({
      durable: false,
      effects: [],
      live: { job: { state: "failed" } },
    });
  });

  test("is queued once more if it had not ended, above what D1 has seen", () => {
    const job = new Driver().lease().progress("probing", 0, 1);
    const { revision } = job.snapshot;
    const back = createJob(submissionOf(0), job.now, job.snapshot);
    expect(back).toMatchObject({
      durable: true,
      live: { job: { state: "queued", revision: revision + 1 }, tasks: [{ epoch: revision }] },
    });
  });
});
