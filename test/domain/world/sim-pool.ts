/**
 * A pool without a runtime: rows that survive, memory that does not, sockets with attachments, one alarm. It does
 * with the domain what the Durable Object does, so that a history can be played in microseconds.
 */
import { deadlinesOf, due, nextAlarm } from "../../../edge/domain/alarm.ts";
import type { Effect, VerifyEffect } from "../../../edge/domain/effects.ts";
import type { TaskEvent } from "../../../edge/domain/events.ts";
import {
  cancelJob,
  copyChunk,
  createJob,
  isEnded,
  limitRun,
  retryJob,
  type StepResult,
  snapshotOf,
  stepTask,
} from "../../../edge/domain/job.ts";
import { withRenewal } from "../../../edge/domain/lease.ts";
import { match } from "../../../edge/domain/match.ts";
import type { JobSnapshot, Lease, LiveJob, TaskIn } from "../../../edge/domain/model.ts";
import type { Rules } from "../../../edge/domain/rules.ts";
import type { JobSubmission } from "../../../edge/domain/submission.ts";
import type { WorkerMessage } from "../../../protocol/messages.ts";
import { needsOf } from "../../../protocol/needs.ts";
import type { LeaseRef } from "../../../protocol/task.ts";
import type { Oracle } from "./oracle.ts";
import { eventOf, type Sent, type Upstream } from "./sim-messages.ts";
import { SimPlaylists } from "./sim-playlists.ts";
import { acceptedOutputs, readyTasks } from "./sim-shell.ts";
import { SimSockets } from "./sim-sockets.ts";

export class SimPool {
  readonly rules: Rules;
  readonly oracle: Oracle;
  readonly rows = new Map<string, LiveJob>();
  readonly sockets = new SimSockets();
  readonly checks: VerifyEffect[] = [];
  readonly outbox: JobSnapshot[] = [];
  readonly d1 = new Map<string, JobSnapshot>();
  alarmAt: number | null = null;
  now: number;
  readonly #playlists = new SimPlaylists();
  #memory = new Map<string, LiveJob>();
  readonly #send: (workerId: string, sessionId: string, message: Sent) => void;

  constructor(
    rules: Rules,
    oracle: Oracle,
    now: number,
    send: (workerId: string, sessionId: string, message: Sent) => void,
  ) {
    this.rules = rules;
    this.oracle = oracle;
    this.now = now;
    this.#send = send;
  }

  submit(submission: JobSubmission): void {
    const { jobId } = submission;
    if (this.rows.has(jobId)) return;
    const created = createJob(submission, this.now);
    this.oracle.submitted(jobId);
    this.#commit(jobId, created.live, created.effects, created.durable);
    this.dispatch();
  }

  cancel(jobId: string): void {
    this.#step(jobId, (live) => cancelJob(live, this.now, this.rules));
  }

  retry(jobId: string, timeoutSeconds: number | undefined): void {
    const live = this.load(jobId);
    if (live === null) return;
    const result = retryJob(live, { timeoutSeconds }, this.now, this.rules);
    if (result.status === "ok") this.#commit(jobId, result.live, result.effects, true);
    this.dispatch();
  }

  limit(jobId: string): void {
    this.#step(jobId, (live) => limitRun(live, this.now, this.rules));
  }

  /** Feeds one event to a task, with the judge at both ends. */
  feed(jobId: string, taskId: string, event: TaskEvent): StepResult["status"] {
    const isStale = this.oracle.isStale(taskId, event);
    const before = this.load(jobId);
    const result = this.#step(jobId, (live) => stepTask(live, taskId, event, this.rules), {
      taskId,
      event,
    });
    if (isStale && before !== null) {
      const after = this.load(jobId);
      const isUnchanged =
        after !== null &&
        after.job === before.job &&
        after.tasks.every((task, index) => task === before.tasks[index]);
      this.oracle.judgeStale(taskId, event, isUnchanged);
    }
    return result;
  }

  receive({ workerId, sessionId, message }: Upstream): void {
    switch (message.type) {
      case "hello":
        this.#greet(workerId, sessionId, message.leases);
        return;
      case "pull":
        this.sockets.pulled(workerId, sessionId, message.free);
        this.dispatch();
        return;
      case "progress":
      case "complete":
      case "plan":
      case "fail":
      case "release":
        this.#attemptMessage(workerId, message);
        this.dispatch();
    }
  }

  /** A socket closed. `isSeen` when the pool was alive to see it. */
  close(sessionId: string, isSeen: boolean): void {
    const workerId = this.sockets.workerOf(sessionId);
    if (workerId === null) return;
    // A close that wakes the pool hands over the socket: its renewals are read before it is gone.
    if (isSeen) for (const jobId of this.rows.keys()) this.load(jobId);
    this.sockets.close(sessionId);
    if (!isSeen) return;
    for (const { jobId, taskId } of this.#leasedBy(workerId)) {
      this.feed(jobId, taskId, { type: "disconnect", now: this.now, sessionId });
    }
  }

  /** The object leaves memory. With its sockets kept (hibernation), attachments remain; else all is gone. */
  evict(keepSockets: boolean): void {
    if (!keepSockets) {
      for (const sessionId of this.sockets.ids()) this.close(sessionId, false);
    }
    this.#memory = new Map();
    this.oracle.memoryLost((sessionId) => this.sockets.isOpen(sessionId));
  }

  alarm(): void {
    for (const jobId of this.rows.keys()) {
      // What is fed may make more due (a lost lease without grace): again until nothing is.
      for (let round = 0; round < 5; round++) {
        const live = this.load(jobId);
        const dues = live === null ? [] : due(live, this.now, this.#isHeld, this.rules);
        for (const item of dues) {
          if (item.kind === "run_limit") this.limit(jobId);
          else this.feed(jobId, item.taskId, item.event);
        }
        if (dues.length === 0) break;
      }
    }
    this.oracle.alarmServed(this.now);
    this.dispatch();
    this.#arm();
  }

  dispatch(): void {
    const jobs = [...this.rows.keys()].flatMap((jobId) => this.load(jobId) ?? []);
    const ready = jobs.flatMap(readyTasks);
    const workers = [...this.sockets.credit].map(([workerId, credit]) => {
      const slots = this.oracle.slots.get(workerId) ?? 0;
      const held = this.#heldBy(workerId);
      const free = Math.min(credit, slots - held);
      return { workerId, slots, held, free, encoders: [], takesParts: true };
    });
    const active = { accounts: new Map<string, number>(), jobs: new Map<string, number>() };
    const { assignments } = match(ready, workers, active, this.now, this.rules);
    for (const { taskId, workerId, slots } of assignments) this.grant(taskId, workerId, slots);
  }

  /** Leases a chunk that runs for a second time. */
  copy(jobId: string, taskId: string): void {
    this.#step(jobId, (live) => copyChunk(live, taskId, this.now, this.rules));
    this.dispatch();
  }

  /** Leases the task to the worker, whoever says so. */
  grant(taskId: string, workerId: string, slots: number): void {
    const sessionId = this.sockets.sessionOf(workerId);
    const jobId = this.jobOf(taskId);
    if (sessionId === undefined || jobId === null) return;
    const { now } = this;
    const event = { type: "grant", now, workerId, workerName: workerId, sessionId, slots } as const;
    if (this.feed(jobId, taskId, event) !== "ok") return;
    this.sockets.spend(workerId, slots);
  }

  /** The shell's check of an attempt's outputs came back. */
  checked(check: VerifyEffect, isGood: boolean): void {
    const { jobId, taskId, epoch } = check;
    const { now } = this;
    if (!isGood) {
      const code = "ENGINE_INVALID_RESPONSE";
      this.feed(jobId, taskId, { type: "verify_failed", now, epoch, code, detail: "too short" });
      return;
    }
    this.oracle.checkPassed(taskId, epoch);
    const outputs = acceptedOutputs(check);
    this.feed(jobId, taskId, { type: "verified", now, epoch, outputs });
  }

  /** D1 takes one projection, in whatever order they come. */
  project(snapshot: JobSnapshot): void {
    const known = this.d1.get(snapshot.jobId)?.revision ?? 0;
    if (known < snapshot.revision) this.d1.set(snapshot.jobId, snapshot);
  }

  load(jobId: string): LiveJob | null {
    const known = this.#memory.get(jobId);
    if (known !== undefined) return known;
    const row = this.rows.get(jobId);
    if (row === undefined) return null;
    const tasks = row.tasks.map((task) =>
      task.state === "leased" ? withRenewal(task, this.sockets.renewalOf(task)) : task,
    );
    const live = { ...row, tasks };
    this.#memory.set(jobId, live);
    return live;
  }

  /** Whether every job has ended and nothing is left to be checked. */
  isAtRest(): boolean {
    return [...this.rows.values()].every(({ tasks }) => tasks.every(isEnded));
  }

  /** What a lease of the job would take of the worker; null where it has no room for that. */
  roomFor(jobId: string, workerId: string): number | null {
    const submission = this.load(jobId)?.job.submission;
    const all = this.oracle.slots.get(workerId) ?? 0;
    const slots = submission === undefined ? 1 : Math.min(needsOf(submission.work).slots, all);
    return this.#heldBy(workerId) + slots <= all ? slots : null;
  }

  jobOf(taskId: string): string | null {
    for (const [jobId, { tasks }] of this.rows) {
      if (tasks.some((task) => task.taskId === taskId)) return jobId;
    }
    return null;
  }

  #attemptMessage(workerId: string, message: Extract<WorkerMessage, { lease: LeaseRef }>): void {
    const { taskId, epoch } = message.lease;
    const jobId = this.jobOf(taskId);
    if (jobId === null) return;
    const common = { now: this.now, epoch, workerId };
    const status = this.feed(jobId, taskId, eventOf(message, common));
    if (status === "ok") return;
    if (message.type === "progress") {
      this.#toWorker(workerId, { type: "revoke", lease: message.lease });
      return;
    }
    const answer = {
      type: "ack",
      of: message.type,
      lease: message.lease,
      status: "refused",
      isLive: false,
    } as const;
    this.#toWorker(workerId, answer);
  }

  #greet(
    workerId: string,
    sessionId: string,
    claims: Extract<WorkerMessage, { type: "hello" }>["leases"],
  ): void {
    const older = this.sockets.sessionOf(workerId);
    this.sockets.open(workerId, sessionId);
    const held = this.#leasedBy(workerId);
    const lost: LeaseRef[] = [];
    const { now } = this;
    for (const { lease, stage, fraction } of claims) {
      const { taskId, epoch } = lease;
      const jobId = this.jobOf(taskId);
      const event = { type: "resume", now, epoch, workerId, sessionId, stage, fraction } as const;
      if (jobId === null || this.feed(jobId, taskId, event) !== "ok") lost.push(lease);
    }
    for (const { jobId, taskId } of held) {
      if (claims.some((claim) => claim.lease.taskId === taskId)) continue;
      this.feed(jobId, taskId, { type: "not_claimed", now, workerId });
    }
    this.#toWorker(workerId, { type: "welcome", lost });
    // The newer socket wins; the close of the older comes after.
    if (older !== undefined && older !== sessionId) this.close(older, true);
    this.dispatch();
  }

  #step(
    jobId: string,
    step: (live: LiveJob) => StepResult,
    fed?: { readonly taskId: string; readonly event: TaskEvent },
  ): StepResult["status"] {
    const live = this.load(jobId);
    if (live === null) return "rejected";
    const result = step(live);
    if (fed !== undefined) {
      if (result.status === "ok") this.oracle.accepted(fed.taskId, fed.event);
      const isAnswer = ["complete", "fail", "release", "plan"].includes(fed.event.type);
      const answer = result.status === "ok" ? null : `refused ${result.reason}`;
      if (isAnswer) this.oracle.answered(fed.taskId, fed.event, answer);
    }
    if (result.status !== "ok") return result.status;
    this.#commit(jobId, result.live, result.effects, result.durable);
    return "ok";
  }

  /** Rows and outbox first, then memory and attachments, then the effects. */
  #commit(jobId: string, live: LiveJob, effects: readonly Effect[], isDurable: boolean): void {
    if (isDurable) this.rows.set(jobId, live);
    for (const task of live.tasks) {
      if (task.run !== live.job.run) continue;
      this.oracle.knows(task, needsOf(live.job.submission.work, task.kind).slots);
    }
    this.#memory.set(jobId, live);
    for (const task of live.tasks) this.sockets.attach(task);
    for (const effect of effects) this.#run(effect);
    this.oracle.shown(snapshotOf(live.job, live.tasks, this.rules));
    if (isDurable) this.#arm();
  }

  #run(effect: Effect): void {
    this.oracle.effect(effect, this.now);
    switch (effect.type) {
      case "grant": {
        const sessionId = this.sockets.sessionOf(effect.workerId);
        if (sessionId !== undefined) this.oracle.heldBy(effect.taskId, sessionId);
        const pin = this.load(effect.jobId)?.job.pins?.v720?.configSha256[0] ?? null;
        const { slots } = effect;
        const chunk = this.#chunkOf(effect);
        this.#toWorker(effect.workerId, { type: "lease", lease: effect, slots, pin, chunk });
        return;
      }
      case "revoke":
        this.#toWorker(effect.workerId, { type: "revoke", lease: effect });
        return;
      case "ack": {
        const { of, status, taskId, epoch } = effect;
        const task = this.load(effect.jobId)?.tasks.find((known) => known.taskId === taskId);
        const isLive = task?.state === "leased" && task.lease.epoch === epoch;
        this.#toWorker(effect.workerId, { type: "ack", of, status, lease: effect, isLive });
        return;
      }
      case "verify":
        this.checks.push(effect);
        return;
      case "project":
        this.outbox.push(effect.snapshot);
        return;
      case "parts":
        this.oracle.listed(effect, this.#playlists.accept(effect));
        return;
      case "ledger":
      case "collect":
      case "collect_run":
      case "plan":
      case "source":
      case "event":
      case "webhook":
      case "arm_alarm":
    }
  }

  #chunkOf({ jobId, taskId }: { readonly jobId: string; readonly taskId: string }): number | null {
    const task = this.load(jobId)?.tasks.find((one) => one.taskId === taskId);
    return task?.chunk?.index ?? null;
  }

  #arm(): void {
    const deadlines = [...this.rows.values()].flatMap((live) => deadlinesOf(live, this.now));
    this.alarmAt = nextAlarm(deadlines, this.now);
  }

  #toWorker(workerId: string, message: Sent): void {
    const sessionId = this.sockets.sessionOf(workerId);
    if (sessionId !== undefined) this.#send(workerId, sessionId, message);
  }

  #heldBy(workerId: string): number {
    return this.#leasedBy(workerId).reduce((sum, { lease }) => sum + lease.slots, 0);
  }

  #leasedBy(workerId: string): TaskIn<"leased">[] {
    return [...this.rows.values()].flatMap(({ tasks }) =>
      tasks.flatMap((task) =>
        task.state === "leased" && task.lease.workerId === workerId ? [task] : [],
      ),
    );
  }

  readonly #isHeld = (lease: Lease): boolean => this.sockets.isOpen(lease.sessionId);
}
