/** Jobs that were divided: what becomes of the job when something happens to one of its parts. */
import { describe, expect, test } from "vitest";
import { isChunkPlace, placeOf } from "../../edge/domain/parts.ts";
import { planOf } from "../support/plans.ts";
import {
  audio,
  complete,
  divided,
  fail,
  finish,
  finishAudibly,
  first,
  hls,
  lease,
  merge,
  move,
  plan,
  second,
  statesOf,
  taskOf,
  third,
  verify,
  whole,
} from "./divided-job.ts";
import { Driver } from "./driver.ts";
import { engine } from "./fixtures.ts";

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

  test("is playable before all of its sound is made where the first chunk brought the first of it", () => {
    const job = divided({ outputs: hls });
    finishAudibly(job, first);
    expect(job.snapshot.playable).toBe(true);
    expect(job.live.job.pins).toEqual({
      v720: { encoder: "libx264", configSha256: "c".repeat(64) },
    });
    for (const taskId of [second, third]) finish(job, taskId, "c");
    expect(taskOf(job, merge).state).toBe("waiting");
    finish(job, audio);
    finish(job, merge);
    expect(job.snapshot.state).toBe("completed");
    expect(job.of("event").filter(({ name }) => name === "playable")).toHaveLength(1);
  });

  test("is made in the order in which it can be played: the first chunk, its sound, and on", () => {
    const job = divided({ outputs: hls });
    const parts = job.live.tasks
      .filter(({ kind }) => kind !== "whole")
      .toSorted((a, b) => (placeOf(a) ?? 0) - (placeOf(b) ?? 0))
      .map(({ taskId }) => taskId);
    expect(parts).toEqual([first, audio, second, third, merge]);
    const places = job.live.tasks.filter((task) => isChunkPlace(placeOf(task)));
    expect(places.map(({ taskId }) => taskId)).toEqual([first, second, third]);
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
