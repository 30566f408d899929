/**
 * The pool's SQLite tables. Records are JSON of the domain's types; beside them stand only the columns that
 * are searched. Migrations are applied in order, once each, when the object is constructed: append, never edit.
 */

const migrations: readonly string[] = [
  `
  CREATE TABLE jobs (
    id TEXT PRIMARY KEY NOT NULL,
    submission TEXT NOT NULL,
    record TEXT NOT NULL,
    -- The earliest time at which the job wants the alarm, renewals left out; null for never.
    wakes_at INTEGER,
    -- When a terminal job's tombstone and objects go; null while it lives.
    forget_at INTEGER
  ) WITHOUT ROWID;
  CREATE INDEX jobs_by_wake ON jobs (wakes_at) WHERE wakes_at IS NOT NULL;
  CREATE INDEX jobs_by_forgetting ON jobs (forget_at) WHERE forget_at IS NOT NULL;

  CREATE TABLE tasks (
    id TEXT NOT NULL,
    job_id TEXT NOT NULL,
    account_id TEXT NOT NULL,
    state TEXT NOT NULL,
    -- Higher goes first.
    priority INTEGER NOT NULL,
    queued_at INTEGER NOT NULL,
    -- Not before this; meant for state 'ready' only.
    ready_at INTEGER NOT NULL,
    last_worker_id TEXT,
    -- JSON of what its worker must have: encoders and slots.
    needs TEXT NOT NULL,
    -- Who holds the lease; null when nobody does.
    worker_id TEXT,
    epoch INTEGER NOT NULL,
    -- Among the parts of a divided job; null for a whole job.
    place INTEGER,
    record TEXT NOT NULL,
    PRIMARY KEY (job_id, id)
  ) WITHOUT ROWID;
  CREATE INDEX tasks_ready ON tasks (priority DESC, queued_at, id)
    WHERE state = 'ready' AND place IS NULL;
  -- By job, so that the thousand parts of one are never in the way of the others.
  CREATE INDEX parts_ready ON tasks (job_id, place) WHERE state = 'ready' AND place IS NOT NULL;
  -- For a pool that wakes; from then on memory knows who holds what.
  CREATE INDEX tasks_held ON tasks (worker_id) WHERE worker_id IS NOT NULL;

  -- Attempts that have ended; of a live one the task's record says it all.
  CREATE TABLE attempts (
    job_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (job_id, task_id, epoch)
  ) WITHOUT ROWID;

  -- What divided jobs that run go by. A plan is written once; files of a part when it is accepted.
  CREATE TABLE plans (
    job_id TEXT PRIMARY KEY NOT NULL,
    plan TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE TABLE parts (
    job_id TEXT NOT NULL,
    task_id TEXT NOT NULL,
    part TEXT NOT NULL,
    PRIMARY KEY (job_id, task_id)
  ) WITHOUT ROWID;

  CREATE TABLE outbox (
    -- Never given out twice while the object lives; AUTOINCREMENT would write a row more for each entry.
    seq INTEGER PRIMARY KEY,
    -- Of two entries with one key only the later need be delivered.
    key TEXT NOT NULL UNIQUE,
    entry TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER NOT NULL
  );

  CREATE TABLE workers (
    id TEXT PRIMARY KEY NOT NULL,
    slots INTEGER NOT NULL,
    -- JSON of the capabilities that the last hello proved.
    capabilities TEXT NOT NULL,
    draining INTEGER NOT NULL DEFAULT 0,
    -- A revoked worker's row stays for ever: its sockets are refused by every shard.
    revoked_at INTEGER
  ) WITHOUT ROWID;

  CREATE TABLE attempt_uploads (
    task_id TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    key TEXT NOT NULL,
    upload_id TEXT NOT NULL,
    PRIMARY KEY (task_id, epoch, key, upload_id)
  ) WITHOUT ROWID;

  CREATE TABLE garbage (
    prefix TEXT PRIMARY KEY NOT NULL,
    -- The attempt whose recorded uploads are aborted too; null for a whole run's prefix.
    task_id TEXT,
    epoch INTEGER,
    -- What lies below this is not collected; null for nothing.
    spared TEXT,
    due_at INTEGER NOT NULL,
    -- How many collections are still to come.
    rounds INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0
  ) WITHOUT ROWID;
  CREATE INDEX garbage_due ON garbage (due_at);

  -- One row: what the pool has counted, for metrics.
  CREATE TABLE counters (
    id INTEGER PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
  ) WITHOUT ROWID;

  CREATE TABLE history (
    job_id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (job_id, sequence)
  ) WITHOUT ROWID;
  `,
  // Found by its key alone, an entry is one row to write and not two. It is small enough a table to be sorted.
  `
  CREATE TABLE owed (
    -- Of two entries with one key only the later need be delivered.
    key TEXT PRIMARY KEY NOT NULL,
    -- The order in which they were owed. Never given out twice while the object lives.
    seq INTEGER NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER NOT NULL,
    entry TEXT NOT NULL
  ) WITHOUT ROWID;
  INSERT INTO owed (key, seq, tries, due_at, entry) SELECT key, seq, tries, due_at, entry FROM outbox;
  DROP TABLE outbox;
  ALTER TABLE owed RENAME TO outbox;
  `,
];

/** Brings the tables to the newest version. Synchronous, and nothing is written when they are already there. */
export function migrate(storage: DurableObjectStorage): void {
  const applied = storage.kv.get<number>("schema") ?? 0;
  if (applied >= migrations.length) return;
  storage.transactionSync(() => {
    for (const migration of migrations.slice(applied)) storage.sql.exec(migration);
    storage.kv.put("schema", migrations.length);
  });
}
