/** Slow chunks: when they are leased a second time, and which of the copies counts. */
import { describe, expect, test } from "vitest";
import { deadlinesOf } from "../../edge/domain/alarm.ts";
import { copyChunk, stepTask } from "../../edge/domain/job.ts";
import type { Task } from "../../edge/domain/model.ts";
import { speculate, speculateAt } from "../../edge/domain/speculate.ts";
import { taskIdOf } from "../../protocol/ids.ts";
import {
  audio,
  complete,
  divided,
  fail,
  finish,
  first,
  jobId,
  lease,
  merge,
  move,
  second,
  taskOf,
  third,
  verify,
} from "./divided-job.ts";
import type { Driver } from "./driver.ts";

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
    expect(copyChunk(copied.live, third, copied.now, copied.rules)).toMatchObject({
      reason: "illegal",
    });
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

  test("is not copied again when its copy has failed: that could go on as long as it runs", () => {
    const job = slow(30_000, 0.1);
    copy(job, third);
    const other = taskIdOf(jobId, 6);
    lease(job, other, "other");
    fail(job, other, false);
    job.after(30_000);
    expect(speculate(job.live, job.now)).toBeNull();
    expect(copyChunk(job.live, third, job.now, job.rules)).toMatchObject({ reason: "illegal" });
  });

  test("that says nothing more has an alarm at the very instant from which it may be copied", () => {
    for (const fraction of [0, 0.05, 0.2, 0.5, 0.8]) {
      const job = slow(100, fraction);
      const at = speculateAt(job.live, job.now);
      if (at === null) throw new Error("no alarm");
      expect(deadlinesOf(job.live, job.now)).toContain(at);
      expect(speculate(job.live, at - 2)).toBeNull();
      expect(speculate(job.live, at)?.taskId).toBe(third);
      // It is due once: an alarm that finds nobody idle does not ring again at once.
      expect(speculateAt(job.live, at)).toBeNull();
    }
  });

  test("sets no alarm while other parts wait, nor when it was copied", () => {
    const waiting = slow(100, 0.1);
    waiting.live = { ...waiting.live, tasks: waiting.live.tasks.map(readyAgain) };
    expect(speculateAt(waiting.live, waiting.now)).toBeNull();
    const copied = slow(100, 0.1);
    copy(copied, third);
    lease(copied, taskIdOf(jobId, 6), "other");
    expect(speculateAt(copied.live, copied.now)).toBeNull();
  });
});

function copy(job: Driver, taskId: string): void {
  const copied = copyChunk(job.live, taskId, job.now, job.rules);
  if (copied.status !== "ok") throw new Error(copied.reason);
  job.live = copied.live;
}

function readyAgain(task: Task): Task {
  if (task.taskId !== audio) return task;
  return { ...task, state: "ready", readyAt: 0, queueDeadline: 0 };
}
