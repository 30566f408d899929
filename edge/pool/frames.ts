/** What each message of a worker leads to. */
import {
  MAX_FRAME_LENGTH,
  parseWorkerMessage,
  type WorkerMessage,
  type WorkerMessageOf,
} from "../../protocol/messages.ts";
import { needsOf } from "../../protocol/needs.ts";
import { revokeReasonFor } from "../domain/attempt.ts";
import { refusalOfPlan } from "../domain/check-plan.ts";
import type { TaskEvent } from "../domain/events.ts";
import type { AnsweredMessage } from "../domain/model.ts";
import { fleetFor } from "../domain/room.ts";
import type { Connection } from "./connection.ts";
import type { PoolContext } from "./context.ts";
import { matchWorkers } from "./fleet.ts";
import { greet } from "./greet.ts";
import { jobIdOfTask } from "./job-id.ts";
import { logWarning } from "./log.ts";
import { wantsCopy } from "./second-copies.ts";
import { refuse, renewGrant } from "./send.ts";
import { stepOneTask } from "./shell.ts";
import { showProgress } from "./viewers.ts";

/** A real agent repeats itself every few seconds; past this it floods. */
const MAX_WAITING_ANSWERS = 1000;

/** A frame of a live connection. What does not parse closes it; nothing is guessed. */
export async function handleFrame(
  pool: PoolContext,
  connection: Connection,
  frame: string | ArrayBuffer,
): Promise<void> {
  connection.hear(pool.now());
  const parsed =
    typeof frame === "string"
      ? parseWorkerMessage(frame)
      : ({
          status: "invalid",
          detail: `a binary frame; text of at most ${MAX_FRAME_LENGTH} is expected`,
        } as const);
  if (parsed.status === "invalid") {
    logWarning("bad_frame", { workerId: connection.workerId, detail: parsed.detail });
    connection.close("badMessage", parsed.detail);
    return;
  }
  const { message } = parsed;
  if (message.type !== "hello" && !connection.session.greeted) {
    connection.close("helloExpected", `'${message.type}' came before 'hello'`);
    return;
  }
  await handleMessage(pool, connection, message);
}

async function handleMessage(
  pool: PoolContext,
  connection: Connection,
  message: WorkerMessage,
): Promise<void> {
  switch (message.type) {
    case "hello":
      return greet(pool, connection, message);
    case "pull":
      connection.update({ credit: message.free });
      return pool.run([]);
    case "progress":
      return hearProgress(pool, connection, message);
    case "complete":
    case "fail":
    case "release":
    case "plan":
      return hearEnd(pool, connection, message);
  }
}

/** The hot path: a frame of this kind comes every few seconds from every attempt, and mostly writes nothing. */
async function hearProgress(
  pool: PoolContext,
  connection: Connection,
  message: WorkerMessageOf<"progress">,
): Promise<void> {
  const { lease, stage, fraction, movement, fps, speed, source, slots, engine } = message;
  const jobId = jobIdOfTask(lease.taskId);
  const stepped = stepOneTask(pool, jobId, lease.taskId, {
    type: "progress",
    now: pool.now(),
    epoch: lease.epoch,
    workerId: connection.workerId,
    stage,
    fraction,
    movement,
    fps,
    speed,
    ...(source === undefined ? {} : { source }),
    ...(slots === undefined ? {} : { slots }),
    ...(engine === undefined ? {} : { engine }),
  });
  if (stepped.status !== "ok") {
    const reason = revokeReason(pool, lease);
    await connection.send({ type: "revoke", lease, reason });
    return;
  }
  // A visible step is an event, and says how far the job is by itself.
  if (stepped.effects.length > 0) await pool.run(stepped.effects);
  else {
    showProgress(pool, stepped.live);
    // How slow a chunk is, its own reports say; while the others' slots are idle nothing else may happen.
    if (wantsCopy(pool, stepped.live)) await pool.run([]);
  }
  await renewGrant(pool, connection, jobId, lease);
}

/** `complete`, `fail` and `release` are always answered; a completion once its check is over. */
async function hearEnd(
  pool: PoolContext,
  connection: Connection,
  message: WorkerMessageOf<AnsweredMessage>,
): Promise<void> {
  const { lease, type } = message;
  const event = endEvent(pool, connection, message);
  const stepped = stepOneTask(pool, jobIdOfTask(lease.taskId), lease.taskId, event);
  if (stepped.status !== "ok") {
    await refuse(connection, lease, type, stepped);
  } else if (stepped.effects.length > 0) {
    await pool.run(stepped.effects);
  } else {
    // Repeated while it is being checked: the answer follows when that is over.
    const asked = pool.checksUnderWay.get(`${lease.taskId}/${lease.epoch}`);
    if (asked !== undefined && asked.length < MAX_WAITING_ANSWERS) asked.push(connection);
  }
}

function endEvent(
  pool: PoolContext,
  { workerId }: Connection,
  message: WorkerMessageOf<AnsweredMessage>,
): TaskEvent {
  const from = { now: pool.now(), epoch: message.lease.epoch, workerId };
  switch (message.type) {
    case "complete": {
      const { outputs, engine } = message;
      return { type: "complete", ...from, result: { outputs, engine } };
    }
    case "fail": {
      const { stage, code, detail, retryable, engine } = message;
      return { type: "fail", ...from, stage, code, detail, retryable, engine };
    }
    case "release":
      return { type: "release", ...from, reason: message.reason };
    case "plan": {
      const { plan, engine } = message;
      return { type: "plan", ...from, plan, engine, refusal: refusalOf(pool, workerId, message) };
    }
  }
}

/** Judged by the fleet as it is now: the proposer's own slot is not free until its plan is accepted. */
function refusalOf(
  pool: PoolContext,
  workerId: string,
  { lease, plan }: WorkerMessageOf<"plan">,
): string | null {
  const live = pool.jobs.load(jobIdOfTask(lease.taskId));
  if (live === null) return "stale_epoch";
  const { submission } = live.job;
  const workers = matchWorkers(pool, pool.queue.held());
  const { freeSlots } = fleetFor(needsOf(submission.work, "chunk"), workers, workerId);
  return refusalOfPlan(submission, plan, freeSlots);
}

function revokeReason(pool: PoolContext, lease: { taskId: string; epoch: number }) {
  const live = pool.jobs.load(jobIdOfTask(lease.taskId));
  const task = live?.tasks.find((candidate) => candidate.taskId === lease.taskId);
  return task === undefined ? "unknown" : revokeReasonFor(task, lease.epoch);
}
