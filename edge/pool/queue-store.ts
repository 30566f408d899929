/**
 * The ready queue and who holds what, for matching. The rows are the truth; memory follows each commit, so that a
 * lease costs no query. Synchronous.
 */
import { needsOf, type TaskNeeds } from "../../protocol/needs.ts";
import type { ReadyTask } from "../domain/match.ts";
import type { LiveJob, Task } from "../domain/model.ts";
import { placeOf } from "../domain/parts.ts";
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
  /**
   * Tasks that may be leased now: jobs in the order of priority and age, from `offset`. With the first come the next
   * parts of every divided job; more of them once these are leased.
   */
  ready(now: number, offset: number): Page;
  /** Every task that some worker holds, or those of one worker. */
  held(workerId?: string): readonly HeldTask[];
  /** How many tasks wait, and since when the first of them does (milliseconds since the epoch). */
  waiting(): { readonly tasks: number; readonly oldestQueuedAt: number | null };
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
  readonly place: number | null;
}

/** Parts of one divided job that are looked at together. */
const PARTS_AT_ONCE = 32;

export function createQueueStore(sql: SqlStorage): QueueStore {
  const window = new ReadyWindow((now, limit) => readReady(sql, now, limit, 0));
  /** Of each divided job that has parts to lease; null when the rows must be asked which those are. */
  let divided: Map<string, ReadyWindow> | null = null;
  let held: Map<string, HeldTask> | null = null;

  function allHeld(): Map<string, HeldTask> {
    held ??= new Map(readHeld(sql).map((task) => [task.taskId, task]));
    return held;
  }

  function windowOf(jobId: string): ReadyWindow {
    const known = divided?.get(jobId);
    if (known !== undefined) return known;
    const made = new ReadyWindow((now, limit) => readReadyParts(sql, jobId, now, limit));
    divided?.set(jobId, made);
    return made;
  }

  function readyParts(now: number): readonly ReadyTask[] {
    if (divided === null) {
      divided = new Map();
      for (const jobId of readDividedJobs(sql)) windowOf(jobId);
    }
    return [...divided].flatMap(([jobId, parts]) => {
      const { tasks } = parts.page(now);
      // Those that still back off are found when the alarm rings for them.
      if (tasks.length === 0) divided?.delete(jobId);
      return tasks.slice(0, PARTS_AT_ONCE);
    });
  }

  return {
    ready(now, offset) {
      if (offset === 0) {
        const page = window.page(now);
        return { ...page, tasks: [...readyParts(now), ...page.tasks] };
      }
      const tasks = readReady(sql, now, WINDOW, offset);
      return { tasks, isLast: tasks.length < WINDOW };
    },

    held(workerId) {
      const tasks = [...allHeld().values()];
      return workerId === undefined ? tasks : tasks.filter((task) => task.workerId === workerId);
    },

    waiting() {
      return sql
        .exec<{ tasks: number; oldestQueuedAt: number | null }>(
          `SELECT COUNT(*) AS tasks, MIN(queued_at) AS oldestQueuedAt
           FROM tasks WHERE state = 'ready'`,
        )
        .one();
    },

    follow(before, after, now) {
      const unchanged = new Set(before?.tasks);
      const { submission } = after.job;
      for (const task of after.tasks) {
        if (unchanged.has(task)) continue;
        const holding = heldOf(submission, task);
        if (holding === null) held?.delete(task.taskId);
        else held?.set(task.taskId, holding);
        const ready = readyOf(submission, task);
        if (task.kind === "whole") {
          window.remove(task.taskId);
          if (ready !== null) window.add(ready, now);
        } else if (divided !== null) {
          divided.get(task.jobId)?.remove(task.taskId);
          if (ready !== null) windowOf(task.jobId).add(ready, now);
        }
      }
    },

    lookAgain() {
      divided = null;
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
  const place = placeOf(task);
  return { taskId, jobId, accountId, priority, queuedAt, readyAt, lastWorkerId, needs, place };
}

const READY_COLUMNS = `id AS taskId, job_id AS jobId, account_id AS accountId, priority,
  queued_at AS queuedAt, ready_at AS readyAt, last_worker_id AS lastWorkerId, needs, place`;

function readReady(
  sql: SqlStorage,
  now: number,
  limit: number,
  offset: number,
): readonly ReadyTask[] {
  return sql
    .exec<ReadyRow>(
      `SELECT ${READY_COLUMNS} FROM tasks
       WHERE state = 'ready' AND place IS NULL AND ready_at <= ?
       ORDER BY priority DESC, queued_at, id LIMIT ? OFFSET ?`,
      now,
      limit,
      offset,
    )
    .toArray()
    .map(toReady);
}

function readReadyParts(
  sql: SqlStorage,
  jobId: string,
  now: number,
  limit: number,
): readonly ReadyTask[] {
  return sql
    .exec<ReadyRow>(
      `SELECT ${READY_COLUMNS} FROM tasks
       WHERE job_id = ? AND state = 'ready' AND place IS NOT NULL AND ready_at <= ?
       ORDER BY place, id LIMIT ?`,
      jobId,
      now,
      limit,
    )
    .toArray()
    .map(toReady);
}

/** Each job once, by a step in the index for each: SQLite's DISTINCT would read every part. */
function readDividedJobs(sql: SqlStorage): readonly string[] {
  const next = (above: string) => `(SELECT MIN(job_id) FROM tasks
    WHERE state = 'ready' AND place IS NOT NULL AND job_id > ${above})`;
  return sql
    .exec<{ id: string }>(
      `WITH RECURSIVE found (id) AS (
         SELECT ${next("''")} UNION ALL SELECT ${next("found.id")} FROM found WHERE id IS NOT NULL)
       SELECT id FROM found WHERE id IS NOT NULL`,
    )
    .toArray()
    .map(({ id }) => id);
}

function toReady({ needs, ...row }: ReadyRow): ReadyTask {
  return { ...row, needs: JSON.parse(needs) as TaskNeeds };
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
