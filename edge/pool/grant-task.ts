/** One lease: the machine's step, and the worker's credit. */
import type { Effect } from "../domain/effects.ts";
import type { Assignment } from "../domain/match.ts";
import type { PoolContext } from "./context.ts";
import { logInfo } from "./log.ts";
import { stepOneTask } from "./shell.ts";

/** The effects of leasing the task to the worker, or null where it is not there or the task is not to be had. */
export function grantTask(
  pool: PoolContext,
  jobId: string,
  { taskId, workerId, slots }: Assignment,
  now: number,
): readonly Effect[] | null {
  const connection = pool.connections.get(workerId);
  if (connection === null) return null;
  const { workerName, sessionId, credit } = connection.session;
  const event = { type: "grant", now, workerId, workerName, sessionId, slots } as const;
  const granted = stepOneTask(pool, jobId, taskId, event);
  if (granted.status !== "ok") return null;
  connection.update({ credit: credit - slots });
  const { traceId } = granted.live.job.submission;
  const epoch = granted.live.tasks.find((task) => task.taskId === taskId)?.epoch;
  logInfo("leased", { traceId, jobId, taskId, epoch, workerId, slots });
  return granted.effects;
}
