/** Jobs of more than one task: nothing makes them yet, and the machine already knows what becomes of them. */
import { describe, expect, test } from "vitest";
import type { Task } from "../../edge/domain/model.ts";
import { taskIdOf } from "../../protocol/ids.ts";
import { Driver, output } from "./driver.ts";
import { engine, jobIdOf, report } from "./fixtures.ts";

const jobId = jobIdOf(0);
const first = taskIdOf(jobId, 0);
const second = taskIdOf(jobId, 1);
const merge = taskIdOf(jobId, 2);

/** A job of two chunks and a merge. */
function split(facts: { maxAttempts?: number } = {}): Driver {
  const job = new Driver(facts);
  const kinds = [
    [first, "chunk"],
    [second, "chunk"],
    [merge, "merge"],
  ] as const;
  const tasks = kinds.map(([taskId, kind]): Task => ({ ...job.task, taskId, kind }));
  job.live = { ...job.live, tasks };
  return job;
}

function lease(job: Driver, taskId: string): void {
  const workerId = `wkr_${taskId}`;
  job.feed({ type: "grant", workerId, workerName: taskId, sessionId: `s-${taskId}` }, taskId);
}

function finish(job: Driver, taskId: string): void {
  const held = { epoch: 1, workerId: `wkr_${taskId}` };
  const result = { outputs: [report], engine };
  job.feed({ type: "complete", ...held, result }, taskId);
  job.feed({ type: "verified", epoch: 1, outputs: [{ ...output, name: taskId }] }, taskId);
}

function move(
  job: Driver,
  taskId: string,
  stage: "transcoding" | "merging",
  movement: number,
): void {
  const held = { epoch: 1, workerId: `wkr_${taskId}` };
  job.feed(
    { type: "progress", ...held, stage, fraction: 0.5, movement, fps: 10, speed: 1 },
    taskId,
  );
}

describe("a job of many tasks", () => {
  test("completes with its last task, and publishes what the merge made", () => {
    const job = split();
    for (const taskId of [first, second, merge]) {
      expect(job.snapshot.state).not.toBe("completed");
      lease(job, taskId);
      finish(job, taskId);
    }
    expect(job.snapshot).toMatchObject({ state: "completed", outputs: [{ name: merge }] });
    expect(job.of("webhook").map(({ event }) => event)).toEqual(["job.completed"]);
  });

  test("fails with its first failed task, and stops the others", () => {
    const job = split({ maxAttempts: 1 });
    lease(job, first);
    lease(job, second);
    const held = { epoch: 1, workerId: `wkr_${first}` };
    const failure = { stage: "transcoding", code: "TRANSCODE_ERROR", detail: "d", engine } as const;
    job.feed({ type: "fail", ...held, ...failure, retryable: true }, first);
    expect(job.snapshot).toMatchObject({ state: "failed", error: { code: "TRANSCODE_ERROR" } });
    expect(job.live.tasks.map(({ state }) => state)).toEqual(["failed", "cancelled", "cancelled"]);
    expect(job.of("revoke")).toMatchObject([{ taskId: second, reason: "cancelled" }]);
    expect(job.of("webhook").map(({ event }) => event)).toEqual(["job.failed"]);
    expect(job.retry().live.tasks.map(({ state }) => state)).toEqual(["ready", "ready", "ready"]);
  });

  test("shows the farthest stage of its attempts, their mean progress and the sum of their speeds", () => {
    const job = split();
    lease(job, first);
    lease(job, second);
    move(job, first, "transcoding", 1);
    move(job, second, "transcoding", 1);
    expect(job.snapshot).toMatchObject({ state: "transcoding", fps: 20, speed: 2 });
    expect(job.snapshot.progress).toBeCloseTo((50 + 50 + 0) / 3, 0);
    finish(job, first);
    finish(job, second);
    expect(job.snapshot.state).toBe("transcoding");
    lease(job, merge);
    move(job, merge, "merging", 1);
    expect(job.snapshot).toMatchObject({
      state: "merging",
      stages: [
        { name: "transcoding", state: "completed" },
        { name: "merging", state: "running" },
      ],
    });
  });

  test("loses nothing of its progress when one attempt is lost and tried again", () => {
    const job = split();
    lease(job, first);
    finish(job, first);
    lease(job, second);
    move(job, second, "transcoding", 1);
    job.after(40_000).feed({ type: "expire" }, second);
    expect(job.live.tasks.map(({ state }) => state)).toEqual(["done", "ready", "ready"]);
    expect(job.snapshot.state).toBe("transcoding");
  });

  test("completes without the copy that was superseded", () => {
    const job = split();
    lease(job, second);
    job.feed({ type: "supersede" }, second);
    expect(job.of("revoke")).toMatchObject([{ reason: "superseded" }]);
    for (const taskId of [first, merge]) {
      lease(job, taskId);
      finish(job, taskId);
    }
    expect(job.snapshot.state).toBe("completed");
  });
});
