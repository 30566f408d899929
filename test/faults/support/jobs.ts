/** Jobs of the experiments: made distinct, waited for, and judged by what every client can see. */
import { createHash } from "node:crypto";
import { expect } from "vitest";
import { ApiFailure, type TelecineClient } from "../../../cli/client.ts";
import type { Attempt, Job, JobRequest } from "../../../protocol/http/jobs.ts";
import { isTerminalState } from "../../../protocol/stages.ts";
import { until } from "./processes.ts";

/** Far more than any experiment's job takes: past it the job counts as lost. */
const JOB_LIMIT_MS = 120_000;
/** Between two looks at a job; `until`'s own would be a load by itself. */
const LOOK_MS = 50;

/** A job that re-encodes the video. The name makes it distinct: the same work twice would be refused. */
export function transcodeJob(videoId: string, name: string): JobRequest {
  return {
    input_files: { in_1: { videoId } },
    output_files: { out_1: `${name}.mp4` },
    recipe: { name: "transcode", preset: "ultrafast" },
  } as JobRequest;
}

/**
 * Calls until the edge answers: one that is being killed answers nothing, or breaks off. Refusals are answers.
 *
 * @throws what the call threw, after `limitMs`.
 */
export async function persistently<T>(call: () => Promise<T>, limitMs = 60_000): Promise<T> {
  let answer: { readonly value: T } | null = null;
  let failure: unknown = null;
  await until(
    "the edge's answer",
    limitMs,
    async () => {
      try {
        answer = { value: await call() };
        return true;
      } catch (error) {
        if (error instanceof ApiFailure && error.status < 500) throw error;
        failure = error;
        return false;
      }
    },
    LOOK_MS,
  ).catch((error: unknown) => {
    throw failure ?? error;
  });
  return (answer as unknown as { readonly value: T }).value;
}

/** Waits until the job satisfies. It must not end before that. */
export async function untilJob(
  client: TelecineClient,
  jobId: string,
  satisfies: (job: Job) => boolean,
): Promise<Job> {
  let seen: Job | null = null;
  await until(
    `job ${jobId}`,
    JOB_LIMIT_MS,
    async () => {
      const job = await persistently(() => client.job(jobId));
      seen = job;
      if (satisfies(job)) return true;
      if (isTerminalState(job.state)) {
        throw new Error(`${jobId} ended as ${job.state}: ${JSON.stringify(job.error)}`);
      }
      // No output is visible before the attempt that made it has been accepted.
      expect(job.outputs).toEqual([]);
      return false;
    },
    LOOK_MS,
  ).catch((error: unknown) => {
    throw new Error(`${error}\nlast seen: ${JSON.stringify(seen)}`);
  });
  return seen as unknown as Job;
}

/** Waits until the job has ended in whatever way. */
export function untilEnd(client: TelecineClient, jobId: string): Promise<Job> {
  return untilJob(client, jobId, (job) => isTerminalState(job.state));
}

/** The ledger: every attempt of the job, oldest first. */
export async function ledgerOf(client: TelecineClient, jobId: string): Promise<Attempt[]> {
  const { attempts } = await persistently(() =>
    client.call<{ attempts: Attempt[] }>("GET", `/v1/jobs/${jobId}/attempts`),
  );
  return attempts;
}

/** The attempt that runs now, once it encodes. */
export async function untilEncoding(client: TelecineClient, jobId: string): Promise<Attempt> {
  await untilJob(client, jobId, (job) => job.state === "transcoding" && job.progress > 0);
  const attempt = (await ledgerOf(client, jobId)).at(-1);
  if (attempt === undefined) throw new Error(`${jobId} encodes without an attempt`);
  return attempt;
}

/**
 * What must hold of every job that completed, whatever happened on the way: one output, its bytes those that the
 * job declares; exactly one attempt that was accepted, and it is the last; epochs that only grew.
 *
 * @returns the bytes that clients get, and the ledger.
 */
export async function checkCompleted(
  client: TelecineClient,
  jobId: string,
): Promise<{ readonly bytes: Uint8Array; readonly ledger: readonly Attempt[] }> {
  const job = await persistently(() => client.job(jobId));
  expect(job, jobId).toMatchObject({ state: "completed", progress: 100, error: null });
  expect(job.outputs).toHaveLength(1);
  const [output] = job.outputs;
  // The signed URL, without a key: what a player would use.
  const answer = await fetch(output?.url ?? "");
  expect(answer.status).toBe(200);
  const bytes = new Uint8Array(await answer.arrayBuffer());
  expect(bytes.length).toBe(output?.size);
  expect(createHash("sha256").update(bytes).digest("hex")).toBe(output?.sha256);

  const ledger = await ledgerOf(client, jobId);
  const epochs = ledger.map((attempt) => attempt.epoch);
  expect(epochs).toEqual([...new Set(epochs)].sort((a, b) => a - b));
  const accepted = ledger.filter((attempt) => attempt.state === "completed");
  expect(accepted.map((attempt) => attempt.epoch)).toEqual([epochs.at(-1)]);
  return { bytes, ledger };
}
