/** One job from its submission to its end, with its agent killed half-way or not. */
import { setTimeout as delay } from "node:timers/promises";
import type { Job, JobRequest } from "../../protocol/http/jobs.ts";
import { isTerminalState } from "../../protocol/stages.ts";
import type { Service } from "../service.ts";
import type { KillableAgent } from "./agent.ts";

const POLL_MS = 250;
const JOB_LIMIT_MS = 300_000;
const HALF_WAY_PERCENT = 50;

export interface RanJob {
  readonly wallSeconds: number;
  readonly sha256: string;
  /** How far the job was when its agent was killed, in per cent; null where none was, as for the others. */
  readonly killedAt: number | null;
  /** From the kill to the edge's welcome of the restarted agent. */
  readonly awayMs: number | null;
  /** From that to the next lease. */
  readonly leasedAgainMs: number | null;
}

/** Both sides ask as often how far the job is. @throws Error unless it completes, at the attempt that it should. */
export async function runJob(
  { client }: Service,
  request: JobRequest,
  agent: KillableAgent | null,
): Promise<RanJob> {
  const submittedAt = Date.now();
  const { jobId } = await client.createJob(request);
  let recovery: Promise<Omit<RanJob, "wallSeconds" | "sha256">> | null = null;
  for (;;) {
    const job = await client.job(jobId);
    if (isTerminalState(job.state)) {
      return resultOf(job, submittedAt, agent === null ? null : await recovery);
    }
    if (agent !== null && recovery === null && job.progress >= HALF_WAY_PERCENT) {
      recovery = killAndWatch(agent, job.progress);
    }
    if (Date.now() - submittedAt > JOB_LIMIT_MS) throw new Error(`${jobId} took too long`);
    await delay(POLL_MS);
  }
}

async function killAndWatch(agent: KillableAgent, progress: number) {
  const greeted = agent.next("greeted");
  const leased = agent.next("leased");
  const killed = performance.now();
  agent.kill();
  const backAt = await greeted;
  const leasedAt = await leased;
  return { killedAt: progress, awayMs: backAt - killed, leasedAgainMs: leasedAt - backAt };
}

function resultOf(
  job: Job,
  submittedAt: number,
  recovery: Omit<RanJob, "wallSeconds" | "sha256"> | null,
): RanJob {
  const attempts = recovery === null ? 1 : 2;
  if (job.state !== "completed" || job.completedAt === null || job.attempt !== attempts) {
    throw new Error(`The job ended as ${job.state} at attempt ${job.attempt}, not ${attempts}.`);
  }
  return {
    wallSeconds: (Date.parse(job.completedAt) - submittedAt) / 1000,
    sha256: job.outputs[0]?.sha256 ?? "",
    ...(recovery ?? { killedAt: null, awayMs: null, leasedAgainMs: null }),
  };
}
