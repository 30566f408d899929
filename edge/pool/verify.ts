/** Runs the check of a completed attempt outside any transaction, and feeds back what it found. */
import type { VerifyEffect } from "../domain/effects.ts";
import { attemptPrefix } from "../media/keys.ts";
import { checkOutputs } from "./check-outputs.ts";
import type { PoolContext } from "./context.ts";
import { logInfo, logWarning } from "./log.ts";
import { stepOneTask } from "./shell.ts";

/**
 * Checks the attempt's outputs and steps its task with the result. When the store cannot be asked the task stays
 * `verifying`, and the alarm asks for the check again after its deadline; so does a pool that was evicted
 * meanwhile. A check that is under way is not started twice.
 */
export async function verifyAttempt(pool: PoolContext, effect: VerifyEffect): Promise<void> {
  const { jobId, taskId, epoch, claimed } = effect;
  const name = `${taskId}/${epoch}`;
  if (pool.checksUnderWay.has(name)) return;
  pool.checksUnderWay.add(name);
  try {
    const live = pool.jobs.load(jobId);
    if (live === null) return;
    const { outputs } = live.job.submission;
    const prefix = attemptPrefix(effect);
    const result = await checkOutputs(pool.media, prefix, outputs, claimed.outputs);
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
    const ids = { jobId, taskId, epoch };
    if (stepped.status !== "ok") return logInfo("check_too_late", { ...ids, ...stepped });
    logInfo(event.type, ids);
    await pool.run(stepped.effects);
  } catch (error) {
    logWarning("check_interrupted", { jobId, taskId, epoch }, error);
  } finally {
    pool.checksUnderWay.delete(name);
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
