/**
 * What the pool owes to the rest of the world. Entries are written in the transaction of the transition they
 * follow from, carry all that is needed to deliver them, and go only once they were delivered. Synchronous.
 */
import type { VideoMetadata } from "../../protocol/media.ts";
import type { RecordedPart, RecordedPlan } from "../catalogue/job-parts.ts";
import type { JobEventType } from "../domain/effects.ts";
import type { JobSnapshot } from "../domain/model.ts";
import type { JobSubmission } from "../domain/submission.ts";

export type OutboxEntry =
  | { readonly kind: "project"; readonly snapshot: JobSnapshot }
  | ({ readonly kind: "plan" } & RecordedPlan)
  | {
      readonly kind: "parts";
      readonly taskId: string;
      readonly epoch: number;
      readonly part: RecordedPart;
    }
  | {
      readonly kind: "webhook";
      readonly eventId: string;
      readonly sequence: number;
      readonly event: JobEventType;
      /** The name of the playlist that a presentation begins with; null where one file was asked for. */
      readonly master: string | null;
      readonly at: number;
      readonly snapshot: JobSnapshot;
      readonly job: Pick<
        JobSubmission,
        "jobId" | "accountId" | "webhookUrl" | "metadata" | "origin" | "traceId"
      >;
    }
  | {
      readonly kind: "video";
      readonly accountId: string;
      readonly videoId: string;
      readonly metadata: VideoMetadata;
    }
  | {
      readonly kind: "hello";
      readonly workerId: string;
      /** JSON of what the worker said of itself. */
      readonly hello: string;
      readonly at: number;
    };

export interface OutboxRow {
  readonly key: string;
  readonly seq: number;
  readonly tries: number;
  readonly entry: OutboxEntry;
}

export interface OutboxStore {
  /**
   * Takes the place of an older entry of the same key, under a new sequence number: a delivery of the older one that
   * is under way does not take the newer one with it. `dueAt` is when the alarm takes it up, should the prompt drain not
   * come to it.
   */
  add(entry: OutboxEntry, dueAt: number): void;
  /** The oldest entries: those due by `now`, and those never tried yet. */
  take(now: number, limit: number): readonly OutboxRow[];
  delivered(rows: readonly OutboxRow[]): void;
  postpone(rows: readonly OutboxRow[], dueAt: (tries: number) => number): void;
  nextDue(): number | null;
  count(): number;
}

export function createOutboxStore(sql: SqlStorage): OutboxStore {
  let last: number | null = null;

  /** Above all that are there and all that this object ever gave out: a delivery under way takes no other entry along. */
  function nextSeq(): number {
    last ??= sql.exec<{ top: number | null }>("SELECT MAX(seq) AS top FROM outbox").one().top ?? 0;
    last += 1;
    return last;
  }

  return {
    add(entry, dueAt) {
      sql.exec(
        "INSERT OR REPLACE INTO outbox (key, seq, entry, due_at) VALUES (?, ?, ?, ?)",
        keyOf(entry),
        nextSeq(),
        JSON.stringify(entry),
        dueAt,
      );
    },

    take(now, limit) {
      return sql
        .exec<{ key: string; seq: number; tries: number; entry: string }>(
          `SELECT key, seq, tries, entry FROM outbox WHERE tries = 0 OR due_at <= ?
           ORDER BY seq LIMIT ?`,
          now,
          limit,
        )
        .toArray()
        .map((row) => ({ ...row, entry: JSON.parse(row.entry) as OutboxEntry }));
    },

    delivered(rows) {
      // Found by its key, and meant by its number: another entry may have taken its place meanwhile.
      sql.exec(
        `DELETE FROM outbox WHERE key IN (SELECT value ->> 'key' FROM json_each(?1))
           AND seq IN (SELECT value ->> 'seq' FROM json_each(?1))`,
        JSON.stringify(rows.map(({ key, seq }) => ({ key, seq }))),
      );
    },

    postpone(rows, dueAt) {
      for (const { key, seq, tries } of rows) {
        sql.exec(
          "UPDATE outbox SET tries = tries + 1, due_at = ? WHERE key = ? AND seq = ?",
          dueAt(tries),
          key,
          seq,
        );
      }
    },

    count() {
      return sql.exec<{ entries: number }>("SELECT COUNT(*) AS entries FROM outbox").one().entries;
    },

    nextDue() {
      return sql.exec<{ at: number | null }>("SELECT MIN(due_at) AS at FROM outbox").one().at;
    },
  };
}

/** A job's newest snapshot says all that older ones did, and a worker's newest hello; every event counts. */
function keyOf(entry: OutboxEntry): string {
  switch (entry.kind) {
    case "project":
      return `project:${entry.snapshot.jobId}`;
    case "plan":
      return `plan:${entry.jobId}`;
    case "parts":
      return `parts:${entry.taskId}/${entry.epoch}`;
    case "webhook":
      return `webhook:${entry.eventId}`;
    case "video":
      return `video:${entry.videoId}`;
    case "hello":
      return `hello:${entry.workerId}`;
  }
}
