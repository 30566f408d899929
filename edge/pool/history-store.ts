/** The jobs' histories: a row for each line, written in the transaction of its transition. Synchronous. */
import type { HistoryLine } from "../domain/history.ts";

export interface HistoryStore {
  add(jobId: string, line: HistoryLine): void;
  /** At most `limit` lines after `sequence`, in order. */
  after(jobId: string, sequence: number, limit: number): readonly HistoryLine[];
  delete(jobId: string): void;
}

export function createHistoryStore(sql: SqlStorage): HistoryStore {
  return {
    add(jobId, line) {
      sql.exec(
        "INSERT INTO history (job_id, sequence, line) VALUES (?, ?, ?)",
        jobId,
        line.sequence,
        JSON.stringify(line),
      );
    },

    after(jobId, sequence, limit) {
      return sql
        .exec<{ line: string }>(
          "SELECT line FROM history WHERE job_id = ? AND sequence > ? ORDER BY sequence LIMIT ?",
          jobId,
          sequence,
          limit,
        )
        .toArray()
        .map((row) => JSON.parse(row.line) as HistoryLine);
    },

    delete(jobId) {
      sql.exec("DELETE FROM history WHERE job_id = ?", jobId);
    },
  };
}
