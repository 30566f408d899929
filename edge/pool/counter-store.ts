/** The pool's counters: one row, written in the transaction of the step that they count. Synchronous. */
import { type Counters, noCounters } from "../domain/counters.ts";

export interface CounterStore {
  read(): Counters;
  write(counters: Counters): void;
  /** What was written is committed. */
  settle(counters: Counters): void;
}

export function createCounterStore(sql: SqlStorage): CounterStore {
  let known: Counters | null = null;
  return {
    read() {
      known ??= readRow(sql);
      return known;
    },
    write(counters) {
      sql.exec(
        "INSERT OR REPLACE INTO counters (id, value) VALUES (1, ?)",
        JSON.stringify(counters),
      );
    },
    settle(counters) {
      known = counters;
    },
  };
}

function readRow(sql: SqlStorage): Counters {
  const [row] = sql.exec<{ value: string }>("SELECT value FROM counters").toArray();
  return row === undefined ? noCounters : (JSON.parse(row.value) as Counters);
}
