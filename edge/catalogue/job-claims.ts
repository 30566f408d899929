/**
 * Acceptance, and the claim that comes with it. `active_work` says who does a piece of work now, and
 * `active_inputs` which videos it reads. Each function is one D1 batch: a transaction.
 */
import { sql } from "drizzle-orm";
import { terminalStates } from "../../protocol/stages.ts";
import type { JobSubmission } from "../domain/submission.ts";
import { openCatalogue, statement } from "./db.ts";
import { type JobRecord, toRecord } from "./jobs.ts";
import { jobs } from "./schema.ts";

export type AcceptResult =
  | { readonly status: "accepted" }
  /** An earlier try under the same id was accepted, as this: it may have been placed elsewhere. */
  | { readonly status: "known"; readonly submission: JobSubmission }
  /** A live job does this work already. */
  | { readonly status: "duplicate"; readonly jobId: string }
  /** A video is missing, not ready, or not the one that was looked at; or the pool has another number of shards. */
  | { readonly status: "outdated" };

/** The videos a submission reads, as JSON for `json_each`: `[{id, etag}]`. */
function videosJson(submission: JobSubmission): string {
  const videos = new Map<string, string>();
  for (const input of Object.values(submission.inputs)) {
    if (input.kind === "video") videos.set(input.videoId, input.etag);
  }
  return JSON.stringify([...videos].map(([id, etag]) => ({ id, etag })));
}

const terminalList = sql.raw(terminalStates.map((state) => `'${state}'`).join(", "));

/** Claims the work for the job, if nobody holds it, `condition` holds, and every video is still ready. */
function claimWork(db: D1Database, submission: JobSubmission, condition: ReturnType<typeof sql>) {
  const videos = videosJson(submission);
  return statement(
    db,
    sql`
    insert into active_work (account_id, spec_hash, job_id)
    select ${submission.accountId}, ${submission.specHash}, ${submission.jobId}
    where ${condition} and not exists (
      select 1 from json_each(${videos}) as wanted
      where not exists (
        select 1 from videos
        where videos.id = wanted.value ->> 'id'
          and videos.account_id = ${submission.accountId}
          and videos.state = 'ready'
          and videos.etag = wanted.value ->> 'etag'))
    on conflict do nothing`,
  );
}

function claimInputs(db: D1Database, submission: JobSubmission) {
  return statement(
    db,
    sql`
    insert into active_inputs (video_id, job_id)
    select value ->> 'id', ${submission.jobId} from json_each(${videosJson(submission)})
    where exists (select 1 from active_work where job_id = ${submission.jobId})
    on conflict do nothing`,
  );
}

interface Outcome {
  readonly holder: string | null;
  /** JSON of the submission that was accepted under this id; null for none. */
  readonly known: string | null;
}

function readOutcome(db: D1Database, submission: JobSubmission) {
  return statement(
    db,
    sql`
    select
      (select job_id from active_work
        where account_id = ${submission.accountId} and spec_hash = ${submission.specHash}) as holder,
      (select submission from jobs where id = ${submission.jobId}) as known`,
  );
}

/**
 * Inserts the job with its claims, all or nothing. Trying again under the same id is harmless: an earlier
 * success is found, and a job that has finished since claims nothing.
 *
 * @param shards how many the pool was taken to have when the job was placed.
 */
export async function insertJob(
  db: D1Database,
  submission: JobSubmission,
  shards = 1,
): Promise<AcceptResult> {
  const [firstInput] = Object.values(submission.inputs);
  const videoId = firstInput?.kind === "video" ? firstInput.videoId : null;
  const isNew = sql`not exists (select 1 from jobs where id = ${submission.jobId})
    and exists (select 1 from pools where account_id = ${submission.accountId}
      and name = ${submission.pool} and shards = ${shards})`;
  const [, , inserted] = await db.batch<{ id: string }>([
    statement(
      db,
      sql`
      insert into pools (account_id, name, created_at)
      values (${submission.accountId}, ${submission.pool}, ${submission.createdAt})
      on conflict do nothing`,
    ),
    claimWork(db, submission, isNew),
    statement(
      db,
      sql`
      insert into jobs
        (id, account_id, pool, shard, video_id, spec_hash, submission, state, revision, created_at)
      select ${submission.jobId}, ${submission.accountId}, ${submission.pool}, ${submission.shard},
        ${videoId}, ${submission.specHash}, ${JSON.stringify(submission)}, 'queued', 0,
        ${submission.createdAt}
      where exists (select 1 from active_work where job_id = ${submission.jobId})
      on conflict do nothing
      returning id`,
    ),
    claimInputs(db, submission),
  ]);
  if (inserted !== undefined && inserted.results.length > 0) return { status: "accepted" };
  const outcome = await readOutcome(db, submission).first<Outcome>();
  if (outcome?.known) return { status: "known", submission: JSON.parse(outcome.known) };
  if (outcome?.holder) return { status: "duplicate", jobId: outcome.holder };
  return { status: "outdated" };
}

export type ReclaimResult =
  | { readonly status: "claimed" }
  | { readonly status: "duplicate"; readonly jobId: string }
  /** A video is missing, not ready, or not the one that was accepted. */
  | { readonly status: "outdated" }
  /** The job's row was past its retention, and is gone. */
  | { readonly status: "gone" };

/** Claims the work of a known job again, for its retry. From then on its row stays. */
export async function claimForRetry(
  db: D1Database,
  submission: JobSubmission,
): Promise<ReclaimResult> {
  const [, , outcomes] = await db.batch<Outcome>([
    claimWork(db, submission, sql`exists (select 1 from jobs where id = ${submission.jobId})`),
    claimInputs(db, submission),
    readOutcome(db, submission),
  ]);
  const outcome = outcomes?.results[0];
  if (!outcome?.known) return { status: "gone" };
  const { holder } = outcome;
  if (holder === submission.jobId) return { status: "claimed" };
  return holder === null ? { status: "outdated" } : { status: "duplicate", jobId: holder };
}

/** Gives up the claims of a job that is terminal in the record; those of a live one stay. */
export async function releaseIfTerminal(db: D1Database, jobId: string): Promise<void> {
  const condition = sql`job_id = ${jobId} and exists (
    select 1 from jobs where id = ${jobId} and state in (${terminalList}))`;
  await db.batch([
    statement(db, sql`delete from active_work where ${condition}`),
    statement(db, sql`delete from active_inputs where ${condition}`),
  ]);
}

/** Jobs accepted before `before` of which the record has heard nothing: perhaps never submitted. Oldest first. */
export async function listUnprojected(
  db: D1Database,
  before: number,
  limit: number,
): Promise<readonly JobRecord[]> {
  const rows = await openCatalogue(db)
    .select()
    .from(jobs)
    .where(sql`${jobs.revision} = 0 and ${jobs.createdAt} < ${before}`)
    .orderBy(jobs.createdAt)
    .limit(limit);
  return rows.map(toRecord);
}

/** Jobs that hold a claim though the record says they ended before `before`: a retry that went unanswered. */
export async function listStaleClaims(
  db: D1Database,
  before: number,
  limit: number,
): Promise<readonly JobRecord[]> {
  const rows = await openCatalogue(db)
    .select()
    .from(jobs)
    .where(
      sql`${jobs.id} in (select job_id from active_work)
        and ${jobs.state} in (${terminalList}) and ${jobs.completedAt} < ${before}`,
    )
    .limit(limit);
  return rows.map(toRecord);
}
