/** Agents without ffmpeg: what they hold, what they say, and what they do with what they are told. */
import type { WorkerMessage, WorkerMessageOf } from "../../../protocol/messages.ts";
import { type Stage, stages } from "../../../protocol/stages.ts";
import type { LeaseRef } from "../../../protocol/task.ts";
import { indexOf, planOf, soundIndex } from "../../support/plans.ts";
import { engine, report } from "../fixtures.ts";
import { type Sent, UNWANTED, type Upstream } from "./sim-messages.ts";

export interface Running {
  readonly lease: LeaseRef;
  slots: number;
  stage: Stage;
  fraction: number;
  movement: number;
  /** The codec configuration that the lease asks for; null when nothing is pinned yet. */
  readonly pin: string | null;
  readonly chunk: number | null;
  /** What it repeats until it is acknowledged. */
  last: WorkerMessage | null;
}

export class SimAgent {
  readonly workerId: string;
  readonly slots: number;
  readonly running = new Map<string, Running>();
  sessionId: string | null = null;
  #sessions = 0;
  readonly #send: (message: Upstream) => void;

  constructor(workerId: string, slots: number, send: (message: Upstream) => void) {
    this.workerId = workerId;
    this.slots = slots;
    this.#send = send;
  }

  /** Dials in and says what it holds, then how much more it takes. */
  connect(): void {
    this.sessionId = `${this.workerId}/${++this.#sessions}`;
    this.say({
      type: "hello",
      version: 1,
      name: this.workerId,
      slots: this.slots,
      capabilities: { ffmpegVersion: "7", encoders: [] },
      leases: [...this.running.values()].map(({ lease, stage, fraction }) => ({
        lease,
        stage,
        fraction,
      })),
    });
    this.pull();
  }

  /** The process died: nothing of what it ran is left. */
  die(): void {
    this.running.clear();
    this.sessionId = null;
  }

  pull(): void {
    const busy = [...this.running.values()]
      .filter(({ last }) => last === null)
      .reduce((sum, { slots }) => sum + slots, 0);
    this.say({ type: "pull", free: Math.max(0, this.slots - busy) });
  }

  /** Works a little and says so; `isStalled` says the same again without having moved. */
  work(pick: number, isStalled: boolean): void {
    const attempt = this.pick(pick);
    if (attempt === undefined || attempt.last !== null) return;
    if (!isStalled) {
      attempt.movement += 10;
      attempt.fraction += 0.25;
      if (attempt.fraction > 1) {
        attempt.stage = stages[stages.indexOf(attempt.stage) + 1] ?? attempt.stage;
        attempt.fraction = 0;
      }
    }
    this.say(progressOf(attempt));
  }

  /** Its plan is made, and leaves some of its slots. */
  narrow(pick: number, slots: number): void {
    const attempt = this.pick(pick);
    if (attempt === undefined || attempt.last !== null) return;
    attempt.slots = Math.min(attempt.slots, slots);
    this.say({ ...progressOf(attempt), slots: attempt.slots });
    this.pull();
  }

  finish(pick: number, message: (lease: LeaseRef, attempt: Running) => WorkerMessage): void {
    const attempt = this.pick(pick);
    if (attempt === undefined || attempt.last !== null) return;
    attempt.last = message(attempt.lease, attempt);
    this.say(attempt.last);
  }

  repeat(pick: number): void {
    const last = this.pick(pick)?.last;
    if (last) this.say(last);
  }

  hear(message: Sent): void {
    switch (message.type) {
      case "lease":
        this.running.set(message.lease.taskId, {
          lease: { taskId: message.lease.taskId, epoch: message.lease.epoch },
          slots: message.slots,
          stage: "probing",
          fraction: 0,
          movement: 0,
          pin: message.pin,
          chunk: message.chunk,
          last: null,
        });
        return;
      case "ack":
        if (message.of === "plan" && message.status === "refused" && message.isLive) {
          this.#goOn(message.lease);
          return;
        }
        this.#drop(message.lease);
        this.pull();
        return;
      case "revoke":
        this.#drop(message.lease);
        this.pull();
        return;
      case "welcome":
        for (const lease of message.lost) this.#drop(lease);
        this.pull();
    }
  }

  pick(index: number): Running | undefined {
    const all = [...this.running.values()];
    return all[index % Math.max(1, all.length)];
  }

  say(message: WorkerMessage): void {
    const { workerId, sessionId } = this;
    if (sessionId !== null) this.#send({ workerId, sessionId, message });
  }

  /** The whole is its own to do after all. */
  #goOn(lease: LeaseRef): void {
    const attempt = this.running.get(lease.taskId);
    if (attempt?.lease.epoch === lease.epoch) attempt.last = null;
  }

  #drop(lease: LeaseRef): void {
    if (this.running.get(lease.taskId)?.lease.epoch === lease.epoch) {
      this.running.delete(lease.taskId);
    }
  }
}

export function progressOf(attempt: Running): WorkerMessageOf<"progress"> {
  const { lease, stage, fraction, movement } = attempt;
  return {
    type: "progress",
    lease,
    stage,
    fraction,
    movement,
    frame: null,
    fps: null,
    speed: null,
  };
}

export function completion(lease: LeaseRef, attempt?: Running): WorkerMessage {
  const index = indexOf({ config: attempt?.pin ?? "a" });
  return { type: "complete", lease, outputs: [{ ...report, index }], engine };
}

/** As `completion`; the first chunk brings the first piece of sound along. */
export function audibleCompletion(lease: LeaseRef, attempt: Running): WorkerMessage {
  const made = completion(lease, attempt);
  if (made.type !== "complete" || attempt.chunk !== 0) return made;
  return {
    ...made,
    outputs: [...made.outputs, { ...report, filename: "first", index: soundIndex }],
  };
}

/** Made with another codec configuration than was asked for. */
export function strayCompletion(lease: LeaseRef): WorkerMessage {
  return {
    type: "complete",
    lease,
    outputs: [{ ...report, index: indexOf({ config: "b" }) }],
    engine,
  };
}

/** A division into chunks of one frame, two frames, ... */
export function planning(chunks: number, audio: boolean, isWanted: boolean) {
  const frames = Array.from({ length: chunks }, (_, at) => at + 1);
  const renditions = [isWanted ? "v720" : UNWANTED];
  const plan = planOf(frames, { audio, renditions });
  return (lease: LeaseRef): WorkerMessage => ({ type: "plan", lease, plan, engine });
}

export function emptyCompletion(lease: LeaseRef): WorkerMessage {
  return { type: "complete", lease, outputs: [], engine };
}

export function failure(retryable: boolean) {
  return (lease: LeaseRef, { stage }: Running): WorkerMessage => ({
    type: "fail",
    lease,
    stage,
    code: "TRANSCODE_ERROR",
    detail: "FFmpeg exited with code 1",
    retryable,
    engine,
  });
}

export function rejection(lease: LeaseRef): WorkerMessage {
  return {
    type: "fail",
    lease,
    stage: "probing",
    code: "UNSUPPORTED_FORMAT",
    detail: "No stream",
    retryable: false,
    engine,
  };
}

export function givingBack(lease: LeaseRef): WorkerMessage {
  return { type: "release", lease, reason: "no_disk" };
}
