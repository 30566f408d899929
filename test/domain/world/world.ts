/** The world of a history: a pool, its agents, and the messages between them that faults can lose, double and reorder. */
import type { Rules } from "../../../edge/domain/rules.ts";
import { jobIdOf, T0 } from "../fixtures.ts";
import { Oracle } from "./oracle.ts";
import { completion, SimAgent } from "./sim-agents.ts";
import type { Sent, Upstream } from "./sim-messages.ts";
import { SimPool } from "./sim-pool.ts";

interface Downstream {
  readonly workerId: string;
  readonly sessionId: string;
  readonly message: Sent;
}

export class World {
  readonly oracle: Oracle;
  readonly pool: SimPool;
  readonly agents: readonly SimAgent[];
  readonly up: Upstream[] = [];
  readonly down: Downstream[] = [];
  /** How many jobs were submitted: they are numbered from 0. */
  jobs = 0;

  constructor(workers: readonly number[], rules: Rules) {
    const names = workers.map((slots, at) => [`gpu-${at}`, slots] as const);
    this.oracle = new Oracle(new Map(names));
    this.pool = new SimPool(rules, this.oracle, T0, (workerId, sessionId, message) =>
      this.down.push({ workerId, sessionId, message }),
    );
    this.agents = names.map(
      ([name, slots]) => new SimAgent(name, slots, (message) => this.up.push(message)),
    );
    for (const agent of this.agents) agent.connect();
    this.deliverAll();
  }

  /** Faults stop: every agent is there and works, every message and every check arrives, the clock goes on. */
  settle(): void {
    const pool = this.pool;
    for (let round = 0; round < 200 && !pool.isAtRest(); round++) {
      for (const agent of this.agents) {
        if (agent.sessionId === null || !pool.sockets.isOpen(agent.sessionId)) agent.connect();
        agent.pull();
      }
      this.deliverAll();
      for (const agent of this.agents) {
        for (let pick = 0; pick < agent.running.size; pick++) {
          agent.repeat(pick);
          agent.finish(pick, completion);
        }
      }
      this.deliverAll();
      while (pool.checks.length > 0) this.check(0, true, false);
      this.deliverAll();
      this.pass(Math.max(1000, (pool.alarmAt ?? 0) - pool.now));
    }
    for (const snapshot of pool.outbox.splice(0)) pool.project(snapshot);
    this.oracle.finished(pool.d1);
  }

  /** Time passes, with the alarm at every instant that it is set to. */
  pass(ms: number): void {
    const pool = this.pool;
    const until = pool.now + ms;
    while (pool.alarmAt !== null && pool.alarmAt <= until) {
      pool.now = Math.max(pool.now, pool.alarmAt);
      const before = pool.alarmAt;
      pool.alarm();
      if (pool.alarmAt === before) pool.now += 1;
    }
    pool.now = Math.max(pool.now, until);
  }

  /** The pool leaves memory; without its sockets, what was under way is lost, too. */
  evict(keepSockets: boolean): void {
    this.pool.evict(keepSockets);
    if (keepSockets) return;
    this.up.length = 0;
    this.down.length = 0;
    for (const agent of this.agents) agent.sessionId = null;
  }

  /** The socket of an agent breaks, with everything that was under way on it; the agent keeps what it runs. */
  cut(agent: SimAgent, isSeen: boolean): void {
    const { sessionId } = agent;
    if (sessionId === null) return;
    agent.sessionId = null;
    keepIf(this.up, (item) => item.sessionId !== sessionId);
    keepIf(this.down, (item) => item.sessionId !== sessionId);
    if (isSeen) this.pool.close(sessionId, true);
  }

  /** The shell's check of an attempt comes back; repeated, it will come once more. */
  check(at: number, isGood: boolean, isRepeated: boolean): void {
    const { checks } = this.pool;
    const index = at % Math.max(1, checks.length);
    const check = checks[index];
    if (check === undefined) return;
    if (!isRepeated) checks.splice(index, 1);
    this.pool.checked(check, isGood);
  }

  deliverAll(): void {
    for (let turn = 0; turn < 100 && this.up.length + this.down.length > 0; turn++) {
      this.deliverUp(0);
      this.deliverDown(0);
    }
  }

  deliverUp(at: number): void {
    const [message] = this.up.splice(at % Math.max(1, this.up.length), 1);
    if (message !== undefined) this.pool.receive(message);
  }

  deliverDown(at: number): void {
    const [item] = this.down.splice(at % Math.max(1, this.down.length), 1);
    if (item === undefined) return;
    const agent = this.agents.find(({ workerId }) => workerId === item.workerId);
    if (agent?.sessionId === item.sessionId) agent.hear(item.message);
  }

  agent(at: number): SimAgent {
    const agent = this.agents[at % this.agents.length];
    if (agent === undefined) throw new Error("a world without workers");
    return agent;
  }

  job(at: number): string | null {
    return this.jobs === 0 ? null : jobIdOf(at % this.jobs);
  }
}

function keepIf<T>(queue: T[], isKept: (item: T) => boolean): void {
  queue.splice(0, queue.length, ...queue.filter(isKept));
}
