/** Jobs as the record has them: looked up, listed, and brought up to what the pool says. */
import { and, desc, eq, inArray, lt, type SQL, sql } from "drizzle-orm";
import { type JobState, terminalStates } from "../../protocol/stages.ts";
import type { JobSnapshot } from "../domain/model.ts";
import type { JobSubmission } from "../domain/submission.ts";
import { openCatalogue, statement } from "./db.ts";
import { jobs } from "./schema.ts";

/** A job's acceptance and the last snapshot that reached the record; null before the first. */
export interface JobRecord {
  readonly submission: JobSubmission;
  readonly state: JobState;
  readonly revision: number;
  readonly snapshot: JobSnapshot | null;
  readonly completedAt: number | null;
}

/** D1 takes bound parameters up to 2 MB (2026-10); a batch of rows stays well below. */
const MAX_PARAMETER_BYTES = 500_000;

export function toRecord(row: typeof jobs.$inferSelect): JobRecord {
  return {
    submission: row.submission,
    state: row.state as JobState,
    revision: row.revision,
    snapshot: row.snapshot === null ? null : (JSON.parse(row.snapshot) as JobSnapshot),
    completedAt: row.completedAt,
  };
}

/** The account's job (any account's when it is null); null when there is none. */
export async function findJob(
  db: D1Database,
  accountId: string | null,
  jobId: string,
): Promise<JobRecord | null> {
  const row = await openCatalogue(db)
    .select()
    .from(jobs)
    .where(and(eq(jobs.id, jobId), accountId === null ? undefined : eq(jobs.accountId, accountId)))
    .get();
  return row === undefined ? null : toRecord(row);
}

/**
 * Jobs whose id, sources' names or URLs, recipe, preset or metadata contain the text; ASCII letters in either case,
 * as SQLite's `lower` has it. Reads the account's jobs one by one, newest first, until a page is full.
 */
function mentions(text: string) {
  const has = (value: SQL) => sql`instr(lower(${value}), lower(${text})) > 0`;
  return sql`(
    ${has(sql`${jobs.id}`)}
    or ${has(sql`${jobs.submission} ->> '$.work.recipe.name'`)}
    or ${has(sql`${jobs.submission} ->> '$.presetId'`)}
    or ${has(sql`${jobs.submission} ->> '$.metadata'`)}
    or exists (
      select 1 from json_each(${jobs.submission}, '$.inputs') as input
      where ${has(sql`coalesce(input.value ->> 'filename', input.value ->> 'url')`)}
    ))`;
}

/** Newest first; those older than the job `before` when it is given. */
export async function listJobs(
  db: D1Database,
  accountId: string,
  query: {
    readonly state: JobState | undefined;
    readonly videoId: string | undefined;
    /** See `mentions`. */
    readonly search: string | undefined;
    readonly limit: number;
    readonly before: string | null;
  },
): Promise<readonly JobRecord[]> {
  const rows = await openCatalogue(db)
    .select()
    .from(jobs)
    .where(
      and(
        eq(jobs.accountId, accountId),
        query.state === undefined ? undefined : eq(jobs.state, query.state),
        query.videoId === undefined ? undefined : eq(jobs.videoId, query.videoId),
        query.search === undefined ? undefined : mentions(query.search),
        query.before === null ? undefined : lt(jobs.id, query.before),
      ),
    )
    .orderBy(desc(jobs.id))
    .limit(query.limit);
  return rows.map(toRecord);
}

function newestOfEach(snapshots: readonly JobSnapshot[]): readonly JobSnapshot[] {
  const byJob = new Map<string, JobSnapshot>();
  for (const snapshot of snapshots) {
    const known = byJob.get(snapshot.jobId);
    if (known === undefined || known.revision < snapshot.revision) {
      byJob.set(snapshot.jobId, snapshot);
    }
  }
  return [...byJob.values()];
}

/** Splits rows so that each JSON parameter stays below the limit. */
function inParameters(rows: readonly string[]): readonly string[] {
  const parameters: string[] = [];
  let current: string[] = [];
  let size = 0;
  for (const row of rows) {
    if (current.length > 0 && size + row.length > MAX_PARAMETER_BYTES) {
      parameters.push(`[${current.join(",")}]`);
      current = [];
      size = 0;
    }
    current.push(row);
    size += row.length + 1;
  }
  if (current.length > 0) parameters.push(`[${current.join(",")}]`);
  return parameters;
}

/**
 * Brings the record up to these snapshots. Only a higher revision changes a row, so any replay or reorder is
 * harmless. A job that is terminal in the record afterwards gives up its claims on work and videos; an old
 * terminal snapshot of a job that was retried since therefore releases nothing.
 */
export async function projectSnapshot(
  db: D1Database,
  snapshots: readonly JobSnapshot[],
): Promise<void> {
  const rows = newestOfEach(snapshots).map((snapshot) =>
    JSON.stringify({
      id: snapshot.jobId,
      state: snapshot.state,
      revision: snapshot.revision,
      completedAt: snapshot.completedAt,
      snapshot: JSON.stringify(snapshot),
    }),
  );
  const update = (parameter: string, more: SQL, condition: SQL) =>
    statement(
      db,
      sql`
        update jobs set
          state = row.value ->> 'state',
          revision = row.value ->> 'revision',
          snapshot = row.value ->> 'snapshot' ${more}
        from json_each(${parameter}) as row
        where jobs.id = row.value ->> 'id' and jobs.revision < row.value ->> 'revision'
          and ${condition}`,
    );
  for (const parameter of inParameters(rows)) {
    const ended = sql`
      select jobs.id from jobs
      where jobs.id in (select value ->> 'id' from json_each(${parameter}))
        and ${inArray(jobs.state, [...terminalStates])}`;
    await db.batch([
      // Most snapshots end nothing: what is not assigned has no entry of an index to be written.
      update(parameter, sql``, sql`jobs.completed_at is row.value ->> 'completedAt'`),
      update(parameter, sql`, completed_at = row.value ->> 'completedAt'`, sql`true`),
      statement(db, sql`delete from active_work where job_id in (${ended})`),
      statement(db, sql`delete from active_inputs where job_id in (${ended})`),
    ]);
  }
}
