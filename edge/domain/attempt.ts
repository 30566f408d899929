/** How an attempt is written in the ledger, ends, and is answered for afterwards. */
import { type JobError, jobError } from "../../protocol/errors.ts";
import type { EngineReport, RevokeReason } from "../../protocol/messages.ts";
import type { AckEffect, LedgerEffect, TaskEffect } from "./effects.ts";
import { silentSince } from "./lease.ts";
import type {
  AnsweredMessage,
  AttemptRecord,
  Lease,
  Task,
  TaskFields,
  TaskIn,
  Verdict,
} from "./model.ts";
import type { Rules } from "./rules.ts";

/** Verdicts a task remembers. A task has at most 20 attempts and 10 releases in a run. */
const REMEMBERED_VERDICTS = 32;

/** A task that has a live attempt. */
export type LiveTask = TaskIn<"leased" | "verifying">;

/** The lease of the live attempt, or null. */
export function leaseOf(task: Task): Lease | null {
  return task.state === "leased" || task.state === "verifying" ? task.lease : null;
}

/** What stays of a task in every state: everything but the state's own fields. */
export function fieldsOf(task: Task): TaskFields {
  const { taskId, jobId, kind, chunk, run, epoch, attempts, maxAttempts } = task;
  const { queueTimeoutSeconds, releases, queuedAt, lastWorkerId, verdicts } = task;
  return {
    taskId,
    jobId,
    kind,
    chunk,
    run,
    epoch,
    attempts,
    maxAttempts,
    queueTimeoutSeconds,
    releases,
    queuedAt,
    lastWorkerId,
    verdicts,
  };
}

/** The names of an attempt, as effects carry them. */
export function attemptIds(task: Pick<Task, "jobId" | "taskId" | "run">, epoch: number) {
  return { jobId: task.jobId, taskId: task.taskId, run: task.run, epoch };
}

interface LedgerEntry {
  readonly state: AttemptRecord["state"];
  readonly endedAt?: number;
  readonly error?: JobError | null;
  readonly engine?: EngineReport | null;
}

/** The ledger's row of the task's live attempt. */
export function ledger(
  task: Pick<Task, "taskId" | "kind" | "run">,
  lease: Lease,
  entry: LedgerEntry,
): LedgerEffect {
  const engine = entry.engine ?? null;
  const error = entry.error ?? null;
  return {
    type: "ledger",
    record: {
      taskId: task.taskId,
      kind: task.kind,
      run: task.run,
      epoch: lease.epoch,
      workerId: lease.workerId,
      workerName: lease.workerName,
      device: engine?.device ?? lease.device,
      encoder: engine?.encoder ?? lease.encoder,
      state: entry.state,
      stage: error?.stage ?? lease.stage,
      startedAt: lease.grantedAt,
      endedAt: entry.endedAt ?? null,
      exitCode: engine?.exitCode ?? null,
      error,
      log: engine?.log ?? [],
    },
  };
}

/** The ledger's row of a live attempt as it is now; what it says besides its task is written when it ends. */
export function attemptNow(task: LiveTask): AttemptRecord {
  const entry =
    task.state === "leased"
      ? ({ state: "running" } as const)
      : ({ state: "verifying", engine: task.verification.claimed.engine } as const);
  return ledger(task, task.lease, entry).record;
}

interface Ending extends LedgerEntry {
  readonly endedAt: number;
  /** The message that ended it and how that was answered; absent when the edge ended it. */
  readonly answer?: {
    readonly of: AnsweredMessage;
    readonly status: Verdict["status"];
    readonly reason: string | null;
  };
  /** What a worker that still runs it is told. */
  readonly revoke: RevokeReason;
  /** Whether the worker must be told to stop. */
  readonly stop: boolean;
}

/**
 * Ends the live attempt: remembers its verdict, closes its row in the ledger, answers or stops its worker, and
 * gives up its bytes unless it won.
 */
export function endAttempt(
  task: LiveTask,
  ending: Ending,
): { readonly fields: TaskFields; readonly effects: readonly TaskEffect[] } {
  const { lease } = task;
  const ids = attemptIds(task, lease.epoch);
  const verdict: Verdict = {
    epoch: lease.epoch,
    workerId: lease.workerId,
    of: ending.answer?.of ?? null,
    status: ending.answer?.status ?? "refused",
    reason: ending.answer?.reason ?? null,
    revoke: ending.revoke,
    ...(lease.planRefused === null ? {} : { planRefused: lease.planRefused }),
  };
  const engine =
    ending.engine ?? (task.state === "verifying" ? task.verification.claimed.engine : null);
  const effects: TaskEffect[] = [ledger(task, lease, { ...ending, engine })];
  if (ending.answer) {
    effects.push(ack(task, verdict, ending.answer.of));
  }
  if (ending.stop) {
    effects.push({ type: "revoke", ...ids, workerId: lease.workerId, reason: ending.revoke });
  }
  if (ending.state !== "completed") {
    effects.push({ type: "collect", ...ids, endedAt: ending.endedAt });
  }
  const verdicts = [...task.verdicts, verdict].slice(-REMEMBERED_VERDICTS);
  return { fields: { ...fieldsOf(task), lastWorkerId: lease.workerId, verdicts }, effects };
}

/** The answer to a message about an attempt that has ended. */
export function ack(
  task: Pick<Task, "jobId" | "taskId" | "run">,
  verdict: Verdict,
  of: AnsweredMessage,
): AckEffect {
  const { workerId, status, reason } = verdict;
  return { type: "ack", ...attemptIds(task, verdict.epoch), workerId, of, status, reason };
}

/** What a worker is told that runs an attempt which is not the live one. */
export function revokeReasonFor(task: Task, epoch: number): RevokeReason {
  return task.verdicts.find((verdict) => verdict.epoch === epoch)?.revoke ?? "unknown";
}

/** The error of an attempt whose lease expired: JOB_TIMEOUT. */
export function expiryError(task: LiveTask, now: number, rules: Rules): JobError {
  const { lease } = task;
  const silentMs = now - silentSince(lease, rules);
  const seconds = Math.max(1, Math.floor(silentMs / 1000));
  return jobError({
    code: "JOB_TIMEOUT",
    detail:
      `Lease of worker '${lease.workerName}' expired: no progress for ${seconds} ` +
      `second${seconds === 1 ? "" : "s"} (attempt ${lease.attempt} of ${task.maxAttempts}).`,
    stage: lease.stage,
    retryable: true,
  });
}
