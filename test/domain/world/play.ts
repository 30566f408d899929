/** Plays a history to its end: the commands, then a time without faults in which everything must come to rest. */
import type { Rules } from "../../../edge/domain/rules.ts";
import { submissionOf, workOfWidth } from "../fixtures.ts";
import type { Command, History } from "./commands.ts";
import {
  audibleCompletion,
  completion,
  emptyCompletion,
  failure,
  givingBack,
  planning,
  progressOf,
  rejection,
  type SimAgent,
  strayCompletion,
} from "./sim-agents.ts";
import { World } from "./world.ts";

const MAX_JOBS = 6;

const completions = {
  good: completion,
  audible: audibleCompletion,
  stray: strayCompletion,
  empty: emptyCompletion,
} as const;

/** Plays the history; throws a `Violation` where an invariant breaks. */
export function play(history: History, rules: Rules): void {
  const world = new World(history.workers, rules);
  for (const command of history.commands) act(world, command);
  world.settle();
}

function act(world: World, command: Command): void {
  const pool = world.pool;
  switch (command.op) {
    case "submit":
      if (world.jobs < MAX_JOBS) {
        const { width, format, ...facts } = command;
        const outputs = { out_1: { filename: "result", format } } as const;
        const work = workOfWidth(width);
        pool.submit(submissionOf(world.jobs++, { ...facts, work, outputs }));
      }
      return;
    case "divide":
      world
        .agent(command.worker)
        .finish(command.pick, planning(command.chunks, command.audio, command.isWanted));
      return;
    case "divideThrough":
      divideThrough(world, world.agent(command.worker), command.chunks, command.done);
      return;
    case "connect":
      world.agent(command.worker).connect();
      return;
    case "restart": {
      const agent = world.agent(command.worker);
      world.cut(agent, command.isSeen);
      agent.die();
      agent.connect();
      return;
    }
    case "disconnect":
      world.cut(world.agent(command.worker), command.isSeen);
      return;
    case "pull":
      world.agent(command.worker).pull();
      return;
    case "work":
      world.agent(command.worker).work(command.pick, command.isStalled);
      return;
    case "narrow":
      world.agent(command.worker).narrow(command.pick, command.slots);
      return;
    case "hang":
      hang(world, world.agent(command.worker), command.pick);
      return;
    case "flap":
      flap(world, world.agent(command.worker));
      return;
    case "runThrough":
      runThrough(world, world.agent(command.worker));
      return;
    case "complete":
      world.agent(command.worker).finish(command.pick, completions[command.kind]);
      return;
    case "fail": {
      const say = command.kind === "reject" ? rejection : failure(command.kind === "retry");
      world.agent(command.worker).finish(command.pick, say);
      return;
    }
    case "release":
      world.agent(command.worker).finish(command.pick, givingBack);
      return;
    case "giveBackForever":
      giveBackForever(world, world.agent(command.worker));
      return;
    case "repeat":
      world.agent(command.worker).repeat(command.pick);
      return;
    case "impostor":
      impersonate(world, command);
      return;
    case "deliverUp":
      world.deliverUp(command.at);
      return;
    case "deliverDown":
      world.deliverDown(command.at);
      return;
    case "deliverAll":
      world.deliverAll();
      return;
    case "duplicate": {
      const message = world.up[command.at % Math.max(1, world.up.length)];
      // A socket is greeted once; everything after that may come twice.
      if (message !== undefined && message.message.type !== "hello") world.up.push(message);
      return;
    }
    case "drop": {
      const queue = command.isUp ? world.up : world.down;
      if (queue.length > 0) queue.splice(command.at % queue.length, 1);
      return;
    }
    case "check":
      world.check(command.at, command.isGood, command.isRepeated);
      return;
    default:
      happen(world, command);
  }
}

/** What time, the platform and clients do. */
function happen(
  world: World,
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
  const pool = world.pool;
  switch (command.op) {
    case "tick":
      world.pass(command.ms);
      return;
    case "stall":
      pool.now += command.ms;
      return;
    case "alarm":
      pool.alarm();
      return;
    case "wrongExpiry": {
      const jobId = world.job(command.job);
      if (jobId === null) return;
      if (command.isRun) pool.limit(jobId);
      for (const { taskId } of pool.load(jobId)?.tasks ?? []) {
        pool.feed(jobId, taskId, { type: "expire", now: pool.now });
      }
      return;
    }
    case "staleGrant": {
      const jobId = world.job(command.job);
      const { workerId } = world.agent(command.worker);
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
      world.oracle.clockStepped();
      return;
    case "evict":
      world.evict(command.keepSockets);
      return;
    case "copy": {
      const jobId = world.job(command.job);
      const chunks = (jobId === null ? [] : (pool.load(jobId)?.tasks ?? [])).filter(
        ({ kind, state }) => kind === "chunk" && state === "leased",
      );
      const chunk = chunks[command.pick % Math.max(1, chunks.length)];
      if (jobId !== null && chunk !== undefined) pool.copy(jobId, chunk.taskId);
      return;
    }
    case "cancel": {
      const jobId = world.job(command.job);
      if (jobId !== null) pool.cancel(jobId);
      return;
    }
    case "retry": {
      const jobId = world.job(command.job);
      if (jobId !== null) pool.retry(jobId, command.isLonger ? 7200 : undefined);
      return;
    }
    case "revokeWorker":
      revokeWorker(world, world.agent(command.worker));
      return;
    case "project": {
      const [snapshot] = pool.outbox.splice(command.at % Math.max(1, pool.outbox.length), 1);
      if (snapshot !== undefined) pool.project(snapshot);
    }
  }
}

function hang(world: World, agent: SimAgent, pick: number): void {
  for (let round = 0; round < 4; round++) {
    agent.work(pick, true);
    world.deliverAll();
    world.pass(11_000);
  }
}

function flap(world: World, agent: SimAgent): void {
  for (let round = 0; round < 5; round++) {
    world.cut(agent, true);
    world.pass(8000);
    agent.connect();
    world.deliverAll();
  }
}

function runThrough(world: World, agent: SimAgent): void {
  world.pass(1000);
  agent.pull();
  world.deliverAll();
  for (let pick = 0; pick < agent.running.size; pick++) agent.finish(pick, completion);
  world.deliverAll();
}

function divideThrough(world: World, agent: SimAgent, chunks: number, done: number): void {
  world.pass(1000);
  agent.pull();
  world.deliverAll();
  agent.finish(0, planning(chunks, false, true));
  world.deliverAll();
  for (let part = 0; part < done; part++) {
    agent.pull();
    world.deliverAll();
    agent.finish(part, completion);
    world.deliverAll();
    while (world.pool.checks.length > 0) world.check(0, true, false);
    world.deliverAll();
  }
}

function giveBackForever(world: World, agent: SimAgent): void {
  for (let round = 0; round < 14; round++) {
    agent.pull();
    world.deliverAll();
    for (let pick = 0; pick < agent.running.size; pick++) agent.finish(pick, givingBack);
    world.deliverAll();
    world.pass(31_000);
  }
}

function impersonate(
  world: World,
  { worker, pick, kind }: Extract<Command, { op: "impostor" }>,
): void {
  const attempt = world.agent(worker).pick(pick);
  const other = world.agent(worker + 1);
  if (attempt === undefined || other === world.agent(worker)) return;
  const { lease } = attempt;
  const moved = { ...attempt, stage: "merging", fraction: 1, movement: 1_000_000 } as const;
  other.say(kind === "work" ? progressOf(moved) : completion(lease));
}

function revokeWorker(world: World, agent: SimAgent): void {
  const { now } = world.pool;
  const { workerId } = agent;
  for (const jobId of world.pool.rows.keys()) {
    for (const { taskId } of world.pool.load(jobId)?.tasks ?? []) {
      world.pool.feed(jobId, taskId, { type: "worker_revoked", now, workerId });
    }
  }
}
