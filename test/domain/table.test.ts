import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { fieldsOf } from "../../edge/domain/attempt.ts";
import { newJob } from "../../edge/domain/create.ts";
import type { TransitionResult } from "../../edge/domain/effects.ts";
import type { TaskEvent, TaskEventOf, TaskEventType } from "../../edge/domain/events.ts";
import type { Task, TaskState } from "../../edge/domain/model.ts";
import { RELEASE_ALLOWANCE } from "../../edge/domain/retry.ts";
import { transition } from "../../edge/domain/task.ts";
import { planOf } from "../support/plans.ts";
import { engine, leaseOfTask, report, rulesWith, submissionOf, T0, TTL_MS } from "./fixtures.ts";
import { columns, stateTable } from "./state-table.ts";

const rules = rulesWith();
/** When the events of the table happen: after every backoff, before every deadline. */
const NOW = T0 + 10_000;
/** After every deadline. */
const LATE = T0 + 200_000_000;
const holder = { epoch: 1, workerId: "wkr_a" };

function ok(result: TransitionResult): Task {
  if (result.status !== "ok") throw new Error(result.reason);
  return result.task;
}

function firstTask(): Task {
  const [task] = newJob(submissionOf(0), T0).tasks;
  if (task === undefined) throw new Error("a job without a task");
  return task;
}

const grant: TaskEventOf<"grant"> = {
  type: "grant",
  now: T0,
  workerId: "wkr_a",
  workerName: "gpu-1",
  sessionId: "s1",
};
const complete: TaskEventOf<"complete"> = {
  type: "complete",
  now: NOW,
  ...holder,
  result: { outputs: [report], engine },
};
const failEvent: TaskEventOf<"fail"> = {
  type: "fail",
  now: NOW,
  ...holder,
  stage: "transcoding",
  code: "TRANSCODE_ERROR",
  detail: "FFmpeg exited with code 1",
  retryable: true,
  engine,
};

const plan: TaskEventOf<"plan"> = {
  type: "plan",
  now: NOW,
  ...holder,
  plan: planOf([10, 10]),
  engine,
  refusal: null,
};

/** Each state, with the variants of it that matter to some event. */
function examples(): Record<TaskState, readonly Task[]> {
  const ready = firstTask();
  const leased = ok(transition(ready, grant, rules));
  const last = { ...leased, attempts: leased.maxAttempts - 1 };
  const lost = ok(transition(leased, { type: "disconnect", now: T0, sessionId: "s1" }, rules));
  const worn = { ...last, releases: RELEASE_ALLOWANCE };
  const verifying = ok(transition(leased, complete, rules));
  const tried =
    verifying.state === "verifying"
      ? { ...verifying, verification: { ...verifying.verification, tries: 3 } }
      : verifying;
  const outputs: never[] = [];
  const backingOff = ok(transition(leased, { ...failEvent, now: NOW - 1 }, rules));
  const end = (event: TaskEvent) => ok(transition(ready, event, rules));
  const done = ok(transition(verifying, { type: "verified", now: NOW, epoch: 1, outputs }, rules));
  const chunk = { ...leased, kind: "chunk", chunk: { index: 0, frames: 1 } } as const;
  const refused = ok(transition(leased, { ...plan, refusal: "not_wanted" }, rules));
  const waiting: Task = { ...fieldsOf(ready), state: "waiting" };
  return {
    waiting: remembering(waiting),
    ready: [...remembering(ready), ...remembering(backingOff)],
    leased: [leased, last, lost, worn, chunk, refused],
    verifying: [
      verifying,
      tried,
      ok(transition(refused, complete, rules)),
      { ...tried, attempts: 2, releases: RELEASE_ALLOWANCE },
    ],
    done: remembering(done),
    divided: remembering(ok(transition(leased, plan, rules))),
    failed: remembering(end({ type: "queue_timeout", now: LATE })),
    cancelled: remembering(end({ type: "cancel", now: NOW })),
    superseded: remembering(end({ type: "supersede", now: NOW })),
  };
}

/** The task as one whose first attempt was ended by the edge, and by each message that can end one. */
function remembering(task: Task): readonly Task[] {
  return ([null, "complete", "fail", "release", "plan"] as const).map((of) => ({
    ...task,
    verdicts: [
      { epoch: 1, workerId: "wkr_a", of, status: "accepted", reason: null, revoke: "expired" },
    ],
  }));
}

/** Each event, with the variants of it that matter in some state. */
const variants: { readonly [E in TaskEventType]: readonly TaskEventOf<E>[] } = {
  grant: [{ ...grant, now: NOW }],
  progress: [
    {
      type: "progress",
      now: NOW,
      ...holder,
      stage: "probing",
      fraction: 0.5,
      movement: 1,
      fps: null,
      speed: null,
    },
  ],
  plan: [plan, { ...plan, refusal: "not_wanted" }],
  parts_done: [{ type: "parts_done", now: NOW }],
  complete: [complete, { ...complete, result: { outputs: [], engine } }],
  verified: [{ type: "verified", now: NOW, epoch: 1, outputs: [] }],
  verify_failed: [
    { type: "verify_failed", now: NOW, epoch: 1, code: "ENGINE_INVALID_RESPONSE", detail: "d" },
  ],
  fail: [failEvent, { ...failEvent, retryable: false }],
  release: [{ type: "release", now: NOW, ...holder, reason: "no_disk" }],
  resume: [{ type: "resume", now: NOW, ...holder, sessionId: "s2", stage: "probing", fraction: 0 }],
  expire: [
    { type: "expire", now: NOW - 10_000 },
    { type: "expire", now: LATE },
  ],
  disconnect: [
    { type: "disconnect", now: NOW, sessionId: "s1" },
    { type: "disconnect", now: NOW, sessionId: "s0" },
  ],
  lost: [{ type: "lost", now: NOW }],
  not_claimed: [
    { type: "not_claimed", now: NOW, workerId: "wkr_a" },
    { type: "not_claimed", now: NOW, workerId: "wkr_b" },
  ],
  worker_revoked: [
    { type: "worker_revoked", now: NOW, workerId: "wkr_a" },
    { type: "worker_revoked", now: NOW, workerId: "wkr_b" },
  ],
  cancel: [{ type: "cancel", now: NOW }],
  supersede: [{ type: "supersede", now: NOW }],
  run_limit: [{ type: "run_limit", now: NOW, ranSeconds: 3601, limitSeconds: 3600 }],
  queue_timeout: [
    { type: "queue_timeout", now: NOW },
    { type: "queue_timeout", now: LATE },
  ],
  rebase: [{ type: "rebase", now: NOW - 3_600_000 }],
  retry: [{ type: "retry", now: NOW, run: 2 }],
};

const eventTypes = Object.keys(variants) as TaskEventType[];

function outcomeOf(task: Task, event: TaskEvent): string {
  const result = transition(task, event, rules);
  if (result.status === "rejected") return result.reason;
  return result.task === task ? "=" : result.task.state;
}

describe("the state × event table", () => {
  const tasks = examples();
  for (const type of eventTypes) {
    for (const [at, state] of columns.entries()) {
      test(`${type} of a ${state} task: ${stateTable[type][at]}`, () => {
        const outcomes = tasks[state].flatMap((task) =>
          variants[type].map((event) => outcomeOf(task, event)),
        );
        expect([...new Set(outcomes)].sort().join(", ")).toBe(stateTable[type][at]);
      });
    }
  }

  test("what speaks of another epoch, or comes from another worker, is stale in every state", () => {
    const fenced = eventTypes
      .flatMap((type): readonly TaskEvent[] => variants[type])
      .filter((event) => "epoch" in event);
    const strangers = fenced.flatMap((event) => [
      { ...event, epoch: 2 },
      ...("workerId" in event ? [{ ...event, workerId: "wkr_b" }] : []),
    ]);
    const outcomes = Object.values(tasks).flatMap((states) =>
      states.flatMap((task) => strangers.map((event) => outcomeOf(task, event as TaskEvent))),
    );
    expect(outcomes.length).toBeGreaterThan(100);
    expect(new Set(outcomes)).toEqual(new Set(["stale_epoch"]));
  });

  test("docs/ARCHITECTURE.md shows this table", () => {
    const page = readFileSync("docs/ARCHITECTURE.md", "utf8");
    const header = `| event | ${columns.join(" | ")} |`;
    const rows = eventTypes.map((type) => `| ${type} | ${stateTable[type].join(" | ")} |`);
    expect(page).toContain([header, `|${"---|".repeat(columns.length + 1)}`, ...rows].join("\n"));
  });
});

describe("a lease", () => {
  test("is one TTL from its grant, and its expiry counts as an attempt", () => {
    const leased = ok(transition(firstTask(), grant, rules));
    expect(leaseOfTask(leased).deadline).toBe(T0 + TTL_MS);
    const expired = ok(transition(leased, { type: "expire", now: T0 + TTL_MS }, rules));
    expect(expired).toMatchObject({ state: "ready", attempts: 1, epoch: 1, readyAt: T0 + TTL_MS });
  });
});
