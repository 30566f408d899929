/** What is sent to workers: leases, renewed grants, revocations and answers. */
import type { Grant } from "../../protocol/messages.ts";
import { needsOf } from "../../protocol/needs.ts";
import type { LeaseRef } from "../../protocol/task.ts";
import type { AckEffect, GrantEffect, RevokeEffect } from "../domain/effects.ts";
import { runLimitMsLeft } from "../domain/job.ts";
import { renewalOf } from "../domain/lease.ts";
import type { LiveJob, TaskIn } from "../domain/model.ts";
import { fleetFor } from "../domain/room.ts";
import { mintGrant } from "../media/grants.ts";
import type { Connection } from "./connection.ts";
import type { PoolContext } from "./context.ts";
import { grantLifeMs } from "./durations.ts";
import { matchWorkers } from "./fleet.ts";
import { leasedTask } from "./leased-task.ts";
import { logInfo, logWarning } from "./log.ts";
import { taskPartOf } from "./parts.ts";
import { type Committed, stepOneTask } from "./shell.ts";
import { grantClaimsOf, type SpecExtras, takesParts, taskSpecOf } from "./task-spec.ts";

/**
 * Sends a lease that was committed. One that cannot be sent is given back at once: nobody will ever renew it,
 * and its task need not wait for the TTL. Its worker, which asked once and does not know of it, is still free.
 */
export async function sendLease(pool: PoolContext, effect: GrantEffect): Promise<void> {
  const connection = pool.connections.get(effect.workerId);
  const sent = connection !== null && (await trySendLease(pool, connection, effect));
  if (sent) return;
  logInfo("lease_unsent", idsOf(pool, effect));
  connection?.giveBack(effect.slots);
  const { jobId, taskId, epoch, workerId } = effect;
  const now = pool.now();
  const event = { type: "release", now, epoch, workerId, reason: "shutdown" } as const;
  const released = stepOneTask(pool, jobId, taskId, event);
  if (released.status === "ok") await pool.run(released.effects);
}

async function trySendLease(
  pool: PoolContext,
  connection: Connection,
  effect: GrantEffect,
): Promise<boolean> {
  try {
    return await connection.send(async () => {
      const live = pool.jobs.load(effect.jobId);
      const task = live === null ? null : leasedTask(live, effect);
      if (live === null || task === null) {
        // Revoked before it was sent: then there is nothing to send.
        connection.giveBack(effect.slots);
        return null;
      }
      return {
        type: "lease",
        lease: { taskId: effect.taskId, epoch: effect.epoch },
        task: taskSpecOf(live.job.submission, task, extrasOf(pool, live, task)),
        grant: await mintFor(pool, connection, live, task),
        slots: task.lease.slots,
        ttlMs: pool.rules.leaseTtlMs,
        runLimitMs: Math.max(1, runLimitMsLeft(live.job, pool.now())),
      };
    });
  } catch (error) {
    logWarning("lease_failed", idsOf(pool, effect), error);
    return false;
  }
}

/** Told of the fleet only who can divide; a part without its plan cannot be sent. */
function extrasOf(pool: PoolContext, live: LiveJob, task: TaskIn<"leased">): SpecExtras {
  if (task.kind !== "whole") {
    const part = taskPartOf(pool, live, task);
    if (part === null) throw new Error(`task '${task.taskId}' has no plan`);
    return { part };
  }
  const worker = pool.workers.get(task.lease.workerId);
  if (worker === null || !takesParts(worker.capabilities)) return {};
  const needs = needsOf(live.job.submission.work, "chunk");
  return { fleet: fleetFor(needs, matchWorkers(pool, pool.queue.held()), worker.workerId) };
}

/** A fresh grant for a leased task, remembered with the connection that it is given to. */
export async function mintFor(
  pool: PoolContext,
  connection: Connection,
  live: LiveJob,
  task: TaskIn<"leased" | "verifying">,
): Promise<Grant> {
  const { taskId, lease } = task;
  const now = pool.now();
  const life = grantLifeMs(pool.rules);
  const held = connection.heldLease(taskId, lease.epoch);
  const renewal = held?.renewal ?? renewalOf(lease);
  // Remembered before it is made, so that two frames in a row do not make two.
  if (task.state === "leased") connection.hold({ taskId, renewal, grantUntil: now + life });
  const claims = grantClaimsOf(live.job.submission, task, lease.epoch);
  return mintGrant(pool.settings, claims, life, now);
}

/** Hands over a new grant once the present one is past half its life; most progress is not answered at all. */
export async function renewGrant(
  pool: PoolContext,
  connection: Connection,
  jobId: string,
  lease: LeaseRef,
): Promise<void> {
  const held = connection.heldLease(lease.taskId, lease.epoch);
  if (held === null || held.grantUntil - pool.now() > grantLifeMs(pool.rules) / 2) return;
  const live = pool.jobs.load(jobId);
  const task = live === null ? null : leasedTask(live, lease);
  if (live === null || task === null) return;
  const grant = mintFor(pool, connection, live, task);
  await connection.send(async () => ({
    type: "ack",
    of: "progress",
    lease,
    status: "accepted",
    grant: await grant,
  }));
}

export function sendRevoke(pool: PoolContext, effect: RevokeEffect): Promise<unknown> {
  const { taskId, epoch, reason } = effect;
  logInfo("revoked", { ...idsOf(pool, effect), reason });
  const connection = pool.connections.get(effect.workerId);
  return (
    connection?.send({ type: "revoke", lease: { taskId, epoch }, reason }) ?? Promise.resolve()
  );
}

export function sendAck(pool: PoolContext, effect: AckEffect): Promise<unknown> {
  const { taskId, epoch, of, status, reason } = effect;
  const connection = pool.connections.get(effect.workerId);
  const message = { type: "ack", of, lease: { taskId, epoch }, status } as const;
  return connection?.send(reason === null ? message : { ...message, reason }) ?? Promise.resolve();
}

/** Answers a message that the machine rejected. */
export function refuse(
  connection: Connection,
  lease: LeaseRef,
  of: AckEffect["of"],
  rejected: Exclude<Committed, { readonly status: "ok" }>,
): Promise<boolean> {
  const reason = rejected.status === "unknown" ? "stale_epoch" : rejected.reason;
  return connection.send({ type: "ack", of, lease, status: "refused", reason });
}

function idsOf(pool: PoolContext, effect: GrantEffect | RevokeEffect) {
  const { jobId, taskId, epoch, workerId } = effect;
  return { traceId: pool.jobs.traceOf(jobId), jobId, taskId, epoch, workerId };
}
