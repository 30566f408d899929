/** Our side: a job from the moment it is submitted to the one in which the edge calls it completed. */
import { setTimeout as delay } from "node:timers/promises";
import type { Job, JobRequest } from "../../protocol/http/jobs.ts";
import { isTerminalState } from "../../protocol/stages.ts";
import { type CpuByPart, differenceOf, telecineCpu, totalOf } from "../cpu-time.ts";
import type { Service } from "../service.ts";
import type { Spent } from "./plain.ts";

/** Seldom, because to ask costs CPU time: the edge itself says when the job was completed. */
const POLL_MS = 2_000;
const JOB_LIMIT_MS = 300_000;

/** Runs a job on the service. Both clocks are this machine's. @throws Error unless it is completed in time. */
export async function runJob(
  service: Service,
  request: JobRequest,
): Promise<Spent & { readonly job: Job; readonly parts: CpuByPart }> {
  const cpuBefore = await telecineCpu(service.pid);
  const submittedAt = Date.now();
  const { jobId } = await service.client.createJob(request);
  const job = await untilEnded(service, jobId, submittedAt + JOB_LIMIT_MS);
  if (job.state !== "completed" || job.completedAt === null) {
    throw new Error(`The job ended as ${job.state}: ${JSON.stringify(job.error)}`);
  }
  const parts = differenceOf(await telecineCpu(service.pid), cpuBefore);
  return {
    job,
    parts,
    wallSeconds: (Date.parse(job.completedAt) - submittedAt) / 1000,
    cpuSeconds: totalOf(parts),
  };
}

async function untilEnded({ client, log }: Service, jobId: string, until: number): Promise<Job> {
  for (;;) {
    const job = await client.job(jobId);
    if (isTerminalState(job.state)) return job;
    if (Date.now() > until) throw new Error(`${jobId} took too long\n${log.slice(-20).join("\n")}`);
    await delay(POLL_MS);
  }
}

/** How long the job was in each of its stages, and before the first, in milliseconds. */
export function stageTimes(job: Job): ReadonlyMap<string, number> {
  const times = new Map<string, number>();
  const started = job.startedAt ?? job.createdAt;
  times.set("queued", Date.parse(started) - Date.parse(job.createdAt));
  for (const { name, startedAt, completedAt } of job.stages) {
    if (completedAt !== null) times.set(name, Date.parse(completedAt) - Date.parse(startedAt));
  }
  return times;
}
