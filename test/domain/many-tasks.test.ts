/** Jobs that were divided: what becomes of the job when something happens to one of its parts. */
import { describe, expect, test } from "vitest";
import { copyChunk, stepTask } from "../../edge/domain/job.ts";
import type { Task } from "../../edge/domain/model.ts";
import { speculate } from "../../edge/domain/speculate.ts";
import type { JobSubmission } from "../../edge/domain/submission.ts";
import type { ChunkPlan } from "../../protocol/chunks/contract.ts";
import { taskIdOf } from "../../protocol/ids.ts";
import type { Stage } from "../../protocol/stages.ts";
import { indexOf, planOf } from "../support/plans.ts";
import { Driver, output } from "./driver.ts";
import { engine, jobIdOf, report } from "./fixtures.ts";

const jobId = jobIdOf(0);
const [whole, first, second, third, audio, merge] = [0, 1, 2, 3, 4, 5].map((number) =>
  taskIdOf(jobId, number),
) as [string, string, string, string, string, string];
/** Of a plan that has a prelude, which stands before the audio. */
const [prelude, audioAfterPrelude, mergeAfterPrelude] = [audio, merge, taskIdOf(jobId, 6)];
const hls = { out_1: { filename: "result.m3u8", format: "hls" } } as const;

/** A job of three chunks (the last twice as long), the audio, and a merge. */
function divided(facts: Partial<JobSubmission> = {}, planned: Partial<ChunkPlan> = {}): Driver {
  const job = new Driver(facts);
  job.lease().progress("probing", 1, 1).progress("planning", 1, 2);
  return plan(job, planned);
}

function plan(job: Driver, planned: Partial<ChunkPlan> = {}): Driver {
  const { epoch } = job.task;
  const plan = planOf([100, 100, 200], { audio: true, ...planned });
  job.feed({ type: "plan", epoch, workerId: "wkr_gpu-1", plan, engine, refusal: null });
  return job;
}

function taskOf(job: Driver, taskId: string): Task {
  const task = job.live.tasks.find((candidate) => candidate.taskId === taskId);
  if (task === undefined) throw new Error(`no task ${taskId}`);
  return task;
}

function lease(job: Driver, taskId: string, worker = taskId): void {
  const workerId = `wkr_${worker}`;
  job.feed({ type: "grant", workerId, workerName: worker, sessionId: `s-${worker}` }, taskId);
}

function holderOf(job: Driver, taskId: string) {
  const task = taskOf(job, taskId);
  if (task.state !== "leased") throw new Error(`${taskId} is ${task.state}`);
  return { epoch: task.lease.epoch, workerId: task.lease.workerId };
}

function complete(job: Driver, taskId: string): void {
  const result = { outputs: [report], engine };
  job.feed({ type: "complete", ...holderOf(job, taskId), result }, taskId);
}

function verify(job: Driver, taskId: string, config = "a"): void {
  const { epoch } = taskOf(job, taskId);
  const outputs = [{ ...output, name: taskId, index: indexOf({ config }) }];
  job.feed({ type: "verified", epoch, outputs }, taskId);
}

function finish(job: Driver, taskId: string, config = "a"): void {
  lease(job, taskId);
  complete(job, taskId);
  verify(job, taskId, config);
}

function move(job: Driver, taskId: string, stage: Stage, fraction: number): void {
  const movement = Math.ceil(fraction * 1000) + 1;
  const held = holderOf(job, taskId);
  job.feed({ type: "progress", ...held, stage, fraction, movement, fps: 10, speed: 1 }, taskId);
}

const failure = { stage: "transcoding", code: "TRANSCODE_ERROR", detail: "d", engine } as const;

function fail(job: Driver, taskId: string, retryable = true): void {
  job.feed({ type: "fail", ...holderOf(job, taskId), ...failure, retryable }, taskId);
}

function statesOf(job: Driver): readonly string[] {
  return job.live.tasks.map(({ state }) => state);
}

describe("a division", () => {
  test("ends the attempt that planned it, and makes parts that are ready and a merge that waits", () => {
    const job = divided();
    expect(statesOf(job)).toEqual(["divided", "ready", "ready", "ready", "ready", "waiting"]);
    expect(job.of("ack")).toMatchObject([{ of: "plan", status: "accepted" }]);
    expect(job.ledger).toMatchObject({ state: "completed", taskId: whole });
    expect(job.snapshot).toMatchObject({ state: "segmenting", stage: "segmenting" });
  });

  test("that is refused leaves the attempt as it is, and is refused the same when it is repeated", () => {
    const job = new Driver().lease();
    const offer = {
      type: "plan",
      epoch: 1,
      workerId: "wkr_gpu-1",
      plan: planOf([1, 1]),
      engine,
    } as const;
    job.feed({ ...offer, refusal: "not_wanted" });
    job.feed({ ...offer, refusal: null });
    job.complete().verified();
    job.feed({ ...offer, refusal: null });
    expect(job.of("ack").filter(({ of }) => of === "plan")).toMatchObject([
      { status: "refused", reason: "not_wanted" },
      { status: "refused", reason: "not_wanted" },
      { status: "refused", reason: "not_wanted" },
    ]);
    expect(job.snapshot.state).toBe("completed");
  });

  test("that is repeated gets the same answer, and makes nothing twice", () => {
    const job = divided();
    plan(job);
    expect(job.live.tasks).toHaveLength(6);
    expect(job.of("plan")).toHaveLength(1);
    expect(job.of("ack").map(({ status }) => status)).toEqual(["accepted", "accepted"]);
  });
});

describe("a divided job", () => {
  test("completes with its merge, which waits for every part, and publishes what that made", () => {
    const job = divided();
    for (const taskId of [second, third, audio]) finish(job, taskId);
    expect(taskOf(job, merge).state).toBe("waiting");
    finish(job, first);
    expect(taskOf(job, merge).state).toBe("ready");
    finish(job, merge);
    expect(job.snapshot).toMatchObject({ state: "completed", outputs: [{ name: merge }] });
    expect(job.of("webhook").map(({ event }) => event)).toEqual(["job.started", "job.completed"]);
    expect(job.of("collect_run")).toMatchObject([{ run: 1, keep: { taskId: merge, epoch: 2 } }]);
  });

  test("runs a lost chunk again, alone", () => {
    const job = divided();
    for (const taskId of [first, second, third]) lease(job, taskId);
    job.after(31_000).feed({ type: "expire" }, second);
    expect(statesOf(job)).toEqual(["divided", "leased", "ready", "leased", "ready", "waiting"]);
    expect(taskOf(job, second)).toMatchObject({ attempts: 1 });
    expect(taskOf(job, first)).toMatchObject({ attempts: 0 });
  });

  test("fails with its first failed part, and stops the others", () => {
    const job = divided({ maxAttempts: 1 });
    lease(job, first);
    lease(job, second);
    fail(job, first);
    expect(job.snapshot).toMatchObject({ state: "failed", error: { code: "TRANSCODE_ERROR" } });
    expect(job.of("revoke")).toMatchObject([{ taskId: second, reason: "cancelled" }]);
    expect(job.of("webhook").map(({ event }) => event)).toEqual(["job.started", "job.failed"]);
    expect(job.of("collect_run")).toMatchObject([{ run: 1, keep: null }]);
  });

  test("is cancelled in all its parts", () => {
    const job = divided();
    lease(job, first);
    job.cancel();
    expect(new Set(statesOf(job))).toEqual(new Set(["divided", "cancelled"]));
    expect(job.of("revoke")).toMatchObject([{ taskId: first, reason: "cancelled" }]);
  });

  test("starts over as a whole when it is retried, and no epoch is used twice", () => {
    const job = divided({ maxAttempts: 1 });
    finish(job, first);
    lease(job, second);
    fail(job, second);
    job.retry();
    expect(job.snapshot).toMatchObject({ state: "queued", run: 2, progress: 0 });
    const before = job.live.tasks.map(({ epoch }) => epoch);
    job.lease();
    plan(job);
    expect(job.live.tasks).toHaveLength(6);
    for (const taskId of [first, second]) lease(job, taskId);
    for (const [at, { epoch }] of job.live.tasks.slice(0, 3).entries()) {
      expect(epoch).toBeGreaterThan(before[at] ?? 0);
    }
    expect(job.of("collect_run").map(({ run }) => run)).toEqual([1, 1]);
  });

  test("has no queue limit for parts while others run, and has one when nobody runs any", () => {
    const job = divided({ queueTimeoutSeconds: 20 });
    lease(job, first);
    job.after(25_000);
    complete(job, first);
    verify(job, first);
    expect(job.live.job.idleSince).toBe(job.now);
    expect(job.snapshot.state).toBe("segmenting");
  });

  test("ends with its run's limit, however many of its parts run", () => {
    const job = divided({ timeoutSeconds: 60 });
    lease(job, first);
    lease(job, second);
    job.after(60_000).limitRun();
    expect(job.snapshot).toMatchObject({ state: "failed", error: { code: "JOB_TIMEOUT" } });
  });
});

describe("what is shown of a divided job", () => {
  test("is the share of its frames that is made, and the sum of its attempts' speeds", () => {
    const job = divided();
    lease(job, first);
    lease(job, third);
    move(job, first, "transcoding", 1);
    move(job, third, "transcoding", 0.5);
    expect(job.snapshot).toMatchObject({ state: "transcoding", fps: 20, speed: 2 });
    expect(job.snapshot.stages.at(-1)).toMatchObject({ name: "transcoding", progress: 50 });
    expect(job.snapshot.progress).toBe(50);
  });

  test("is segmenting from the division until the first chunk is transcoded, and merging at last", () => {
    const job = divided();
    lease(job, first);
    move(job, first, "segmenting", 0.5);
    expect(job.snapshot.state).toBe("segmenting");
    move(job, first, "transcoding", 0.1);
    expect(job.snapshot.state).toBe("transcoding");
    complete(job, first);
    verify(job, first);
    for (const taskId of [second, third, audio]) finish(job, taskId);
    lease(job, merge);
    move(job, merge, "merging", 0.5);
    expect(job.snapshot.stages.map(({ name, state }) => `${name} ${state}`)).toEqual([
      "probing completed",
      "planning completed",
      "segmenting completed",
      "transcoding completed",
      "merging running",
    ]);
  });

  test("never falls when a chunk is lost", () => {
    const job = divided();
    lease(job, first);
    move(job, first, "transcoding", 0.9);
    const { progress, state } = job.snapshot;
    job.after(31_000).feed({ type: "expire" }, first);
    expect(job.snapshot).toMatchObject({ state });
    expect(job.snapshot.progress).toBeGreaterThanOrEqual(progress);
    lease(job, first, "other");
    expect(job.snapshot.progress).toBeGreaterThanOrEqual(progress);
  });

  test("is two events for a part: its lease and its acceptance", () => {
    const job = divided();
    finish(job, first);
    const before = job.of("event").length;
    lease(job, second);
    move(job, second, "probing", 0.5);
    complete(job, second);
    verify(job, second);
    expect(job.of("event").length - before).toBe(2);
  });
});

describe("a presentation", () => {
  test("is playable with its first chunk and its sound, once in a run", () => {
    const job = divided({ outputs: hls });
    finish(job, second);
    finish(job, first);
    expect(job.snapshot.playable).toBe(false);
    finish(job, audio);
    expect(job.snapshot.playable).toBe(true);
    finish(job, third);
    expect(job.of("event").filter(({ name }) => name === "playable")).toHaveLength(1);
    expect(job.of("webhook").map(({ event }) => event)).toEqual(["job.started", "job.playable"]);
  });

  test("with a prelude is playable before all of its sound is made, or without the prelude", () => {
    for (const sound of [prelude, audioAfterPrelude]) {
      const job = divided({ outputs: hls }, { prelude: true });
      finish(job, first);
      expect(job.snapshot.playable).toBe(false);
      finish(job, sound);
      expect(job.snapshot.playable).toBe(true);
    }
  });

  test("needs no prelude once all of its sound is made", () => {
    const job = divided({ outputs: hls }, { prelude: true });
    lease(job, prelude);
    finish(job, audioAfterPrelude);
    expect(taskOf(job, prelude).state).toBe("superseded");
    for (const taskId of [first, second, third]) finish(job, taskId);
    finish(job, mergeAfterPrelude);
    expect(job.snapshot.state).toBe("completed");
  });

  test("outlives its prelude, and not its sound", () => {
    const lost = divided({ outputs: hls, maxAttempts: 1 }, { prelude: true });
    lease(lost, prelude);
    fail(lost, prelude);
    expect(taskOf(lost, prelude).state).toBe("failed");
    for (const taskId of [audioAfterPrelude, first, second, third]) finish(lost, taskId);
    finish(lost, mergeAfterPrelude);
    expect(lost.snapshot.state).toBe("completed");
    const silent = divided({ outputs: hls, maxAttempts: 1 }, { prelude: true });
    finish(silent, prelude);
    lease(silent, audioAfterPrelude);
    fail(silent, audioAfterPrelude);
    expect(silent.snapshot.state).toBe("failed");
  });

  test("that failed after that keeps its bytes; one that could not be played yet does not", () => {
    for (const [accepted, collected] of [
      [[first, audio], 0],
      [[second], 1],
    ] as const) {
      const job = divided({ outputs: hls, maxAttempts: 1 });
      for (const taskId of accepted) finish(job, taskId);
      lease(job, third);
      fail(job, third);
      expect(job.of("collect_run")).toHaveLength(collected);
    }
  });

  test("that completed keeps the chunks that it lists", () => {
    const job = divided({ outputs: hls });
    for (const taskId of [first, second, third, audio, merge]) finish(job, taskId);
    expect(job.snapshot.state).toBe("completed");
    expect(job.of("collect_run")).toEqual([]);
  });
});

describe("the first accepted chunk", () => {
  test("holds all others to its encoder; who was leased before it is refused without losing an attempt", () => {
    const job = divided();
    lease(job, first);
    lease(job, second);
    for (const taskId of [first, second]) complete(job, taskId);
    verify(job, first, "a");
    verify(job, second, "b");
    expect(taskOf(job, second)).toMatchObject({ state: "ready", attempts: 0, releases: 1 });
    expect(job.of("ack").at(-1)).toMatchObject({ of: "complete", status: "refused" });
    expect(job.live.job.pins).toMatchObject({ v720: { encoder: "libx264" } });
  });

  test("costs an attempt whoever was told and did otherwise", () => {
    const job = divided();
    finish(job, first, "a");
    job.after(1);
    finish(job, second, "b");
    expect(taskOf(job, second)).toMatchObject({ state: "ready", attempts: 1 });
  });
});

/** Two chunks done in 10 s each; the third, of twice their frames, has been made for `ageMs` up to `fraction`. */
function slow(ageMs: number, fraction: number): Driver {
  const job = divided();
  for (const taskId of [first, second]) lease(job, taskId);
  job.after(10_000);
  for (const taskId of [first, second]) {
    complete(job, taskId);
    verify(job, taskId);
  }
  finish(job, audio);
  lease(job, third);
  move(job, third, "transcoding", fraction);
  return job.after(ageMs);
}

describe("a slow chunk", () => {
  test("is copied when it will need longer than a copy, by a good margin", () => {
    const expectations = [
      [12_000, 0.5, false],
      [12_000, 0.2, true],
      [60_000, 0.9, false],
      [5_000, 0.01, false],
    ] as const;
    for (const [ageMs, fraction, isCopied] of expectations) {
      const job = slow(ageMs, fraction);
      expect(speculate(job.live, job.now)?.taskId).toBe(isCopied ? third : undefined);
    }
  });

  test("is not copied while other parts wait, nor when it has a copy", () => {
    const job = slow(30_000, 0.1);
    job.live = { ...job.live, tasks: job.live.tasks.map(readyAgain) };
    expect(speculate(job.live, job.now)).toBeNull();
    const copied = slow(30_000, 0.1);
    copy(copied, third);
    lease(copied, taskIdOf(jobId, 6), "other");
    expect(speculate(copied.live, copied.now)).toBeNull();
    expect(copyChunk(copied.live, third, copied.now)).toMatchObject({ reason: "illegal" });
  });

  test("is satisfied by the first copy that is accepted; the other is stopped and its bytes go", () => {
    const job = slow(30_000, 0.1);
    const other = taskIdOf(jobId, 6);
    copy(job, third);
    lease(job, other, "other");
    complete(job, other);
    verify(job, other);
    expect(taskOf(job, third).state).toBe("superseded");
    expect(taskOf(job, merge).state).toBe("ready");
    expect(job.of("revoke")).toMatchObject([{ taskId: third, reason: "superseded" }]);
    expect(job.of("collect").at(-1)).toMatchObject({ taskId: third });
    const late = { type: "verified", now: job.now, epoch: 1, outputs: [] } as const;
    expect(stepTask(job.live, third, late, job.rules).status).toBe("rejected");
    finish(job, merge);
    expect(job.snapshot.state).toBe("completed");
  });

  test("fails its job only when none of its copies can succeed any more", () => {
    const job = slow(30_000, 0.1);
    copy(job, third);
    const other = taskIdOf(jobId, 6);
    lease(job, other, "other");
    fail(job, other, false);
    expect(job.snapshot.state).toBe("transcoding");
    fail(job, third, false);
    expect(job.snapshot.state).toBe("failed");
  });
});

function copy(job: Driver, taskId: string): void {
  const copied = copyChunk(job.live, taskId, job.now);
  if (copied.status !== "ok") throw new Error(copied.reason);
  job.live = copied.live;
}

function readyAgain(task: Task): Task {
  if (task.taskId !== audio) return task;
  return { ...task, state: "ready", readyAt: 0, queueDeadline: 0 };
}
