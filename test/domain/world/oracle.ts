/**
 * The judge of a history. It knows nothing of the machine's insides: it hears the events that go in, whether they
 * were accepted, and the effects that come out, and holds them against the invariants of the design.
 */
import type {
  Effect,
  GrantEffect,
  LedgerEffect,
  PartsEffect,
  WebhookEffect,
} from "../../../edge/domain/effects.ts";
import type { TaskEvent } from "../../../edge/domain/events.ts";
import type { JobSnapshot, Task } from "../../../edge/domain/model.ts";
import { RELEASE_ALLOWANCE } from "../../../edge/domain/retry.ts";
import { isTerminalState } from "../../../protocol/stages.ts";
import { GRACE_MS, TTL_MS } from "../fixtures.ts";
import { type KnownJob, type KnownLease, type KnownTask, keyOf, type PartKey } from "./known.ts";
import { Violation } from "./laws.ts";

export class Oracle {
  readonly tasks = new Map<string, KnownTask>();
  readonly jobs = new Map<string, KnownJob>();
  readonly slots: ReadonlyMap<string, number>;
  readonly #passedChecks = new Set<string>();
  readonly #answers = new Map<string, string>();
  readonly #webhooks = new Map<string, WebhookEffect>();

  constructor(slots: ReadonlyMap<string, number>) {
    this.slots = slots;
  }

  submitted(jobId: string): void {
    if (this.jobs.has(jobId)) return;
    this.jobs.set(jobId, {
      sequence: 0,
      run: 1,
      terminalRuns: new Map(),
      last: null,
      shown: null,
      accepted: new Map(),
      playable: new Set(),
    });
  }

  /** A task of the current run. Its number may have been another's in an earlier one; its epochs go on. */
  knows({ taskId, jobId, maxAttempts, kind, chunk, run }: Task, width: number): void {
    const facts = { jobId, maxAttempts, width, kind, chunk: chunk?.index ?? null, run };
    const known = this.tasks.get(taskId);
    if (known === undefined) {
      this.tasks.set(taskId, { ...facts, highestEpoch: 0, live: null, runs: new Map() });
    } else if (known.run !== run) {
      Object.assign(known, facts);
    } else {
      return;
    }
    if (chunk === null) return;
    const copies = [...this.tasks.values()].filter(
      (task) => task.jobId === jobId && task.run === run && task.chunk === chunk.index,
    );
    if (copies.length > 2) throw new Violation("copiedOnce", `chunk ${chunk.index} of ${jobId}`);
  }

  /** A part was accepted, and these chunks may be listed now. */
  listed({ jobId, taskId, run, chunk, files }: PartsEffect, chunks: readonly number[]): void {
    const job = this.#job(jobId);
    const accepted = job.accepted.get(run) ?? new Map<PartKey, string>();
    job.accepted.set(run, accepted);
    const part = keyOf({ kind: this.#task(taskId).kind, chunk });
    if (accepted.has(part)) throw new Violation("oneWinner", `part ${part} of ${jobId}`);
    const index = files[0]?.index;
    const config = index !== undefined && "configSha256" in index ? index.configSha256 : "";
    const [first = config] = [...accepted].flatMap(([at, other]) =>
      typeof at === "string" ? [] : other,
    );
    if (chunk !== null && config !== first) throw new Violation("pinned", `chunk ${chunk}`);
    accepted.set(part, config);
    if (chunk === 0 && files.some((file) => file.index?.track === "audio")) {
      accepted.set("prelude", "");
    }
    const isPrefix = chunks.every((at, place) => at === place && accepted.has(at));
    if (!isPrefix) throw new Violation("gapless", `${chunks}`);
  }

  /** Whether an event about an attempt speaks of one that is not live, or comes from another worker. */
  isStale(taskId: string, event: TaskEvent): boolean {
    const live = this.#task(taskId).live;
    if (!("epoch" in event)) return false;
    if (live === null || live.epoch !== event.epoch) return true;
    return "workerId" in event && event.workerId !== live.workerId;
  }

  /** A stale event must have left job and task as they were. */
  judgeStale(taskId: string, event: TaskEvent, isUnchanged: boolean): void {
    if (!isUnchanged) {
      throw new Violation("stale", `${event.type} of ${taskId} was stale and changed something`);
    }
  }

  /** An event that was accepted: what it means for the time its lease has left. */
  accepted(taskId: string, event: TaskEvent): void {
    const live = this.#task(taskId).live;
    if (live === null) return;
    switch (event.type) {
      case "progress":
        if (live.movement === null) {
          this.#setBase(live, null);
          live.resumedSinceMovement = null;
        } else if (event.movement > live.movement) {
          this.#setBase(live, event.now);
          live.resumedSinceMovement = false;
        }
        live.movement = Math.max(live.movement ?? 0, event.movement);
        live.slots = Math.min(live.slots, event.slots ?? live.slots);
        return;
      case "resume": {
        const isAgain = live.closeSeen ? live.resumedSinceMovement : false;
        this.#setBase(live, isAgain === null ? null : isAgain ? live.base : event.now);
        live.sessionId = event.sessionId;
        live.closeSeen = false;
        live.resumedSinceMovement = true;
        return;
      }
      case "disconnect":
        if (live.sessionId !== event.sessionId) return;
        if (live.until !== null) live.until = Math.min(live.until, event.now + GRACE_MS);
        live.closeSeen = true;
        return;
      case "lost":
        this.#setBase(live, event.now);
        return;
      default:
    }
  }

  /** The pool forgot what it had heard in memory; what open sockets carry in their attachments it still has. */
  memoryLost(isOpen: (sessionId: string) => boolean): void {
    for (const { live } of this.tasks.values()) {
      if (live === null || isOpen(live.sessionId)) continue;
      live.movement = null;
      this.#setBase(live, null);
    }
    for (const job of this.jobs.values()) job.shown = null;
  }

  clockStepped(): void {
    for (const { live } of this.tasks.values()) if (live !== null) this.#setBase(live, null);
  }

  checkPassed(taskId: string, epoch: number): void {
    this.#passedChecks.add(`${taskId} ${epoch}`);
  }

  /** After an alarm was served nothing may live whose time was over. */
  alarmServed(now: number): void {
    for (const [taskId, { live }] of this.tasks) {
      if (live === null || live.verifying || live.until === null) continue;
      if (now >= live.until) throw new Violation("notLate", `${taskId} epoch ${live.epoch}`);
    }
  }

  /** What a message was answered with; `null` while the answer is pending. */
  answered(taskId: string, event: TaskEvent, answer: string | null): void {
    if (answer === null || !("epoch" in event) || !("workerId" in event)) return;
    const key = `${taskId} ${event.epoch} ${event.workerId} ${event.type}`;
    this.#sameAnswer(key, answer);
  }

  effect(effect: Effect, now: number): void {
    switch (effect.type) {
      case "grant":
        this.#granted(effect);
        return;
      case "ledger":
        this.#recorded(effect, now);
        return;
      case "ack": {
        const { taskId, epoch, workerId, of, status, reason } = effect;
        this.#sameAnswer(`${taskId} ${epoch} ${workerId} ${of}`, `${status} ${reason}`);
        return;
      }
      case "project":
        this.#projected(effect.snapshot);
        return;
      case "event": {
        const job = this.#job(effect.jobId);
        if (effect.sequence !== job.sequence + 1) {
          throw new Violation("sequence", `${effect.sequence} after ${job.sequence}`);
        }
        job.sequence = effect.sequence;
        return;
      }
      case "webhook":
        this.#webhook(effect);
        return;
      case "revoke":
      case "verify":
      case "plan":
      case "parts":
      case "collect":
      case "collect_run":
      case "source":
      case "arm_alarm":
    }
  }

  /** Whatever a client reads: progress within one attempt never falls. */
  shown(snapshot: JobSnapshot): void {
    const job = this.#job(snapshot.jobId);
    const { run, attempt, progress } = snapshot;
    const before = job.shown;
    if (before?.run === run && before.attempt === attempt && progress < before.progress) {
      throw new Violation("progress", `${before.progress} fell to ${progress}`);
    }
    job.shown = { run, attempt, progress };
  }

  /** The end of a history, after faults have stopped. */
  finished(d1: ReadonlyMap<string, JobSnapshot>): void {
    for (const [jobId, job] of this.jobs) {
      if (job.last === null || !isTerminalState(job.last.state)) {
        throw new Violation("terminal", `${jobId} is still ${job.last?.state}`);
      }
      if (d1.get(jobId)?.revision !== job.last.revision) {
        throw new Violation("converges", `${jobId} is at ${d1.get(jobId)?.revision}`);
      }
      for (let run = 1; run <= job.run; run++) {
        if (!job.terminalRuns.has(run)) {
          throw new Violation("webhook", `run ${run} of ${jobId} has no terminal event`);
        }
      }
    }
  }

  #granted({ taskId, epoch, workerId, slots }: GrantEffect): void {
    const task = this.#task(taskId);
    if (epoch <= task.highestEpoch) {
      throw new Violation("epochsGrow", `${taskId}: ${epoch} after ${task.highestEpoch}`);
    }
    task.highestEpoch = epoch;
    if (task.kind === "merge") this.#judgeMerge(task);
    const others = [...this.tasks]
      .filter(([id, { live }]) => id !== taskId && live?.workerId === workerId && !live.verifying)
      .reduce((sum, [, { live }]) => sum + (live?.slots ?? 0), 0);
    const all = this.slots.get(workerId) ?? 0;
    if (others + slots > all) {
      throw new Violation("slots", `${workerId} holds ${others + slots} of ${all}`);
    }
    // A worker that does nothing else may be given what is wider than it offers.
    const owed = Math.min(task.width, all);
    if (slots < owed && others > 0) {
      throw new Violation("slots", `${taskId} takes ${slots} and may open ${owed} sessions`);
    }
    if (task.live !== null) task.live.slots = slots;
  }

  /** Every chunk and the audio of the run, by what the machine itself made. */
  #judgeMerge({ jobId, run }: KnownTask): void {
    const accepted = this.#job(jobId).accepted.get(run);
    for (const { jobId: itsJob, run: itsRun, kind, chunk } of this.tasks.values()) {
      if (itsJob !== jobId || itsRun !== run) continue;
      const isNeeded = kind === "chunk" || kind === "audio";
      if (isNeeded && !accepted?.has(keyOf({ kind, chunk }))) {
        throw new Violation("mergeLast", `a merge of ${jobId} before ${kind} ${chunk}`);
      }
    }
  }

  #recorded({ record }: LedgerEffect, now: number): void {
    const task = this.#task(record.taskId);
    const { epoch, workerId, state } = record;
    const rows = task.runs.get(record.run) ?? new Map();
    task.runs.set(record.run, rows);
    const isNew = !rows.has(epoch);
    rows.set(epoch, state);
    if (isNew && task.live !== null) {
      throw new Violation("oneLease", `${record.taskId} epoch ${epoch}`);
    }
    const leases = rows.size;
    const used = [...rows.values()].filter((row) => row !== "released").length;
    if (used > task.maxAttempts || leases > task.maxAttempts + RELEASE_ALLOWANCE) {
      throw new Violation(
        "attempts",
        `${used} attempts in ${leases} leases of ${task.maxAttempts}`,
      );
    }
    if (state === "running" || state === "verifying") {
      if (isNew && state === "running") {
        task.live = {
          epoch,
          workerId,
          slots: 1,
          sessionId: "",
          verifying: false,
          base: now,
          until: now + TTL_MS,
          movement: 0,
          resumedSinceMovement: false,
          closeSeen: false,
        };
      }
      if (task.live !== null) task.live.verifying = state === "verifying";
      return;
    }
    const silent = state === "expired" && record.error?.retryable === true;
    const until = task.live?.until ?? null;
    if (silent && until !== null && now < until) {
      throw new Violation("notEarly", `epoch ${epoch} expired ${until - now} ms early`);
    }
    task.live = null;
  }

  /** The session that a lease was sent to; the effect does not say. */
  heldBy(taskId: string, sessionId: string): void {
    const live = this.#task(taskId).live;
    if (live !== null) live.sessionId = sessionId;
  }

  #projected(snapshot: JobSnapshot): void {
    const job = this.#job(snapshot.jobId);
    const { last } = job;
    if (last !== null && isTerminalState(last.state) && snapshot.run === last.run) {
      throw new Violation("absorb", `${snapshot.jobId}: ${last.state} became ${snapshot.state}`);
    }
    if (snapshot.state === "completed") this.#judgeOutputs(snapshot);
    job.last = snapshot;
    job.run = snapshot.run;
    this.shown(snapshot);
  }

  #judgeOutputs({ jobId, outputs }: JobSnapshot): void {
    if (outputs.length === 0) throw new Violation("verified", `${jobId} has no output`);
    for (const { key } of outputs) {
      const [, , , taskId = "", epoch] = key.split("/");
      const rows = [...(this.tasks.get(taskId)?.runs.values() ?? [])];
      const won = rows.some((row) => row.get(Number(epoch)) === "completed");
      if (!won || !this.#passedChecks.has(`${taskId} ${epoch}`)) {
        throw new Violation("verified", `${jobId} serves ${key}`);
      }
    }
  }

  #webhook(effect: WebhookEffect): void {
    const twin = this.#webhooks.get(effect.eventId);
    if (twin !== undefined && twin.event !== effect.event) {
      throw new Violation("webhook", `${effect.eventId} is ${twin.event} and ${effect.event}`);
    }
    this.#webhooks.set(effect.eventId, effect);
    if (effect.event === "job.playable") this.#judgePlayable(effect);
    if (!isTerminalState(effect.snapshot.state)) return;
    const { terminalRuns } = this.#job(effect.jobId);
    const { run } = effect.snapshot;
    if (terminalRuns.has(run)) {
      throw new Violation("absorb", `run ${run}: ${terminalRuns.get(run)}, then ${effect.event}`);
    }
    terminalRuns.set(run, effect.event);
  }

  #judgePlayable({ jobId, snapshot: { run } }: WebhookEffect): void {
    const { playable, accepted } = this.#job(jobId);
    const parts = accepted.get(run);
    const isSilent = [...this.tasks.values()].every(
      (task) => task.jobId !== jobId || task.run !== run || task.kind !== "audio",
    );
    const isHeard = isSilent || parts?.has("prelude") || parts?.has("audio");
    const isFirst = !playable.has(run) && parts?.has(0) === true && isHeard;
    if (!isFirst) throw new Violation("playable", `run ${run} of ${jobId}`);
    playable.add(run);
  }

  #sameAnswer(key: string, answer: string): void {
    const first = this.#answers.get(key);
    if (first !== undefined && first !== answer) {
      throw new Violation("sameAnswer", `${key}: '${first}', then '${answer}'`);
    }
    this.#answers.set(key, answer);
  }

  #setBase(live: KnownLease, base: number | null): void {
    live.base = base;
    live.until = base === null ? null : base + TTL_MS;
  }

  #task(taskId: string): KnownTask {
    const task = this.tasks.get(taskId);
    if (task === undefined) throw new Error(`unknown task ${taskId}`);
    return task;
  }

  #job(jobId: string): KnownJob {
    const job = this.jobs.get(jobId);
    if (job === undefined) throw new Error(`unknown job ${jobId}`);
    return job;
  }
}
