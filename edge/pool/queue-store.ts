/**
 * The ready queue and who holds what, for matching. The rows are the truth; memory follows each commit, so that a
 * lease costs no query. Synchronous.
 */
import { needsOf, type TaskNeeds } from "../../protocol/needs.ts";
import type { ReadyTask } from "../domain/match.ts";
import type { LiveJob, Task } from "../domain/model.ts";
import type { JobSubmission } from "../domain/submission.ts";
import { type Page, ReadyWindow, WINDOW } from "./ready-window.ts";

export interface HeldTask {
  readonly taskId: string;
  readonly jobId: string;
  readonly accountId: string;
  readonly workerId: string;
  readonly epoch: number;
  readonly state: "leased" | "verifying";
  /** Of its worker, while it is leased. */
  readonly slots: number;
}

export interface QueueStore {
  /** Tasks that may be leased now, in the order of priority and age, from `offset`. */
  ready(now: number, offset: number): Page;
  /** Every task that some worker holds, or those of one worker. */
  held(workerId?: string): readonly HeldTask[];
  /** These tasks were committed. */
  follow(before: LiveJob | null, after: LiveJob, now: number): void;
  /** The time has come for something: tasks that waited for it may be ready. */
  lookAgain(): void;
}

interface ReadyRow {
  readonly [column: string]: SqlStorageValue;
  readonly taskId: string;
  readonly jobId: string;
  readonly accountId: string;
  readonly priority: number;
  readonly queuedAt: number;
  readonly readyAt: number;
  readonly lastWorkerId: string | null;
  readonly needs: string;
}

export function createQueueStore(sql: SqlStorage): QueueStore {
  const window = new ReadyWindow((now, limit) => readReady(sql, now, limit, 0));
  let held: Map<string, HeldTask> | null = null;

  function allHeld(): Map<string, HeldTask> {
    held ??= new Map(readHeld(sql).map((task) => [task.taskId, task]));
    return held;
  }

  return {
    ready(now, offset) {
      if (offset === 0) return window.page(now);
      const tasks = readReady(sql, now, WINDOW, offset);
      return { tasks, isLast: tasks.length < WINDOW };
    },

    held(workerId) {
      const tasks = [...allHeld().values()];
      return workerId === undefined ? tasks : tasks.filter((task) => task.workerId === workerId);
    },

    follow(before, after, now) {
      const unchanged = new Set(before?.tasks);
      const { submission } = after.job;
      for (const task of after.tasks) {
        if (unchanged.has(task)) continue;
        const holding = heldOf(submission, task);
        if (holding === null) held?.delete(task.taskId);
        else held?.set(task.taskId, holding);
        window.remove(task.taskId);
        const ready = readyOf(submission, task);
        if (ready !== null) window.add(ready, now);
      }
    },

    lookAgain() {
      window.forget();
    },
  };
}

function heldOf({ accountId }: JobSubmission, task: Task): HeldTask | null {
  if (task.state !== "leased" && task.state !== "verifying") return null;
  const { taskId, jobId, state, lease } = task;
  const { workerId, epoch, slots } = lease;
  return { taskId, jobId, accountId, workerId, epoch, state, slots };
}

function readyOf({ accountId, priority, work }: JobSubmission, task: Task): ReadyTask | null {
  if (task.state !== "ready") return null;
  const { taskId, jobId, kind, queuedAt, readyAt, lastWorkerId } = task;
  const needs = needsOf(work, kind);
  return { taskId, jobId, accountId, priority, queuedAt, readyAt, lastWorkerId, needs };
}

function readReady(
  sql: SqlStorage,
  now: number,
  limit: number,
  offset: number,
): readonly ReadyTask[] {
  return sql
    .exec<ReadyRow>(
      `SELECT id AS taskId, job_id AS jobId, account_id AS accountId, priority, queued_at AS queuedAt,
              ready_at AS readyAt, last_worker_id AS lastWorkerId, needs
       FROM tasks WHERE state = 'ready' AND ready_at <= ?
       ORDER BY priority DESC, queued_at, id LIMIT ? OFFSET ?`,
      now,
      limit,
      offset,
    )
    .toArray()
    .map(({ needs, ...row }) => ({ ...row, needs: JSON.parse(needs) as TaskNeeds }));
}

function readHeld(sql: SqlStorage): readonly HeldTask[] {
  return sql
    .exec(
      `SELECT id AS taskId, job_id AS jobId, account_id AS accountId,
              worker_id AS workerId, epoch, state, json_extract(record, '$.lease.slots') AS slots
       FROM tasks WHERE worker_id IS NOT NULL`,
    )
    .toArray() as unknown as HeldTask[];
}
