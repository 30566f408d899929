/** The ready queue and who holds what, read for matching. Synchronous. */
import { codecSchema } from "../../protocol/media.ts";
import type { ReadyTask } from "../domain/match.ts";

export interface HeldTask {
  readonly taskId: string;
  readonly jobId: string;
  readonly accountId: string;
  readonly workerId: string;
  readonly epoch: number;
  readonly state: "leased" | "verifying";
}

export interface QueueStore {
  /** Tasks that may be leased now, in the order of priority and age, from `offset`. */
  ready(now: number, limit: number, offset: number): readonly ReadyTask[];
  /** Every task that some worker holds, or those of one worker. */
  held(workerId?: string): readonly HeldTask[];
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
  readonly codecs: string;
}

export function createQueueStore(sql: SqlStorage): QueueStore {
  return {
    ready(now, limit, offset) {
      return sql
        .exec<ReadyRow>(
          `SELECT id AS taskId, job_id AS jobId, account_id AS accountId, priority, queued_at AS queuedAt,
                  ready_at AS readyAt, last_worker_id AS lastWorkerId, codecs
           FROM tasks WHERE state = 'ready' AND ready_at <= ?
           ORDER BY priority DESC, queued_at, id LIMIT ? OFFSET ?`,
          now,
          limit,
          offset,
        )
        .toArray()
        .map(({ codecs, ...row }) => ({
          ...row,
          codecs: codecs.split(",").flatMap((name) => {
            const parsed = codecSchema.safeParse(name);
            return parsed.success ? [parsed.data] : [];
          }),
        }));
    },

    held(workerId) {
      const columns = `SELECT id AS taskId, job_id AS jobId, account_id AS accountId,
                       worker_id AS workerId, epoch, state FROM tasks`;
      const rows =
        workerId === undefined
          ? sql.exec(`${columns} WHERE worker_id IS NOT NULL`)
          : sql.exec(`${columns} WHERE worker_id = ?`, workerId);
      return rows.toArray() as unknown as HeldTask[];
    },
  };
}
