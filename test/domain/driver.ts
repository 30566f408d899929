/** Drives one job by hand: the steps must be accepted, and their effects are kept. */
import type { Effect } from "../../edge/domain/effects.ts";
import type { TaskEvent } from "../../edge/domain/events.ts";
import {
  cancelJob,
  createJob,
  limitRun,
  retryJob,
  type StepResult,
  snapshotOf,
  stepTask,
} from "../../edge/domain/job.ts";
import type { AcceptedOutput, JobSnapshot, LiveJob, Task } from "../../edge/domain/model.ts";
import type { Rules } from "../../edge/domain/rules.ts";
import type { JobSubmission } from "../../edge/domain/submission.ts";
import type { Stage } from "../../protocol/stages.ts";
import { engine, noMedia, report, rulesWith, submissionOf, T0 } from "./fixtures.ts";

/** An event without the time, which the driver adds. */
type Untimed<E> = E extends TaskEvent ? Omit<E, "now"> : never;

export const output: AcceptedOutput = {
  name: "result.mp4",
  key: "jobs/j/1/t/1/result.mp4",
  etag: "e",
  contentType: "video/mp4",
  format: "mp4",
  sizeBytes: 1,
  sha256: "0".repeat(64),
  media: noMedia,
};

export class Driver {
  live: LiveJob;
  now = T0;
  readonly effects: Effect[] = [];
  readonly rules: Rules = rulesWith();

  constructor(facts: Partial<JobSubmission> = {}) {
    const created = createJob(submissionOf(0, facts), this.now);
    this.live = created.live;
    this.effects.push(...created.effects);
  }

  get task(): Task {
    const [task] = this.live.tasks;
    if (task === undefined) throw new Error("a job without a task");
    return task;
  }

  get snapshot(): JobSnapshot {
    return snapshotOf(this.live.job, this.live.tasks);
  }

  after(ms: number): this {
    this.now += ms;
    return this;
  }

  feed(event: Untimed<TaskEvent>, taskId = this.task.taskId): this {
    return this.#take(
      stepTask(this.live, taskId, { ...event, now: this.now } as TaskEvent, this.rules),
    );
  }

  lease(worker = "gpu-1"): this {
    const workerId = `wkr_${worker}`;
    return this.feed({ type: "grant", workerId, workerName: worker, sessionId: `s-${worker}` });
  }

  progress(stage: Stage, fraction: number, movement: number): this {
    return this.feed({
      type: "progress",
      ...this.#holder(),
      stage,
      fraction,
      movement,
      fps: null,
      speed: null,
    });
  }

  fail(retryable: boolean, code: "TRANSCODE_ERROR" | "UNSUPPORTED_FORMAT" = "TRANSCODE_ERROR") {
    const stage = this.#lease().stage ?? "probing";
    const detail = "FFmpeg exited with code 1: Invalid data found when processing input";
    return this.feed({ type: "fail", ...this.#holder(), stage, code, detail, retryable, engine });
  }

  complete(outputs = [report]): this {
    return this.feed({ type: "complete", ...this.#holder(), result: { outputs, engine } });
  }

  verified(): this {
    return this.feed({ type: "verified", epoch: this.task.epoch, outputs: [output] });
  }

  cancel(): this {
    return this.#take(cancelJob(this.live, this.now, this.rules));
  }

  limitRun(): this {
    return this.#take(limitRun(this.live, this.now, this.rules));
  }

  retry(options: { timeoutSeconds?: number } = {}): this {
    const result = retryJob(this.live, options, this.now, this.rules);
    if (result.status !== "ok") throw new Error(result.reason);
    return this.#take(result);
  }

  /** The last attempt's row in the ledger. */
  get ledger() {
    return this.effects.findLast((effect) => effect.type === "ledger")?.record;
  }

  of<T extends Effect["type"]>(type: T): Extract<Effect, { type: T }>[] {
    return this.effects.filter(
      (effect): effect is Extract<Effect, { type: T }> => effect.type === type,
    );
  }

  #take(result: StepResult): this {
    if (result.status !== "ok") throw new Error(`rejected: ${result.reason}`);
    this.live = result.live;
    this.effects.push(...result.effects);
    return this;
  }

  #lease() {
    const { task } = this;
    if (task.state !== "leased" && task.state !== "verifying") throw new Error(task.state);
    return task.lease;
  }

  #holder() {
    const { epoch, workerId } = this.#lease();
    return { epoch, workerId };
  }
}
