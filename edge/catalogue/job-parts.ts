/**
 * Files of divided jobs that playlists name: each accepted one, with its index, and the plan that they follow. Written
 * from the outbox, read by whoever serves them, so that no player ever waits for a pool.
 */
import { and, asc, eq, inArray, isNull, or, sql } from "drizzle-orm";
import type { PlanFacts, RenditionIndex } from "../../protocol/chunks/contract.ts";
import type { AcceptedOutput } from "../domain/model.ts";
import { openCatalogue, statement } from "./db.ts";
import { jobParts, jobPlans } from "./schema.ts";

/** What playlists need of a plan. */
export interface PlannedParts {
  readonly facts: PlanFacts;
  /** How many chunks there are. */
  readonly count: number;
}

export interface RecordedPlan extends PlannedParts {
  readonly jobId: string;
  readonly run: number;
}

/** The files of one accepted part. */
export interface RecordedPart {
  readonly jobId: string;
  readonly run: number;
  readonly kind: "chunk" | "audio";
  readonly chunk: number | null;
  readonly files: readonly AcceptedOutput[];
}

export interface PartFile {
  readonly name: string;
  readonly kind: "chunk" | "audio";
  readonly chunk: number | null;
  readonly key: string;
  readonly etag: string;
  readonly sizeBytes: number;
  readonly contentType: string;
  readonly index: RenditionIndex;
}

/** A plan says the same however often it is recorded; a later run's takes its place. */
export async function recordPlans(db: D1Database, plans: readonly RecordedPlan[]): Promise<void> {
  const rows = JSON.stringify(
    plans.map(({ jobId, run, facts, count }) => ({
      jobId,
      run,
      plan: JSON.stringify({ facts, count } satisfies PlannedParts),
    })),
  );
  await statement(
    db,
    sql`
    insert into job_plans (job_id, run, plan)
    select value ->> 'jobId', value ->> 'run', value ->> 'plan' from json_each(${rows}) where true
    on conflict (job_id) do update set run = excluded.run, plan = excluded.plan
      where excluded.run >= job_plans.run`,
  ).run();
}

/** All files of a part at once: what a playlist lists of a chunk, it lists of all its renditions. */
export async function recordParts(db: D1Database, parts: readonly RecordedPart[]): Promise<void> {
  const rows = JSON.stringify(
    parts.flatMap(({ jobId, run, kind, chunk, files }) =>
      files.map(({ name, key, etag, sizeBytes, contentType, index }) => ({
        ...{ jobId, run, kind, chunk, name, key, etag, sizeBytes, contentType },
        rendition: index?.rendition ?? "",
        index: JSON.stringify(index ?? null),
      })),
    ),
  );
  await statement(
    db,
    sql`
    insert or ignore into job_parts
      (job_id, run, name, kind, chunk, rendition, key, etag, size_bytes, content_type, media_index)
    select value ->> 'jobId', value ->> 'run', value ->> 'name', value ->> 'kind', value ->> 'chunk',
      value ->> 'rendition', value ->> 'key', value ->> 'etag', value ->> 'sizeBytes',
      value ->> 'contentType', value ->> 'index'
    from json_each(${rows})`,
  ).run();
}

export async function findPlan(
  db: D1Database,
  jobId: string,
  run: number,
): Promise<PlannedParts | null> {
  const row = await openCatalogue(db)
    .select()
    .from(jobPlans)
    .where(and(eq(jobPlans.jobId, jobId), eq(jobPlans.run, run)))
    .get();
  return row === undefined ? null : (JSON.parse(row.plan) as PlannedParts);
}

/** The accepted file of this name, or null. */
export async function findPart(
  db: D1Database,
  jobId: string,
  run: number,
  name: string,
): Promise<PartFile | null> {
  const row = await openCatalogue(db)
    .select()
    .from(jobParts)
    .where(and(eq(jobParts.jobId, jobId), eq(jobParts.run, run), eq(jobParts.name, name)))
    .get();
  return row === undefined ? null : toFile(row);
}

/** Files of these renditions, in the order of their chunks; with `isFirstOnly`, of the first chunk and of no chunk. */
export async function listParts(
  db: D1Database,
  of: { readonly jobId: string; readonly run: number },
  renditions: readonly string[],
  isFirstOnly: boolean,
): Promise<readonly PartFile[]> {
  const rows = await openCatalogue(db)
    .select()
    .from(jobParts)
    .where(
      and(
        eq(jobParts.jobId, of.jobId),
        eq(jobParts.run, of.run),
        inArray(jobParts.rendition, [...renditions]),
        isFirstOnly ? or(isNull(jobParts.chunk), eq(jobParts.chunk, 0)) : undefined,
      ),
    )
    .orderBy(asc(jobParts.chunk));
  return rows.map(toFile);
}

function toFile({ mediaIndex, ...row }: typeof jobParts.$inferSelect): PartFile {
  return { ...row, index: JSON.parse(mediaIndex) as RenditionIndex };
}
