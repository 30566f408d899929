/** `hello`: who is there, which of its leases it keeps, and what it is told about the rest. */
import {
  type EdgeMessageOf,
  PROTOCOL_VERSION,
  type WorkerMessageOf,
} from "../../protocol/messages.ts";
import type { LeaseRef } from "../../protocol/task.ts";
import { revokeReasonFor } from "../domain/attempt.ts";
import type { Effect } from "../domain/effects.ts";
import { runLimitMsLeft } from "../domain/job.ts";
import type { Task } from "../domain/model.ts";
import type { Connection } from "./connection.ts";
import type { PoolContext } from "./context.ts";
import { OUTBOX_BACKSTOP_MS, PING_INTERVAL_MS, progressIntervalMs } from "./durations.ts";
import { jobIdOfTask } from "./job-id.ts";
import { logInfo } from "./log.ts";
import { mintFor } from "./send.ts";
import { stepOneTask } from "./shell.ts";
import { watchLease } from "./watch.ts";

type Hello = WorkerMessageOf<"hello">;
type Welcome = EdgeMessageOf<"welcome">;

/**
 * Greets a worker. Every lease it claims goes on under the same epoch or is lost; every lease of its that it does
 * not claim is taken back at once. Synchronous up to the welcome, which is sent in its turn.
 */
export async function greet(
  pool: PoolContext,
  connection: Connection,
  hello: Hello,
): Promise<void> {
  if (hello.version !== PROTOCOL_VERSION) {
    connection.close(
      "unsupportedVersion",
      `version ${hello.version} is not spoken here, only ${PROTOCOL_VERSION}`,
    );
    return;
  }
  const { workerId } = connection;
  pool.workers.greet(workerId, hello.slots, hello.capabilities);
  // A drain lasts as long as the process that was told of it, which takes it along to another shard. Whoever comes back
  // with nothing, and does not say so, was started anew.
  if (hello.draining) pool.workers.setDraining(workerId, true);
  else if (hello.leases.length === 0) pool.workers.setDraining(workerId, false);
  connection.update({ greeted: true, credit: 0 });
  recordHello(pool, workerId, hello);
  const effects = [
    ...takeBackUnclaimed(pool, workerId, hello),
    ...resumeClaimed(pool, connection, hello),
  ];
  logInfo("greeted", { workerId, slots: hello.slots, claimed: hello.leases.length });
  const welcome = connection.send(() => welcomeMessage(pool, connection, hello));
  if (pool.workers.get(workerId)?.draining) await connection.send({ type: "drain" });
  await welcome;
  // What it was told to report before went with its socket.
  for (const { lease } of hello.leases) await watchLease(pool, connection, lease);
  await pool.run(effects);
}

function takeBackUnclaimed(pool: PoolContext, workerId: string, hello: Hello): readonly Effect[] {
  const claimed = new Set(hello.leases.map(({ lease }) => `${lease.taskId}/${lease.epoch}`));
  return pool.queue.held(workerId).flatMap(({ jobId, taskId, epoch }) => {
    if (claimed.has(`${taskId}/${epoch}`)) return [];
    const event = { type: "not_claimed", now: pool.now(), workerId } as const;
    const stepped = stepOneTask(pool, jobId, taskId, event);
    return stepped.status === "ok" ? stepped.effects : [];
  });
}

function resumeClaimed(pool: PoolContext, connection: Connection, hello: Hello): readonly Effect[] {
  const { workerId, session } = connection;
  return hello.leases.flatMap(({ lease, stage, fraction }) => {
    const stepped = stepOneTask(pool, jobIdOfTask(lease.taskId), lease.taskId, {
      type: "resume",
      now: pool.now(),
      epoch: lease.epoch,
      workerId,
      sessionId: session.sessionId,
      stage,
      fraction,
    });
    return stepped.status === "ok" ? stepped.effects : [];
  });
}

async function welcomeMessage(
  pool: PoolContext,
  connection: Connection,
  hello: Hello,
): Promise<Welcome> {
  return {
    type: "welcome",
    version: PROTOCOL_VERSION,
    workerId: connection.workerId,
    pool: pool.name,
    progressIntervalMs: progressIntervalMs(pool.rules),
    pingIntervalMs: PING_INTERVAL_MS,
    leaseTtlMs: pool.rules.leaseTtlMs,
    leases: await Promise.all(hello.leases.map(({ lease }) => fateOf(pool, connection, lease))),
  };
}

/** Asked when the welcome is made, so that what ended in between is not called kept. */
async function fateOf(
  pool: PoolContext,
  connection: Connection,
  lease: LeaseRef,
): Promise<Welcome["leases"][number]> {
  const live = pool.jobs.load(jobIdOfTask(lease.taskId));
  const task = live?.tasks.find((candidate) => candidate.taskId === lease.taskId);
  if (live === null || task === undefined) return { status: "lost", lease, reason: "unknown" };
  if (!holds(task, connection.workerId, lease.epoch)) {
    return { status: "lost", lease, reason: revokeReasonFor(task, lease.epoch) };
  }
  return {
    status: "kept",
    lease,
    grant: await mintFor(pool, connection, live, task),
    runLimitMs: Math.max(0, runLimitMsLeft(live.job, pool.now())),
  };
}

/** A lease whose completion is being checked counts as kept: the agent asks for its answer again. */
function holds(
  task: Task,
  workerId: string,
  epoch: number,
): task is Extract<Task, { state: "leased" | "verifying" }> {
  return (
    (task.state === "leased" || task.state === "verifying") &&
    task.lease.workerId === workerId &&
    task.lease.epoch === epoch
  );
}

function recordHello(pool: PoolContext, workerId: string, hello: Hello): void {
  const { name, slots, capabilities } = hello;
  const at = pool.now();
  const said = JSON.stringify({ name, slots, capabilities });
  pool.outbox.add({ kind: "hello", workerId, hello: said, at }, at + OUTBOX_BACKSTOP_MS);
  pool.alarm.ensure(at + OUTBOX_BACKSTOP_MS);
  pool.drainSoon(false);
}
