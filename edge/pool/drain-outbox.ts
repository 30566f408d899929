/**
 * Delivers the outbox: snapshots, videos' metadata and workers' hellos to D1, events to the webhook log. Every
 * delivery can be repeated and reordered harmlessly, so an entry goes only after it was delivered, and one that
 * fails is tried again by the alarm for as long as it takes.
 */

import { projectSnapshot } from "../catalogue/jobs.ts";
import { setMetadataIfMissing } from "../catalogue/video-metadata.ts";
import { recordHello } from "../catalogue/worker-hello.ts";
import { recordJobEvent } from "../webhooks/record.ts";
import { retryDelayMs } from "./backoff.ts";
import type { PoolContext } from "./context.ts";
import { eventData } from "./event-data.ts";
import { logWarning } from "./log.ts";
import type { OutboxEntry, OutboxRow } from "./outbox-store.ts";

/** Rows taken up together. Projections of them are one call; each of the others is one or two. */
const DRAINED_AT_ONCE = 100;

/** Delivers until nothing is due. Entries that fail are postponed, each by itself, and hold up no other. */
export async function drainOutbox(pool: PoolContext): Promise<void> {
  for (;;) {
    const rows = pool.outbox.take(pool.now(), DRAINED_AT_ONCE);
    if (rows.length === 0) return;
    const isProjection = (row: OutboxRow) => row.entry.kind === "project";
    await deliver(pool, rows.filter(isProjection), () => projectAll(pool, rows));
    for (const row of rows) {
      if (!isProjection(row)) await deliver(pool, [row], () => deliverEntry(pool, row.entry));
    }
  }
}

async function deliver(
  pool: PoolContext,
  rows: readonly OutboxRow[],
  send: () => Promise<unknown>,
): Promise<void> {
  if (rows.length === 0) return;
  try {
    await send();
    pool.outbox.delivered(rows);
  } catch (error) {
    pool.outbox.postpone(rows, (tries) => pool.now() + retryDelayMs(tries));
    for (const { seq, tries, entry } of rows) {
      logWarning("outbox_postponed", { seq, tries, kind: entry.kind, ...idsOf(entry) }, error);
    }
  }
}

function projectAll(pool: PoolContext, rows: readonly OutboxRow[]): Promise<void> {
  const snapshots = rows.flatMap(({ entry }) => (entry.kind === "project" ? [entry.snapshot] : []));
  return projectSnapshot(pool.env.DB, snapshots);
}

async function deliverEntry(pool: PoolContext, entry: OutboxEntry): Promise<void> {
  switch (entry.kind) {
    case "project":
      return projectSnapshot(pool.env.DB, [entry.snapshot]);
    case "video":
      return setMetadataIfMissing(pool.env.DB, entry);
    case "hello":
      return recordHello(pool.env.DB, entry);
    case "webhook": {
      const { eventId, event, at, job } = entry;
      return recordJobEvent(
        {
          db: pool.env.DB,
          queue: pool.env.WEBHOOK_QUEUE,
          settings: pool.settings,
          now: pool.now(),
        },
        {
          eventId,
          accountId: job.accountId,
          jobId: job.jobId,
          type: event,
          timestamp: at,
          data: await eventData(pool.settings, entry, pool.now()),
          webhookUrl: job.webhookUrl,
          origin: job.origin,
        },
      );
    }
  }
}

function idsOf(entry: OutboxEntry): { readonly jobId?: string; readonly workerId?: string } {
  switch (entry.kind) {
    case "project":
      return { jobId: entry.snapshot.jobId };
    case "webhook":
      return { jobId: entry.job.jobId };
    case "hello":
      return { workerId: entry.workerId };
    case "video":
      return {};
  }
}
