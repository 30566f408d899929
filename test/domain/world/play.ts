/** Plays a history to its end: the commands, then a time without faults in which everything must come to rest. */
import type { Rules } from "../../../edge/domain/rules.ts";
import { jobIdOf, submissionOf, T0, workOfWidth } from "../fixtures.ts";
import type { Command, History } from "./commands.ts";
import { Oracle } from "./oracle.ts";
import {
  audibleCompletion,
  completion,
  emptyCompletion,
  failure,
  givingBack,
  planning,
  progressOf,
  rejection,
  SimAgent,
  strayCompletion,
} from "./sim-agents.ts";
import type { Sent, Upstream } from "./sim-messages.ts";
import { SimPool } from "./sim-pool.ts";

const MAX_JOBS = 6;

const completions = {
  good: completion,
  audible: audibleCompletion,
  stray: strayCompletion,
  empty: emptyCompletion,
} as const;

interface Downstream {
  readonly workerId: string;
  readonly sessionId: string;
  readonly message: Sent;
}

/** Plays the history; throws a `Violation` where an invariant breaks. */
export function play(history: History, rules: Rules): void {
  const world = new World(history.workers, rules);
  for (const command of history.commands) world.do(command);
  world.settle();
}

class World {
  readonly #oracle: Oracle;
  readonly #pool: SimPool;
  readonly #agents: readonly SimAgent[];
  readonly #up: Upstream[] = [];
  readonly #down: Downstream[] = [];
  #jobs = 0;

  constructor(workers: readonly number[], rules: Rules) {
    const names = workers.map((slots, at) => [`gpu-${at}`, slots] as const);
    this.#oracle = new Oracle(new Map(names));
    this.#pool = new SimPool(rules, this.#oracle, T0, (workerId, sessionId, message) =>
      this.#down.push({ workerId, sessionId, message }),
    );
    this.#agents = names.map(
      ([name, slots]) => new SimAgent(name, slots, (message) => this.#up.push(message)),
    );
    for (const agent of this.#agents) agent.connect();
    this.#deliverAll();
  }

  do(command: Command): void {
    const pool = this.#pool;
    switch (command.op) {
      case "submit":
        if (this.#jobs < MAX_JOBS) {
          const { width, format, ...facts } = command;
          const outputs = { out_1: { filename: "result", format } } as const;
          const work = workOfWidth(width);
          pool.submit(submissionOf(this.#jobs++, { ...facts, work, outputs }));
        }
        return;
      case "divide":
        this.#agent(command.worker).finish(
          command.pick,
          planning(command.chunks, command.audio, command.isWanted),
        );
        return;
      case "divideThrough":
        this.#divideThrough(this.#agent(command.worker), command.chunks, command.done);
        return;
      case "connect":
        this.#agent(command.worker).connect();
        return;
      case "restart": {
        const agent = this.#agent(command.worker);
        this.#cut(agent, command.isSeen);
        agent.die();
        agent.connect();
        return;
      }
      case "disconnect":
        this.#cut(this.#agent(command.worker), command.isSeen);
        return;
      case "pull":
        this.#agent(command.worker).pull();
        return;
      case "work":
        this.#agent(command.worker).work(command.pick, command.isStalled);
        return;
      case "narrow":
        this.#agent(command.worker).narrow(command.pick, command.slots);
        return;
      case "hang":
        this.#hang(this.#agent(command.worker), command.pick);
        return;
      case "flap":
        this.#flap(this.#agent(command.worker));
        return;
      case "runThrough":
        this.#runThrough(this.#agent(command.worker));
        return;
      case "complete":
        this.#agent(command.worker).finish(command.pick, completions[command.kind]);
        return;
      case "fail": {
        const say = command.kind === "reject" ? rejection : failure(command.kind === "retry");
        this.#agent(command.worker).finish(command.pick, say);
        return;
      }
      case "release":
        this.#agent(command.worker).finish(command.pick, givingBack);
        return;
      case "giveBackForever":
        this.#giveBackForever(this.#agent(command.worker));
        return;
      case "repeat":
        this.#agent(command.worker).repeat(command.pick);
        return;
      case "impostor":
        this.#impersonate(command);
        return;
      case "deliverUp":
        this.#deliverUp(command.at);
        return;
      case "deliverDown":
        this.#deliverDown(command.at);
        return;
      case "deliverAll":
        this.#deliverAll();
        return;
      case "duplicate": {
        const message = this.#up[command.at % Math.max(1, this.#up.length)];
        // A socket is greeted once; everything after that may come twice.
        if (message !== undefined && message.message.type !== "hello") this.#up.push(message);
        return;
      }
      case "drop": {
        const queue = command.isUp ? this.#up : this.#down;
        if (queue.length > 0) queue.splice(command.at % queue.length, 1);
        return;
      }
      case "check":
        this.#check(command.at, command.isGood, command.isRepeated);
        return;
      default:
        this.#happen(command);
    }
  }

  /** What time, the platform and clients do. */
  #happen(
    command: Extract<
      Command,
      {
        op:
          | "tick"
          | "stall"
          | "alarm"
          | "wrongExpiry"
          | "staleGrant"
          | "stepClock"
          | "evict"
          | "cancel"
          | "copy"
          | "retry"
          | "revokeWorker"
          | "project";
      }
    >,
  ): void {
    const pool = this.#pool;
    switch (command.op) {
      case "tick":
        this.#pass(command.ms);
        return;
      case "stall":
        pool.now += command.ms;
        return;
      case "alarm":
        pool.alarm();
        return;
      case "wrongExpiry": {
        const jobId = this.#job(command.job);
        if (jobId === null) return;
        if (command.isRun) pool.limit(jobId);
        for (const { taskId } of pool.load(jobId)?.tasks ?? []) {
          pool.feed(jobId, taskId, { type: "expire", now: pool.now });
        }
        return;
      }
      case "staleGrant": {
        const jobId = this.#job(command.job);
        const { workerId } = this.#agent(command.worker);
        // Only where a slot is free: slots are the matcher's to guard, one lease is the machine's.
        if (jobId === null) return;
        for (const { taskId } of pool.load(jobId)?.tasks ?? []) {
          const slots = pool.roomFor(jobId, workerId);
          if (slots !== null) pool.grant(taskId, workerId, slots);
        }
        return;
      }
      case "stepClock":
        pool.now += command.ms;
        this.#oracle.clockStepped();
        return;
      case "evict":
        this.#evict(command.keepSockets);
        return;
      case "copy": {
        const jobId = this.#job(command.job);
        const chunks = (jobId === null ? [] : (pool.load(jobId)?.tasks ?? [])).filter(
          ({ kind, state }) => kind === "chunk" && state === "leased",
        );
        const chunk = chunks[command.pick % Math.max(1, chunks.length)];
        if (jobId !== null && chunk !== undefined) pool.copy(jobId, chunk.taskId);
        return;
      }
      case "cancel": {
        const jobId = this.#job(command.job);
        if (jobId !== null) pool.cancel(jobId);
        return;
      }
      case "retry": {
        const jobId = this.#job(command.job);
        if (jobId !== null) pool.retry(jobId, command.isLonger ? 7200 : undefined);
        return;
      }
      case "revokeWorker":
        this.#revokeWorker(this.#agent(command.worker));
        return;
      case "project": {
        const [snapshot] = pool.outbox.splice(command.at % Math.max(1, pool.outbox.length), 1);
        if (snapshot !== undefined) pool.project(snapshot);
      }
    }
  }

  /** Faults stop: every agent is there and works, every message and every check arrives, the clock goes on. */
  settle(): void {
    const pool = this.#pool;
    for (let round = 0; round < 200 && !pool.isAtRest(); round++) {
      for (const agent of this.#agents) {
        if (agent.sessionId === null || !pool.sessions.has(agent.sessionId)) agent.connect();
        agent.pull();
      }
      this.#deliverAll();
      for (const agent of this.#agents) {
        for (let pick = 0; pick < agent.running.size; pick++) {
          agent.repeat(pick);
          agent.finish(pick, completion);
        }
      }
      this.#deliverAll();
      while (pool.checks.length > 0) this.#check(0, true, false);
      this.#deliverAll();
      this.#pass(Math.max(1000, (pool.alarmAt ?? 0) - pool.now));
    }
    for (const snapshot of pool.outbox.splice(0)) pool.project(snapshot);
    this.#oracle.finished(pool.d1);
  }

  /** Time passes, with the alarm at every instant that it is set to. */
  #pass(ms: number): void {
    const pool = this.#pool;
    const until = pool.now + ms;
    while (pool.alarmAt !== null && pool.alarmAt <= until) {
      pool.now = Math.max(pool.now, pool.alarmAt);
      const before = pool.alarmAt;
      pool.alarm();
      if (pool.alarmAt === before) pool.now += 1;
    }
    pool.now = Math.max(pool.now, until);
  }

  #evict(keepSockets: boolean): void {
    this.#pool.evict(keepSockets);
    if (keepSockets) return;
    this.#up.length = 0;
    this.#down.length = 0;
    for (const agent of this.#agents) agent.sessionId = null;
  }

  /** The socket of an agent breaks, with everything that was under way on it; the agent keeps what it runs. */
  #cut(agent: SimAgent, isSeen: boolean): void {
    const { sessionId } = agent;
    if (sessionId === null) return;
    agent.sessionId = null;
    keepIf(this.#up, (item) => item.sessionId !== sessionId);
    keepIf(this.#down, (item) => item.sessionId !== sessionId);
    if (isSeen) this.#pool.close(sessionId, true);
  }

  #hang(agent: SimAgent, pick: number): void {
    for (let round = 0; round < 4; round++) {
      agent.work(pick, true);
      this.#deliverAll();
      this.#pass(11_000);
    }
  }

  #flap(agent: SimAgent): void {
    for (let round = 0; round < 5; round++) {
      this.#cut(agent, true);
      this.#pass(8000);
      agent.connect();
      this.#deliverAll();
    }
  }

  #runThrough(agent: SimAgent): void {
    this.#pass(1000);
    agent.pull();
    this.#deliverAll();
    for (let pick = 0; pick < agent.running.size; pick++) agent.finish(pick, completion);
    this.#deliverAll();
  }

  #divideThrough(agent: SimAgent, chunks: number, done: number): void {
    this.#pass(1000);
    agent.pull();
    this.#deliverAll();
    agent.finish(0, planning(chunks, false, true));
    this.#deliverAll();
    for (let part = 0; part < done; part++) {
      agent.pull();
      this.#deliverAll();
      agent.finish(part, completion);
      this.#deliverAll();
      while (this.#pool.checks.length > 0) this.#check(0, true, false);
      this.#deliverAll();
    }
  }

  #giveBackForever(agent: SimAgent): void {
    for (let round = 0; round < 14; round++) {
      agent.pull();
      this.#deliverAll();
      for (let pick = 0; pick < agent.running.size; pick++) agent.finish(pick, givingBack);
      this.#deliverAll();
      this.#pass(31_000);
    }
  }

  #impersonate({ worker, pick, kind }: Extract<Command, { op: "impostor" }>): void {
    const attempt = this.#agent(worker).pick(pick);
    const other = this.#agent(worker + 1);
    if (attempt === undefined || other === this.#agent(worker)) return;
    const { lease } = attempt;
    const moved = { ...attempt, stage: "merging", fraction: 1, movement: 1_000_000 } as const;
    other.say(kind === "work" ? progressOf(moved) : completion(lease));
  }

  #revokeWorker(agent: SimAgent): void {
    const { now } = this.#pool;
    const { workerId } = agent;
    for (const jobId of this.#pool.rows.keys()) {
      for (const { taskId } of this.#pool.load(jobId)?.tasks ?? []) {
        this.#pool.feed(jobId, taskId, { type: "worker_revoked", now, workerId });
      }
    }
  }

  #check(at: number, isGood: boolean, isRepeated: boolean): void {
    const { checks } = this.#pool;
    const index = at % Math.max(1, checks.length);
    const check = checks[index];
    if (check === undefined) return;
    if (!isRepeated) checks.splice(index, 1);
    this.#pool.checked(check, isGood);
  }

  #deliverAll(): void {
    for (let turn = 0; turn < 100 && this.#up.length + this.#down.length > 0; turn++) {
      this.#deliverUp(0);
      this.#deliverDown(0);
    }
  }

  #deliverUp(at: number): void {
    const [message] = this.#up.splice(at % Math.max(1, this.#up.length), 1);
    if (message !== undefined) this.#pool.receive(message);
  }

  #deliverDown(at: number): void {
    const [item] = this.#down.splice(at % Math.max(1, this.#down.length), 1);
    if (item === undefined) return;
    const agent = this.#agents.find(({ workerId }) => workerId === item.workerId);
    if (agent?.sessionId === item.sessionId) agent.hear(item.message);
  }

  #agent(at: number): SimAgent {
    const agent = this.#agents[at % this.#agents.length];
    if (agent === undefined) throw new Error("a world without workers");
    return agent;
  }

  #job(at: number): string | null {
    return this.#jobs === 0 ? null : jobIdOf(at % this.#jobs);
  }
}

function keepIf<T>(queue: T[], isKept: (item: T) => boolean): void {
  queue.splice(0, queue.length, ...queue.filter(isKept));
}
