/** A divided job for tests of the domain, and what its workers do with its parts. */
import type { Task } from "../../edge/domain/model.ts";
import type { JobSubmission } from "../../edge/domain/submission.ts";
import type { ChunkPlan } from "../../protocol/chunks/contract.ts";
import { taskIdOf } from "../../protocol/ids.ts";
import type { Stage } from "../../protocol/stages.ts";
import { indexOf, planOf, soundIndex } from "../support/plans.ts";
import { Driver, output } from "./driver.ts";
import { engine, jobIdOf, report } from "./fixtures.ts";

export const jobId = jobIdOf(0);
export const [whole, first, second, third, audio, merge] = [0, 1, 2, 3, 4, 5].map((number) =>
  taskIdOf(jobId, number),
) as [string, string, string, string, string, string];
export const hls = { out_1: { filename: "result.m3u8", format: "hls" } } as const;

/** A job of three chunks (the last twice as long), the audio, and a merge. */
export function divided(
  facts: Partial<JobSubmission> = {},
  planned: Partial<ChunkPlan> = {},
): Driver {
  const job = new Driver(facts);
  job.lease().progress("probing", 1, 1).progress("planning", 1, 2);
  return plan(job, planned);
}

export function plan(job: Driver, planned: Partial<ChunkPlan> = {}): Driver {
  const { epoch } = job.task;
  const plan = planOf([100, 100, 200], { audio: true, ...planned });
  job.feed({ type: "plan", epoch, workerId: "wkr_gpu-1", plan, engine, refusal: null });
  return job;
}

export function taskOf(job: Driver, taskId: string): Task {
  const task = job.live.tasks.find((candidate) => candidate.taskId === taskId);
  if (task === undefined) throw new Error(`no task ${taskId}`);
  return task;
}

export function lease(job: Driver, taskId: string, worker = taskId): void {
  const workerId = `wkr_${worker}`;
  job.feed({ type: "grant", workerId, workerName: worker, sessionId: `s-${worker}` }, taskId);
}

export function holderOf(job: Driver, taskId: string) {
  const task = taskOf(job, taskId);
  if (task.state !== "leased") throw new Error(`${taskId} is ${task.state}`);
  return { epoch: task.lease.epoch, workerId: task.lease.workerId };
}

export function complete(job: Driver, taskId: string): void {
  const result = { outputs: [report], engine };
  job.feed({ type: "complete", ...holderOf(job, taskId), result }, taskId);
}

export function verify(job: Driver, taskId: string, config = "a"): void {
  const { epoch } = taskOf(job, taskId);
  const outputs = [{ ...output, name: taskId, index: indexOf({ config }) }];
  job.feed({ type: "verified", epoch, outputs }, taskId);
}

/** The chunk brings the first piece of sound along. */
export function finishAudibly(job: Driver, taskId: string): void {
  lease(job, taskId);
  complete(job, taskId);
  const { epoch } = taskOf(job, taskId);
  const sound = { ...output, name: `${taskId}-first`, index: soundIndex };
  job.feed({ type: "verified", epoch, outputs: [{ ...output, index: indexOf() }, sound] }, taskId);
}

export function finish(job: Driver, taskId: string, config = "a"): void {
  lease(job, taskId);
  complete(job, taskId);
  verify(job, taskId, config);
}

export function move(job: Driver, taskId: string, stage: Stage, fraction: number): void {
  const movement = Math.ceil(fraction * 1000) + 1;
  const held = holderOf(job, taskId);
  job.feed({ type: "progress", ...held, stage, fraction, movement, fps: 10, speed: 1 }, taskId);
}

export const failure = {
  stage: "transcoding",
  code: "TRANSCODE_ERROR",
  detail: "d",
  engine,
} as const;

export function fail(job: Driver, taskId: string, retryable = true): void {
  job.feed({ type: "fail", ...holderOf(job, taskId), ...failure, retryable }, taskId);
}

export function statesOf(job: Driver): readonly string[] {
  return job.live.tasks.map(({ state }) => state);
}
