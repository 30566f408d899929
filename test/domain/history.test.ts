import { describe, expect, test } from "vitest";
import type { Effect } from "../../edge/domain/effects.ts";
import type { TaskEvent } from "../../edge/domain/events.ts";
import { historyLineOf, isLastLine, lastLineOf, resumeAfter } from "../../edge/domain/history.ts";
import { createJob, stepTask } from "../../edge/domain/job.ts";
import { Driver, output } from "./driver.ts";
import { rulesWith, submissionOf, T0 } from "./fixtures.ts";

const grant: TaskEvent = {
  type: "grant",
  now: T0,
  workerId: "wkr_1",
  workerName: "gpu-1",
  sessionId: "s",
};

const heard = (movement: number, stage: "probing" | "transcoding"): TaskEvent => ({
  type: "progress",
  now: T0,
  epoch: 1,
  workerId: "wkr_1",
  stage,
  fraction: 0.5,
  movement,
  fps: null,
  speed: null,
});

describe("a job's history", () => {
  test("has one line for each step that can be seen, numbered without a gap, and none for the others", () => {
    const created = createJob(submissionOf(0), T0);
    let { live } = created;
    const lines = [historyLineOf(created.effects)];
    const events = [grant, heard(1, "probing"), heard(2, "probing"), heard(3, "transcoding")];
    for (const event of events) {
      const taskId = live.tasks[0]?.taskId ?? "";
      const stepped = stepTask(live, taskId, event, rulesWith());
      if (stepped.status !== "ok") throw new Error(stepped.reason);
      live = stepped.live;
      lines.push(historyLineOf(stepped.effects));
    }
    expect(lines.map((line) => line && [line.sequence, line.name, line.snapshot.state])).toEqual([
      [1, "state", "queued"],
      [2, "attempt", "queued"],
      [3, "state", "probing"],
      // A mere renewal.
      null,
      [4, "state", "transcoding"],
    ]);
    expect(lines[1]?.attempts).toMatchObject([{ epoch: 1, state: "running", workerName: "gpu-1" }]);
  });

  test("carries neither outputs nor logs: the job and the ledger have them", () => {
    const snapshot = { ...new Driver().snapshot, state: "completed" as const, outputs: [output] };
    const effects: Effect[] = [
      { type: "event", jobId: snapshot.jobId, sequence: 7, name: "state", at: T0, snapshot },
    ];
    const line = historyLineOf(effects);
    expect(line?.snapshot).not.toHaveProperty("outputs");
    expect(JSON.stringify(line)).not.toContain(output.key);
  });

  test("that is gone is made up for by its last line, under the job's revision", () => {
    const job = new Driver().snapshot;
    const ended = { ...job, state: "failed" as const, revision: 9, completedAt: T0 + 5 };
    expect(lastLineOf(ended, T0 + 99)).toMatchObject({ sequence: 9, name: "state", at: T0 + 5 });
    expect(isLastLine(lastLineOf(ended, T0))).toBe(true);
    expect(isLastLine(lastLineOf(job, T0))).toBe(false);
  });

  test.for([
    [0, 5, 0],
    [3, 5, 3],
    [5, 5, 5],
    [99, 5, 5],
    [-1, 5, 0],
  ] as const)("a reader who saw %i of a job at %i goes on after %i", ([seen, revision, after]) => {
    expect(resumeAfter(seen, revision)).toBe(after);
  });
});
