/**
 * Delivers the outbox: snapshots, videos' metadata and workers' hellos to D1, events to the webhook log. Every
 * delivery can be repeated and reordered harmlessly, so an entry goes only after it was delivered, and one that
 * fails is tried again by the alarm for as long as it takes.
 */

import { recordParts, recordPlans } from "../catalogue/job-parts.ts";
import { projectSnapshot } from "../catalogue/jobs.ts";
import { setMetadataIfMissing } from "../catalogue/video-metadata.ts";
import { recordHellos } from "../catalogue/worker-hello.ts";
import { createTargeting, recordFor, type Target } from "../webhooks/record.ts";
import { retryDelayMs } from "./backoff.ts";
import type { PoolContext } from "./context.ts";
import { eventData } from "./event-data.ts";
import { logWarning } from "./log.ts";
import type { OutboxEntry, OutboxRow } from "./outbox-store.ts";

/** Rows taken up together. Snapshots and hellos are one call each; the others one or two by themselves. */
const DRAINED_AT_ONCE = 100;
/** Deliveries at the same time: an invocation has 6 connections (2026-10), and the checks need some, too. */
const PARALLEL_DELIVERIES = 4;
/** Entries that failed so often go by themselves from then on: what can never be delivered takes no other with it. */
const TRIES_TOGETHER = 3;

/** Delivers until nothing is due. Entries that fail are postponed and hold up no other. */
export async function drainOutbox(pool: PoolContext): Promise<void> {
  for (;;) {
    const rows = pool.outbox.take(pool.now(), DRAINED_AT_ONCE);
    if (rows.length === 0) return;
    const { plans, parts, snapshots, hellos, videos, events } = sorted(rows);
    // First what playlists are made of: the others say that there is something to play.
    await deliverAll(pool, plans, (entries) => recordPlans(pool.env.DB, entries));
    await deliverAll(pool, parts, (entries) =>
      recordParts(
        pool.env.DB,
        entries.map((entry) => entry.part),
      ),
    );
    await deliverAll(pool, snapshots, (entries) =>
      projectSnapshot(
        pool.env.DB,
        entries.map((entry) => entry.snapshot),
      ),
    );
    await deliverAll(pool, hellos, (entries) => recordHellos(pool.env.DB, entries));
    await inTurns(videos, (row) =>
      deliver(pool, [row], () => setMetadataIfMissing(pool.env.DB, row.entry)),
    );
    await deliverEvents(pool, events);
  }
}

/** A few at a time. */
async function inTurns<T>(items: readonly T[], work: (item: T) => Promise<unknown>): Promise<void> {
  for (let at = 0; at < items.length; at += PARALLEL_DELIVERIES) {
    await Promise.all(items.slice(at, at + PARALLEL_DELIVERIES).map(work));
  }
}

type EntryOf<K extends OutboxEntry["kind"]> = Extract<OutboxEntry, { kind: K }>;
type RowOf<K extends OutboxEntry["kind"]> = OutboxRow & { readonly entry: EntryOf<K> };

/** Snapshots and hellos go together in one call each; the others go by themselves. */
function sorted(rows: readonly OutboxRow[]) {
  const isKind =
    <K extends OutboxEntry["kind"]>(kind: K) =>
    (row: OutboxRow): row is RowOf<K> =>
      row.entry.kind === kind;
  return {
    plans: rows.filter(isKind("plan")),
    parts: rows.filter(isKind("parts")),
    snapshots: rows.filter(isKind("project")),
    hellos: rows.filter(isKind("hello")),
    videos: rows.filter(isKind("video")),
    events: rows.filter(isKind("webhook")),
  };
}

/** In one call, but for those that have failed in company. */
async function deliverAll<Row extends OutboxRow>(
  pool: PoolContext,
  rows: readonly Row[],
  send: (entries: readonly Row["entry"][]) => Promise<unknown>,
): Promise<void> {
  const isAlone = ({ tries }: Row) => tries >= TRIES_TOGETHER;
  await deliver(
    pool,
    rows.filter((row) => !isAlone(row)),
    send,
  );
  await inTurns(rows.filter(isAlone), (row) => deliver(pool, [row], send));
}

async function deliver<Row extends OutboxRow>(
  pool: PoolContext,
  rows: readonly Row[],
  send: (entries: readonly Row["entry"][]) => Promise<unknown>,
): Promise<void> {
  if (rows.length === 0) return;
  try {
    await send(rows.map((row) => row.entry));
    pool.outbox.delivered(rows);
  } catch (error) {
    postpone(pool, rows, error);
  }
}

function postpone(pool: PoolContext, rows: readonly OutboxRow[], error: unknown): void {
  pool.outbox.postpone(rows, (tries) => pool.now() + retryDelayMs(tries));
  for (const { seq, tries, entry } of rows) {
    const ids = idsOf(entry);
    const traceId = ids.jobId === undefined ? undefined : pool.jobs.traceOf(ids.jobId);
    logWarning("outbox_postponed", { seq, tries, kind: entry.kind, traceId, ...ids }, error);
  }
}

/** Most events nobody asked for: those are done with together, after one look at the endpoints. */
async function deliverEvents(pool: PoolContext, rows: readonly RowOf<"webhook">[]): Promise<void> {
  const targetsOf = createTargeting(pool.env.DB);
  const unwanted: OutboxRow[] = [];
  const wanted: { readonly row: RowOf<"webhook">; readonly targets: readonly Target[] }[] = [];
  for (const row of rows) {
    const { job, event } = row.entry;
    try {
      const targets = await targetsOf({ ...job, type: event });
      if (targets.length > 0) wanted.push({ row, targets });
      else unwanted.push(row);
    } catch (error) {
      postpone(pool, [row], error);
    }
  }
  if (unwanted.length > 0) pool.outbox.delivered(unwanted);
  await inTurns(wanted, ({ row, targets }) =>
    deliver(pool, [row], () => deliverEvent(pool, row.entry, targets)),
  );
}

async function deliverEvent(
  pool: PoolContext,
  entry: EntryOf<"webhook">,
  targets: readonly Target[],
): Promise<void> {
  const { eventId, event, at, job } = entry;
  const { accountId, jobId, webhookUrl, origin, traceId = null } = job;
  const { env, settings } = pool;
  const now = pool.now();
  const data = await eventData(settings, entry, now);
  await recordFor(
    { db: env.DB, queue: env.WEBHOOK_QUEUE, settings, now },
    { eventId, accountId, jobId, traceId, type: event, timestamp: at, data, webhookUrl, origin },
    targets,
  );
}

function idsOf(entry: OutboxEntry): { readonly jobId?: string; readonly workerId?: string } {
  switch (entry.kind) {
    case "project":
      return { jobId: entry.snapshot.jobId };
    case "webhook":
      return { jobId: entry.job.jobId };
    case "hello":
      return { workerId: entry.workerId };
    case "plan":
      return { jobId: entry.jobId };
    case "parts":
      return { jobId: entry.part.jobId };
    case "video":
      return {};
  }
}
