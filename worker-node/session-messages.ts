/** The messages a session sends, made from what it remembers. */
import type { ChunkPlan } from "../protocol/chunks/contract.ts";
import {
  MAX_DETAIL_LENGTH,
  MAX_HELLO_LEASES,
  MAX_LOG_LINE_LENGTH,
  MAX_LOG_LINES,
  type WorkerMessage,
  type WorkerMessageOf,
} from "../protocol/messages.ts";
import type { LeaseRef } from "../protocol/task.ts";
import { redact } from "./redact.ts";
import {
  type AttemptOutcome,
  type EngineReport,
  type HeldLease,
  NO_ENGINE,
  NOT_STARTED,
  type Session,
  type Settlement,
} from "./session-model.ts";

const RESEND_FIRST_MS = 5_000;
const RESEND_CAP_MS = 30_000;

/** A lease as it arrives: running, and not reported yet. */
export function newLease(lease: LeaseRef, slots: number, now: number): HeldLease {
  return {
    lease,
    slots,
    saidSlots: slots,
    running: true,
    claimed: true,
    settlement: null,
    proposal: null,
    settleAt: now,
    settleTries: 0,
    report: NOT_STARTED,
    sentStage: null,
    sentAt: Number.NEGATIVE_INFINITY,
    unsent: true,
    saidSource: false,
    saidEngine: false,
    intervalMs: null,
  };
}

/** `hello`, naming every lease the edge may count as ours, those still running first. */
export function helloOf(session: Session, version: number): WorkerMessageOf<"hello"> {
  const claimed = [...session.leases.values()]
    .filter((held) => held.claimed)
    .sort((a, b) => Number(b.running) - Number(a.running))
    .slice(0, MAX_HELLO_LEASES);
  return {
    type: "hello",
    version,
    name: session.name,
    slots: session.slots,
    capabilities: session.capabilities,
    leases: claimed.map(({ lease, report }) => ({
      lease,
      stage: report.stage,
      fraction: report.fraction,
    })),
    ...(session.drainedByEdge ? { draining: true } : {}),
  };
}

/** Gives a lease back unfinished, through no fault of the task. */
export function releaseOf(
  lease: LeaseRef,
  reason: WorkerMessageOf<"release">["reason"],
): WorkerMessageOf<"release"> {
  return { type: "release", lease, reason };
}

/** What the edge has to hear of an attempt that ended, or null if nothing. */
export function settlementOf(lease: LeaseRef, outcome: AttemptOutcome): Settlement | null {
  switch (outcome.status) {
    case "completed":
      return {
        type: "complete",
        lease,
        outputs: [...outcome.outputs],
        engine: withinLimits(outcome.engine),
      };
    case "failed":
      return {
        type: "fail",
        lease,
        stage: outcome.stage,
        code: outcome.code,
        detail: redact(outcome.detail).slice(0, MAX_DETAIL_LENGTH),
        retryable: outcome.retryable,
        engine: withinLimits(outcome.engine),
      };
    case "released":
      return releaseOf(lease, outcome.reason);
    case "abandoned":
      return null;
  }
}

/** The question whether the work of a lease shall be divided. */
export function proposalOf(lease: LeaseRef, plan: ChunkPlan): WorkerMessageOf<"plan"> {
  return { type: "plan", lease, plan, engine: NO_ENGINE };
}

function withinLimits(engine: EngineReport): EngineReport {
  return {
    ...engine,
    log: engine.log.slice(-MAX_LOG_LINES).map((line) => redact(line).slice(0, MAX_LOG_LINE_LENGTH)),
  };
}

/** The message this lease owes the edge now, and the lease once it is sent; null when none is due. */
export function dueMessage(
  held: HeldLease,
  intervalMs: number,
  now: number,
): { readonly held: HeldLease; readonly message: WorkerMessage } | null {
  const owed = held.settlement ?? held.proposal;
  if (owed !== null && now >= held.settleAt) {
    const wait = Math.min(RESEND_CAP_MS, RESEND_FIRST_MS * 2 ** held.settleTries);
    return {
      held: { ...held, settleAt: now + wait, settleTries: held.settleTries + 1 },
      message: owed,
    };
  }
  if (held.settlement !== null) return null;
  const isNews = held.sentStage !== held.report.stage || held.saidSlots !== held.slots;
  const isDue = isNews || now >= held.sentAt + intervalMs;
  if (!held.claimed || !held.running || !held.unsent || !isDue) return null;
  return { held: heardOf(held, now), message: progressOf(held) };
}

function heardOf(held: HeldLease, now: number): HeldLease {
  return {
    ...held,
    sentStage: held.report.stage,
    sentAt: now,
    unsent: false,
    saidSlots: held.slots,
    saidSource: held.saidSource || held.report.source !== null,
    saidEngine: held.saidEngine || held.report.engine !== null,
  };
}

function progressOf(held: HeldLease): WorkerMessageOf<"progress"> {
  const { stage, fraction, movement, frame, fps, speed, source, engine } = held.report;
  return {
    type: "progress",
    lease: held.lease,
    stage,
    fraction,
    movement,
    frame,
    fps,
    speed,
    ...(source !== null && !held.saidSource ? { source } : {}),
    ...(held.saidSlots === held.slots ? {} : { slots: held.slots }),
    ...(engine !== null && !held.saidEngine ? { engine: { ...engine } } : {}),
  };
}
