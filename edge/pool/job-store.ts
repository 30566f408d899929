/**
 * Jobs, tasks and their ledger in the object's SQLite. Everything here is synchronous: it is called between a
 * transition and its effects, where nothing may be awaited. Live jobs are cached, with what renewals changed of
 * them; rows are written on transitions only.
 */
import { needsOf } from "../../protocol/needs.ts";
import { leaseOf } from "../domain/attempt.ts";
import type { AttemptRecord, JobRecord, LiveJob, Task } from "../domain/model.ts";
import { placeOf } from "../domain/parts.ts";
import type { JobSubmission } from "../domain/submission.ts";

/** Jobs kept parsed in memory; beyond it the one used longest ago is read from its rows again. */
const CACHED_JOBS = 1_000;

type StoredJob = Omit<JobRecord, "submission">;

export interface JobStore {
  /** The job with its tasks, or null if it is not known here. */
  load(jobId: string): LiveJob | null;
  /** The trace of a job that is at hand, for the log: nothing is read for it. */
  traceOf(jobId: string): string | undefined;
  /** Remembers what needs no row: renewals. */
  remember(live: LiveJob): void;
  /**
   * Writes what differs from `before`; to be called inside a transaction. `wakesAt` is when the job wants the
   * alarm, `forgetAt` when a terminal one goes.
   *
   * @returns when its row wants the alarm, for `settle`: maybe sooner than `wakesAt`.
   */
  save(
    before: LiveJob | null,
    after: LiveJob,
    times: {
      readonly wakesAt: number | null;
      readonly forgetAt: number | null;
      readonly now: number;
    },
  ): number | null;
  /** What `save` wrote is committed. */
  settle(jobId: string, wake: number | null): void;
  /** Of an attempt that has ended; a live one is in its task's row. */
  saveAttempt(record: AttemptRecord, jobId: string): void;
  /** Those that have ended, in the order in which they began. */
  attempts(jobId: string): readonly AttemptRecord[];
  /** Deletes every row of the job. */
  delete(jobId: string): void;
  /** Ids of jobs whose terminal rows are past their time, at most `limit`. */
  forgettable(now: number, limit: number): readonly string[];
  /** Ids of jobs that want the alarm at or before `now`, at most `limit`. */
  waking(now: number, limit: number): readonly string[];
  /**
   * The job was looked at and wants the alarm at `at` only: its lease was renewed. Kept in memory, where renewals
   * are, until its row is written again.
   */
  defer(jobId: string, at: number | null): void;
  /** When the next job wants the alarm, in the past for one that was not looked at yet. */
  nextWake(now: number): number | null;
  /** When the next tombstone goes. */
  nextForgetting(): number | null;
}

export function createJobStore(
  sql: SqlStorage,
  overlay: (tasks: readonly Task[]) => readonly Task[],
): JobStore {
  const cache = new Map<string, LiveJob>();
  const deferred = new Map<string, number>();
  /** What the rows of live jobs have in `wakes_at`, as far as this object wrote and committed them. */
  const written = new Map<string, number>();

  function remember(live: LiveJob): void {
    const { jobId } = live.job.submission;
    cache.delete(jobId);
    cache.set(jobId, live);
    if (cache.size > CACHED_JOBS) {
      const [oldest] = cache.keys();
      if (oldest !== undefined) cache.delete(oldest);
    }
  }

  function read(jobId: string): LiveJob | null {
    const [row] = sql
      .exec<{ submission: string; record: string }>(
        "SELECT submission, record FROM jobs WHERE id = ?",
        jobId,
      )
      .toArray();
    if (row === undefined) return null;
    const submission = JSON.parse(row.submission) as JobSubmission;
    const tasks = sql
      .exec<{ record: string }>("SELECT record FROM tasks WHERE job_id = ? ORDER BY id", jobId)
      .toArray()
      .map((task) => JSON.parse(task.record) as Task);
    return {
      job: { ...(JSON.parse(row.record) as StoredJob), submission },
      tasks: overlay(tasks),
    };
  }

  /** The jobs whose rows are due by `now`, each with when it really wants the alarm. */
  function wakes(now: number): readonly { readonly id: string; readonly at: number }[] {
    return sql
      .exec<{ id: string; at: number }>(
        "SELECT id, wakes_at AS at FROM jobs WHERE wakes_at <= ? ORDER BY wakes_at",
        now,
      )
      .toArray()
      .map(({ id, at }) => ({ id, at: deferred.get(id) ?? at }));
  }

  /**
   * What the job's row is to have for `wakesAt`: what it has, if that is still to come and no later. The job is then
   * looked at once too often, by an alarm that is set for that time already, and a row of the index is spared.
   */
  function rowWake(jobId: string, wakesAt: number | null, now: number): number | null {
    const present = written.get(jobId);
    if (wakesAt === null || present === undefined) return wakesAt;
    return now < present && present <= wakesAt ? present : wakesAt;
  }

  return {
    load(jobId) {
      const live = cache.get(jobId) ?? read(jobId);
      if (live !== null) remember(live);
      return live;
    },

    traceOf: (jobId) => cache.get(jobId)?.job.submission.traceId,

    remember,

    save(before, after, { wakesAt, forgetAt, now }) {
      const { submission, ...stored } = after.job;
      const { jobId } = submission;
      deferred.delete(jobId);
      const wake = rowWake(jobId, wakesAt, now);
      const record = JSON.stringify(stored);
      if (before === null) {
        sql.exec(
          "INSERT INTO jobs (id, submission, record, wakes_at, forget_at) VALUES (?, ?, ?, ?, ?)",
          ...[jobId, JSON.stringify(submission), record, wake, forgetAt],
        );
      } else if (wake !== null && wake === written.get(jobId)) {
        sql.exec(
          "UPDATE jobs SET record = ?, forget_at = ? WHERE id = ?",
          ...[record, forgetAt, jobId],
        );
      } else {
        sql.exec(
          "UPDATE jobs SET record = ?, wakes_at = ?, forget_at = ? WHERE id = ?",
          ...[record, wake, forgetAt, jobId],
        );
      }
      const known = new Map(before?.tasks.map((task) => [task.taskId, task]));
      for (const task of after.tasks) {
        const old = known.get(task.taskId);
        if (old === undefined) insertTask(sql, submission, task);
        else if (old !== task) updateTask(sql, old, task);
      }
      return wake;
    },

    settle(jobId, wake) {
      if (wake === null) written.delete(jobId);
      else written.set(jobId, wake);
    },

    saveAttempt(record, jobId) {
      sql.exec(
        "INSERT OR REPLACE INTO attempts (task_id, epoch, job_id, record) VALUES (?, ?, ?, ?)",
        record.taskId,
        record.epoch,
        jobId,
        JSON.stringify(record),
      );
    },

    attempts(jobId) {
      return sql
        .exec<{ record: string }>("SELECT record FROM attempts WHERE job_id = ?", jobId)
        .toArray()
        .map((row) => JSON.parse(row.record) as AttemptRecord)
        .sort((a, b) => a.startedAt - b.startedAt || a.epoch - b.epoch);
    },

    delete(jobId) {
      cache.delete(jobId);
      deferred.delete(jobId);
      written.delete(jobId);
      sql.exec("DELETE FROM attempts WHERE job_id = ?", jobId);
      sql.exec("DELETE FROM tasks WHERE job_id = ?", jobId);
      sql.exec("DELETE FROM jobs WHERE id = ?", jobId);
    },

    forgettable(now, limit) {
      return sql
        .exec<{ id: string }>(
          "SELECT id FROM jobs WHERE forget_at <= ? ORDER BY forget_at LIMIT ?",
          now,
          limit,
        )
        .toArray()
        .map((row) => row.id);
    },

    waking(now, limit) {
      const overdue = wakes(now).filter((job) => job.at <= now);
      return overdue.slice(0, limit).map((job) => job.id);
    },

    defer(jobId, at) {
      deferred.set(jobId, at ?? Number.POSITIVE_INFINITY);
    },

    nextWake(now) {
      const { at } = sql
        .exec<{ at: number | null }>("SELECT MIN(wakes_at) AS at FROM jobs WHERE wakes_at > ?", now)
        .one();
      const times = [...wakes(now).map((job) => job.at), at ?? Number.POSITIVE_INFINITY];
      const earliest = Math.min(...times);
      return Number.isFinite(earliest) ? earliest : null;
    },

    nextForgetting() {
      return sql
        .exec<{ at: number | null }>(
          "SELECT MIN(forget_at) AS at FROM jobs WHERE forget_at IS NOT NULL",
        )
        .one().at;
    },
  };
}

function insertTask(sql: SqlStorage, submission: JobSubmission, task: Task): void {
  sql.exec(
    `INSERT OR REPLACE INTO tasks
       (id, job_id, account_id, state, priority, queued_at, ready_at, last_worker_id, needs, worker_id,
        epoch, place, record)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    task.taskId,
    task.jobId,
    submission.accountId,
    task.state,
    submission.priority,
    task.queuedAt,
    task.state === "ready" ? task.readyAt : 0,
    task.lastWorkerId,
    JSON.stringify(needsOf(submission.work, task.kind)),
    holderOf(task),
    task.epoch,
    placeOf(task),
    JSON.stringify(task),
  );
}

/** SQLite writes every index that has an assigned column, changed or not: so only columns that changed are. */
function updateTask(sql: SqlStorage, old: Task, task: Task): void {
  const columns: Record<string, SqlStorageValue> = {
    epoch: task.epoch,
    record: JSON.stringify(task),
  };
  if (task.state !== old.state) columns.state = task.state;
  if (task.queuedAt !== old.queuedAt) columns.queued_at = task.queuedAt;
  if (task.state === "ready") columns.ready_at = task.readyAt;
  if (task.lastWorkerId !== old.lastWorkerId) columns.last_worker_id = task.lastWorkerId;
  if (holderOf(task) !== holderOf(old)) columns.worker_id = holderOf(task);
  const assignments = Object.keys(columns).map((column) => `${column} = ?`);
  sql.exec(
    `UPDATE tasks SET ${assignments.join(", ")} WHERE job_id = ? AND id = ?`,
    ...Object.values(columns),
    task.jobId,
    task.taskId,
  );
}

function holderOf(task: Task): string | null {
  return leaseOf(task)?.workerId ?? null;
}
