/** `kill -9` of the edge under load: every 202 ends, and what was running goes on under the same epoch. */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ApiFailure } from "../../cli/client.ts";
import type { AgentProcess } from "./support/agent-process.ts";
import { countOf, indices } from "./support/counts.ts";
import { report, spread } from "./support/figures.ts";
import { checkCompleted, transcodeJob, untilEnd } from "./support/jobs.ts";
import { until } from "./support/processes.ts";
import { startWorld, type World } from "./support/world.ts";

const KILLS = countOf("TELECINE_FAULTS_EDGE_KILLS", { full: 50, smoke: 1 });
const AGENTS = ["agent-0", "agent-1"];
const SLOTS = 2;
/** Waiting jobs beside the running ones: the queue, too, has to survive. */
const BACKLOG = 3;

let world: World;
beforeAll(async () => {
  world = await startWorld({
    // Long enough that most encodes see a kill and the start after it.
    clipSeconds: 8,
    // The grace counts from the restart; agents then need their backoff, which has grown up to 10 s.
    settings: { LEASE_TTL_SECONDS: "20", RECONNECT_GRACE_SECONDS: "10" },
  });
  await Promise.all(AGENTS.map((name) => world.startAgent(name, { slots: SLOTS })));
}, 120_000);
afterAll(() => world.stop(), 60_000);

/** Keeps submitting, whatever the edge's state, and remembers what was answered with 202. */
function submitSteadily() {
  const accepted: string[] = [];
  const stop = new AbortController();
  let unanswered = 0;
  let ended = 0;
  const loop = async () => {
    for (let index = 0; !stop.signal.aborted; index++) {
      if (accepted.length - ended >= AGENTS.length * SLOTS + BACKLOG) {
        ended = await countEnded(accepted, ended);
        await delay(100);
        continue;
      }
      const request = transcodeJob(world.videoId, `load-${index}`);
      try {
        accepted.push((await world.edge.client.createJob(request)).jobId);
      } catch (error) {
        // Refused by a living edge it would be a fault of its own; a dead one answers nothing.
        if (error instanceof ApiFailure && error.status < 500) throw error;
        unanswered++;
        await delay(100);
      }
    }
  };
  const done = loop();
  done.catch(() => {});
  return {
    accepted,
    unanswered: () => unanswered,
    stop: async () => {
      stop.abort();
      await done;
    },
  };
}

/** Jobs end about in their order: counting goes on from where the last count ended. */
async function countEnded(jobIds: readonly string[], from: number): Promise<number> {
  let ended = from;
  for (const jobId of jobIds.slice(from)) {
    const job = await world.edge.client.job(jobId).catch(() => null);
    if (job?.completedAt == null) break;
    ended++;
  }
  return ended;
}

/** What the agent has begun and not ended, as `job epoch`. */
function runningOn(agent: AgentProcess): string[] {
  const running = new Set<string>();
  for (const { message, jobId, epoch } of agent.lines) {
    if (message.startsWith("attempt begins")) running.add(`${jobId} ${epoch}`);
    else if (/^attempt (completed|failed|released|abandoned)/.test(message)) {
      running.delete(`${jobId} ${epoch}`);
    }
  }
  return [...running];
}

test(
  `${KILLS} kills of the edge under load: every accepted job completes, each running attempt under its epoch`,
  async () => {
    const load = submitSteadily();
    const interrupted = new Set<string>();
    const starts: number[] = [];
    const reconnects: number[] = [];
    const agents = AGENTS.map((name) => world.agent(name));
    for (const kill of indices(KILLS)) {
      await until("attempts to run", 60_000, () => agents.some((a) => a.encoders().length > 0));
      // A different moment of the attempts' lives each time.
      await delay(200 + ((kill * 377) % 1500));
      for (const agent of agents) for (const attempt of runningOn(agent)) interrupted.add(attempt);
      const welcomes = agents.map(countWelcomes);
      await world.edge.kill();
      starts.push(await world.edge.startAgain());
      reconnects.push(
        await until("the agents' return", 30_000, () =>
          agents.every((agent, index) => countWelcomes(agent) > (welcomes[index] ?? 0)),
        ),
      );
    }
    await load.stop();
    const lasts = new Map<string, number[]>();
    for (const jobId of load.accepted) {
      expect(await untilEnd(world.edge.client, jobId), jobId).toMatchObject({ state: "completed" });
      const { bytes, ledger } = await checkCompleted(world.edge.client, jobId);
      await world.checkFrames(bytes);
      lasts.set(
        jobId,
        ledger.map(({ epoch }) => epoch),
      );
    }
    const moved = [...interrupted].filter((attempt) => {
      const [jobId = "", epoch] = attempt.split(" ");
      return lasts.has(jobId) && lasts.get(jobId)?.at(-1) !== Number(epoch);
    });
    report("edge killed with SIGKILL under load", {
      kills: KILLS,
      accepted: load.accepted.length,
      submissions_unanswered: load.unanswered(),
      jobs_lost: 0,
      attempts_interrupted: interrupted.size,
      completed_under_another_epoch: moved.length,
      ...spread("edge_ready_after", starts),
      ...spread("agents_back_after_that", reconnects),
    });
    expect(moved).toEqual([]);
  },
  120_000 + KILLS * 40_000,
);

function countWelcomes(agent: AgentProcess): number {
  return agent.lines.filter(({ message }) => message.startsWith("connected as ")).length;
}
