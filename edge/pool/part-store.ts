/**
 * What divided jobs that run go by: their plans, written once each, and the files of their accepted parts. Apart from
 * the jobs' records, which must not grow with the number of chunks. Gone when the job ends. Synchronous.
 */
import type { ChunkPlan } from "../../protocol/chunks/contract.ts";
import type { AcceptedOutput } from "../domain/model.ts";

/** The files of one accepted part. */
export interface KeptPart {
  readonly taskId: string;
  readonly epoch: number;
  readonly kind: "chunk" | "audio";
  /** The chunk's number; null for the audio. */
  readonly chunk: number | null;
  readonly files: readonly AcceptedOutput[];
}

export interface PartStore {
  savePlan(jobId: string, plan: ChunkPlan): void;
  /** Null for a job that is not divided, or has ended. */
  plan(jobId: string): ChunkPlan | null;
  add(jobId: string, part: KeptPart): void;
  list(jobId: string): readonly KeptPart[];
  delete(jobId: string): void;
}

/** Plans kept parsed: each is asked for with every lease of its job, and is half a megabyte at most. */
const CACHED_PLANS = 16;

export function createPartStore(sql: SqlStorage): PartStore {
  const plans = new Map<string, ChunkPlan>();

  function remember(jobId: string, plan: ChunkPlan): void {
    plans.delete(jobId);
    plans.set(jobId, plan);
    const [oldest] = plans.keys();
    if (plans.size > CACHED_PLANS && oldest !== undefined) plans.delete(oldest);
  }

  return {
    savePlan(jobId, plan) {
      sql.exec(
        "INSERT OR REPLACE INTO plans (job_id, plan) VALUES (?, ?)",
        jobId,
        JSON.stringify(plan),
      );
      remember(jobId, plan);
    },

    plan(jobId) {
      const known = plans.get(jobId);
      if (known !== undefined) return known;
      const [row] = sql
        .exec<{ plan: string }>("SELECT plan FROM plans WHERE job_id = ?", jobId)
        .toArray();
      if (row === undefined) return null;
      const plan = JSON.parse(row.plan) as ChunkPlan;
      remember(jobId, plan);
      return plan;
    },

    add(jobId, part) {
      sql.exec(
        "INSERT OR REPLACE INTO parts (job_id, task_id, part) VALUES (?, ?, ?)",
        jobId,
        part.taskId,
        JSON.stringify(part),
      );
    },

    list(jobId) {
      return sql
        .exec<{ part: string }>("SELECT part FROM parts WHERE job_id = ?", jobId)
        .toArray()
        .map((row) => JSON.parse(row.part) as KeptPart);
    },

    delete(jobId) {
      plans.delete(jobId);
      sql.exec("DELETE FROM parts WHERE job_id = ?", jobId);
      sql.exec("DELETE FROM plans WHERE job_id = ?", jobId);
    },
  };
}
