/** Runs the check of a completed attempt outside any transaction, and feeds back what it found. */
import type { ChunkPlan } from "../../protocol/chunks/contract.ts";
import { preludeTracks } from "../../protocol/chunks/prelude.ts";
import type { VerifyEffect } from "../domain/effects.ts";
import type { LiveJob, Task } from "../domain/model.ts";
import { isPart } from "../domain/parts.ts";
import { attemptPrefix } from "../media/keys.ts";
import { type CheckResult, checkOutputs, checkParts, type PartPromise } from "./check-outputs.ts";
import type { Connection } from "./connection.ts";
import type { PoolContext } from "./context.ts";
import { logInfo, logWarning } from "./log.ts";
import { refuse } from "./send.ts";
import { stepOneTask } from "./shell.ts";

const NO_ENGINE = { device: null, encoder: null, exitCode: null, log: [] };

/**
 * Checks the attempt's outputs and steps its task with the result. When the store cannot be asked the task stays
 * `verifying`, and the alarm asks for the check again after its deadline; so does a pool that was evicted
 * meanwhile. A check that is under way is not started twice.
 */
export async function verifyAttempt(pool: PoolContext, effect: VerifyEffect): Promise<void> {
  const { jobId, taskId, epoch } = effect;
  const name = `${taskId}/${epoch}`;
  const ids = { traceId: pool.jobs.traceOf(jobId), jobId, taskId, epoch };
  if (pool.checksUnderWay.has(name)) return;
  const asked: Connection[] = [];
  pool.checksUnderWay.set(name, asked);
  try {
    const live = pool.jobs.load(jobId);
    if (live === null) return;
    const result = await check(pool, live, effect);
    if (result.status === "ok") await abortStrays(pool, effect);
    const now = pool.now();
    const event =
      result.status === "ok"
        ? ({ type: "verified", now, epoch, outputs: result.outputs } as const)
        : ({
            type: "verify_failed",
            now,
            epoch,
            code: "ENGINE_INVALID_RESPONSE",
            detail: result.detail,
          } as const);
    const stepped = stepOneTask(pool, jobId, taskId, event);
    if (stepped.status !== "ok") {
      logInfo("check_too_late", { ...ids, ...stepped });
      // The attempt ended while it was checked; whoever completed it is answered all the same.
      const completed = connectionOf(pool, live, taskId);
      if (completed !== null) asked.push(completed);
      return;
    }
    logInfo(event.type, ids);
    await pool.run(stepped.effects);
  } catch (error) {
    logWarning("check_interrupted", ids, error);
  } finally {
    pool.checksUnderWay.delete(name);
    await answerAgain(pool, effect, asked);
  }
}

/** What a part has to report follows from the plan; anything else, from what was asked for. */
function check(pool: PoolContext, live: LiveJob, effect: VerifyEffect): Promise<CheckResult> {
  const { outputs } = live.job.submission;
  const prefix = attemptPrefix(effect);
  const reports = effect.claimed.outputs;
  const task = live.tasks.find((candidate) => candidate.taskId === effect.taskId);
  if (task === undefined || !isPart(task)) {
    return checkOutputs(pool.media, prefix, outputs, reports);
  }
  const plan = pool.parts.plan(effect.jobId);
  return checkParts(pool.media, prefix, { outputs, pictures: picturesOf(plan, task) }, reports);
}

function picturesOf(plan: ChunkPlan | null, { chunk }: Task): PartPromise["pictures"] {
  if (chunk === null) return null;
  const preludes = preludeTracks(plan?.presentation ?? null, chunk.index);
  const { index, frames } = chunk;
  return { chunk: index, renditions: plan?.renditions ?? [], frames, preludes };
}

/** The connection of the worker whose attempt is being checked. */
function connectionOf(pool: PoolContext, live: LiveJob, taskId: string): Connection | null {
  const task = live.tasks.find((candidate) => candidate.taskId === taskId);
  return task?.state === "verifying" ? pool.connections.get(task.lease.workerId) : null;
}

/**
 * Answers every `complete` that was repeated during the check as the first one was. Only the verdict counts by now,
 * so what they reported is of no interest. Where the check came to nothing they are asked for again by their agents.
 */
async function answerAgain(
  pool: PoolContext,
  { jobId, taskId, epoch }: VerifyEffect,
  asked: readonly Connection[],
): Promise<void> {
  const result = { outputs: [], engine: NO_ENGINE };
  for (const connection of asked) {
    const { workerId } = connection;
    const event = { type: "complete", now: pool.now(), epoch, workerId, result } as const;
    const stepped = stepOneTask(pool, jobId, taskId, event);
    if (stepped.status === "ok") await pool.run(stepped.effects);
    else await refuse(connection, { taskId, epoch }, "complete", stepped);
  }
}

/** Uploads that the attempt began and did not report (it began them anew): their parts would be kept for ever. */
async function abortStrays(pool: PoolContext, effect: VerifyEffect): Promise<void> {
  const reported = new Set(
    effect.claimed.outputs.flatMap(({ stored }) =>
      stored.kind === "multipart" ? [stored.uploadId] : [],
    ),
  );
  for (const { key, uploadId } of pool.garbage.uploadsOf(effect.taskId, effect.epoch)) {
    if (!reported.has(uploadId)) await pool.media.abortMultipart(key, uploadId);
  }
}
