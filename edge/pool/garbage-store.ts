/** Bytes that nobody wants: prefixes to empty, and multipart uploads to abort, with when. Synchronous. */

export interface GarbageRow {
  readonly prefix: string;
  /** The attempt whose recorded uploads are aborted too; null for a whole run's prefix. */
  readonly taskId: string | null;
  readonly epoch: number | null;
  /** What lies below this prefix, within the other, is not collected. */
  readonly spared: string | null;
  readonly rounds: number;
  readonly tries: number;
}

export type GarbageEntry = Omit<GarbageRow, "tries">;

export interface RecordedUpload {
  readonly taskId: string;
  readonly epoch: number;
  readonly key: string;
  readonly uploadId: string;
}

export interface GarbageStore {
  add(entry: GarbageEntry, dueAt: number): void;
  due(now: number, limit: number): readonly GarbageRow[];
  nextDue(): number | null;
  remove(prefix: string): void;
  /** One round is done; the next is due then. */
  again(prefix: string, dueAt: number): void;
  postpone(prefix: string, dueAt: number): void;
  recordUpload(upload: RecordedUpload): void;
  uploadsOf(taskId: string, epoch: number): readonly RecordedUpload[];
  forgetUploads(taskId: string, epoch: number): void;
}

export function createGarbageStore(sql: SqlStorage): GarbageStore {
  return {
    add({ prefix, taskId, epoch, spared, rounds }, dueAt) {
      sql.exec(
        `INSERT OR REPLACE INTO garbage (prefix, task_id, epoch, spared, due_at, rounds)
         VALUES (?, ?, ?, ?, ?, ?)`,
        prefix,
        taskId,
        epoch,
        spared,
        dueAt,
        rounds,
      );
    },

    due(now, limit) {
      return sql
        .exec(
          `SELECT prefix, task_id AS taskId, epoch, spared, rounds, tries FROM garbage
           WHERE due_at <= ? ORDER BY due_at LIMIT ?`,
          now,
          limit,
        )
        .toArray() as unknown as GarbageRow[];
    },

    nextDue() {
      return sql.exec<{ at: number | null }>("SELECT MIN(due_at) AS at FROM garbage").one().at;
    },

    remove(prefix) {
      sql.exec("DELETE FROM garbage WHERE prefix = ?", prefix);
    },

    again(prefix, dueAt) {
      sql.exec(
        "UPDATE garbage SET rounds = rounds - 1, tries = 0, due_at = ? WHERE prefix = ?",
        dueAt,
        prefix,
      );
    },

    postpone(prefix, dueAt) {
      sql.exec("UPDATE garbage SET tries = tries + 1, due_at = ? WHERE prefix = ?", dueAt, prefix);
    },

    recordUpload({ taskId, epoch, key, uploadId }) {
      sql.exec(
        `INSERT OR IGNORE INTO attempt_uploads (task_id, epoch, key, upload_id)
         VALUES (?, ?, ?, ?)`,
        taskId,
        epoch,
        key,
        uploadId,
      );
    },

    uploadsOf(taskId, epoch) {
      return sql
        .exec(
          `SELECT task_id AS taskId, epoch, key, upload_id AS uploadId FROM attempt_uploads
           WHERE task_id = ? AND epoch = ?`,
          taskId,
          epoch,
        )
        .toArray() as unknown as RecordedUpload[];
    },

    forgetUploads(taskId, epoch) {
      sql.exec("DELETE FROM attempt_uploads WHERE task_id = ? AND epoch = ?", taskId, epoch);
    },
  };
}
