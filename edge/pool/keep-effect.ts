/** What of a step's effects is written in its transaction, so that a crash right after it loses none of them. */
import type {
  CollectEffect,
  CollectRunEffect,
  Effect,
  LedgerEffect,
  PartsEffect,
} from "../domain/effects.ts";
import type { LiveJob } from "../domain/model.ts";
import { isPresentation, masterOf } from "../domain/outcome.ts";
import { attemptPrefix, runPrefix } from "../media/keys.ts";
import type { PoolContext } from "./context.ts";
import { collectableAt, OUTBOX_BACKSTOP_MS } from "./durations.ts";
import type { GarbageEntry } from "./garbage-store.ts";
import type { OutboxEntry } from "./outbox-store.ts";
import type { KeptPart } from "./part-store.ts";

/** The part of an effect that must survive a crash: rows of the ledger, of the garbage, of parts and of the outbox. */
export function keepEffect(pool: PoolContext, live: LiveJob, effect: Effect): void {
  switch (effect.type) {
    case "ledger":
      keepRecord(pool, live, effect);
      break;
    case "collect":
    case "collect_run":
      keepGarbage(pool, effect);
      break;
    case "plan":
      pool.parts.savePlan(effect.jobId, effect.plan);
      break;
    case "parts":
      pool.parts.add(effect.jobId, partOf(effect));
      break;
    default:
      break;
  }
  const owed = owedFor(live, effect);
  if (owed === null) return;
  const backstop = pool.now() + OUTBOX_BACKSTOP_MS;
  pool.outbox.add(owed, backstop);
  pool.alarm.ensure(backstop);
}

function partOf({ taskId, epoch, kind, chunk, files }: PartsEffect): KeptPart {
  return { taskId, epoch, kind, chunk, files };
}

function keepRecord(pool: PoolContext, live: LiveJob, { record }: LedgerEffect): void {
  // A live attempt is in its task's row already.
  if (record.endedAt === null) return;
  pool.jobs.saveAttempt(record, live.job.submission.jobId);
  // An accepted attempt has no upload open any more; those of a lost one are aborted with its bytes.
  if (record.state === "completed") pool.garbage.forgetUploads(record.taskId, record.epoch);
}

function keepGarbage(pool: PoolContext, effect: CollectEffect | CollectRunEffect): void {
  const dueAt = collectableAt(effect.endedAt, pool.rules);
  pool.garbage.add(garbageOf(effect), dueAt);
  pool.alarm.ensure(dueAt);
}

function garbageOf(effect: CollectEffect | CollectRunEffect): GarbageEntry {
  if (effect.type === "collect") {
    const { taskId, epoch } = effect;
    return { prefix: attemptPrefix(effect), taskId, epoch, spared: null, rounds: 2 };
  }
  const { jobId, run, keep } = effect;
  const spared = keep === null ? null : attemptPrefix({ jobId, run, ...keep });
  return { prefix: runPrefix({ jobId, run }), taskId: null, epoch: null, spared, rounds: 2 };
}

/** What the record or a consumer is to be told of the effect; null for nothing. */
function owedFor(live: LiveJob, effect: Effect): OutboxEntry | null {
  const { submission } = live.job;
  switch (effect.type) {
    case "project":
      return { kind: "project", snapshot: effect.snapshot };
    case "plan": {
      const { jobId, run, plan } = effect;
      const { chunks, ...facts } = plan;
      return facts.presentation === null
        ? null
        : { kind: "plan", jobId, run, facts, count: chunks.length };
    }
    case "parts": {
      const { jobId, run, taskId, epoch, kind, chunk, files } = effect;
      const part = { jobId, run, kind, chunk, files };
      return isPresentation(live.job) ? { kind: "parts", taskId, epoch, part } : null;
    }
    case "source": {
      const [input] = Object.values(submission.inputs);
      const { accountId } = submission;
      return input?.kind === "video"
        ? { kind: "video", accountId, videoId: input.videoId, metadata: effect.metadata }
        : null;
    }
    case "webhook": {
      const { jobId, accountId, webhookUrl, metadata, origin, traceId } = submission;
      const traced = traceId === undefined ? {} : { traceId };
      const job = { jobId, accountId, webhookUrl, metadata, origin, ...traced };
      const { eventId, sequence, event, at, snapshot } = effect;
      const master = masterOf(submission);
      return { kind: "webhook", eventId, sequence, event, at, master, snapshot, job };
    }
    case "ledger":
    case "collect":
    case "collect_run":
    case "event":
    case "grant":
    case "revoke":
    case "ack":
    case "verify":
    case "arm_alarm":
      // Sent, kept elsewhere, or found again from the rows. An event's line of the history is written beside.
      return null;
  }
}
