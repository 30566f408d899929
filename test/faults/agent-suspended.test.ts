/** SIGSTOP past the lease, then SIGCONT: who comes back late changes nothing, and stops what it runs. */
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { countOf, indices, inLanes } from "./support/counts.ts";
import { report, spread } from "./support/figures.ts";
import { checkCompleted, transcodeJob, untilEncoding, untilEnd } from "./support/jobs.ts";
import { isAlive, signalAll, until, untilEnded } from "./support/processes.ts";
import {
  completeOf,
  connectAgent,
  type ProtocolAgent,
  uploadOutput,
} from "./support/protocol-agent.ts";
import { startWorld, type World } from "./support/world.ts";

const SUSPENSIONS = countOf("TELECINE_FAULTS_SUSPENSIONS", { full: 50, smoke: 1 });
const LATE = countOf("TELECINE_FAULTS_LATE_COMPLETIONS", { full: 50, smoke: 2 });
/** From the moment the agent can know: DESIGN's promise. */
const FFMPEG_LIMIT_MS = 10_000;
const LATE_AGENT = fileURLToPath(new URL("./support/late-agent.ts", import.meta.url));
const LANES = Math.min(2, SUSPENSIONS);

let world: World;
beforeAll(async () => {
  world = await startWorld({
    clipSeconds: 4,
    settings: { LEASE_TTL_SECONDS: "2", RECONNECT_GRACE_SECONDS: "1" },
  });
}, 120_000);
afterAll(() => world.stop(), 60_000);

interface LateEvent {
  readonly event: "suspending" | "answered";
  readonly jobId: string;
  readonly epoch: number;
  readonly status?: string;
  readonly reason?: string;
}

/** Starts the process that completes late; `next` is what it says next. */
async function startLateAgent() {
  const { url, client } = world.edge;
  const { token } = await client.createWorkerToken({ name: "late", pool: "default" });
  const child = spawn(process.execPath, [LATE_AGENT, url, "late"], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, TELECINE_WORKER_TOKEN: token },
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return {
    pid: child.pid ?? 0,
    next: async (): Promise<LateEvent> => {
      const line = await lines.next();
      if (line.done) throw new Error("the late agent ended");
      return JSON.parse(line.value) as LateEvent;
    },
  };
}

test(
  `${LATE} completions that come after the lease was given to another are refused, each of them`,
  async () => {
    const { url, client } = world.edge;
    const late = await startLateAgent();
    const { token } = await client.createWorkerToken({ name: "other", pool: "default" });
    const other: ProtocolAgent = await connectAgent({ url, token, name: "other" });
    const reasons = new Map<string, number>();
    try {
      for (const index of indices(LATE)) {
        const { jobId } = await client.createJob(transcodeJob(world.videoId, `late-${index}`));
        const suspended = await late.next();
        expect(suspended).toMatchObject({ event: "suspending", jobId });
        // Nobody else asks for work before: the first lease is the late one's.
        other.send({ type: "pull", free: 1 });
        const lease = await other.take("lease", ({ task }) => task.jobId === jobId);
        expect(lease.lease.epoch).toBeGreaterThan(suspended.epoch);
        const winning = Buffer.from(`${jobId} of the winning epoch ${lease.lease.epoch}`);
        // Half of them come back while the winner still works, half after it was accepted.
        const comesBackFirst = index % 2 === 0;
        const complete = async () => {
          other.send(completeOf(lease, await uploadOutput(url, lease, winning)));
          await other.take("ack", (ack) => ack.lease.taskId === lease.lease.taskId);
        };
        if (!comesBackFirst) await complete();
        signalAll([late.pid], "SIGCONT");
        const answer = await late.next();
        expect(answer).toMatchObject({ event: "answered", jobId, status: "refused" });
        reasons.set(`${answer.reason}`, (reasons.get(`${answer.reason}`) ?? 0) + 1);
        if (comesBackFirst) await complete();
        const { bytes, ledger } = await checkCompleted(client, jobId);
        expect(Buffer.from(bytes).toString()).toBe(winning.toString());
        expect(ledger.map(({ state }) => state)).toEqual(["expired", "completed"]);
      }
    } finally {
      other.terminate();
      signalAll([late.pid], "SIGKILL");
    }
    report("completion after SIGSTOP past the lease and SIGCONT", {
      completions: LATE,
      refused: [...reasons.values()].reduce((sum, count) => sum + count, 0),
      ...Object.fromEntries([...reasons].map(([reason, count]) => [`refused_${reason}`, count])),
      outputs_from_losing_epoch: 0,
    });
  },
  60_000 + LATE * 15_000,
);

test(
  `${SUSPENSIONS} agents suspended past their lease end their ffmpeg within 10 s of SIGCONT, and no job is lost`,
  async () => {
    const { client } = world.edge;
    await Promise.all(indices(2 * LANES).map((index) => world.startAgent(`agent-${index}`)));
    const deaths: number[] = [];
    let outlived = 0;
    await inLanes(indices(SUSPENSIONS), LANES, async (index) => {
      const { jobId } = await client.createJob(transcodeJob(world.videoId, `stop-${index}`));
      const { workerName, epoch } = await untilEncoding(client, jobId);
      const agent = world.agent(workerName);
      const encoders = agent.encoders();
      // A machine that sleeps stops both; an agent that hangs leaves its ffmpeg to run on.
      const stopped = index % 2 === 0 ? [agent.pid, ...encoders] : [agent.pid];
      signalAll(stopped, "SIGSTOP");
      await until("the lease to expire", 30_000, async () => {
        const job = await client.job(jobId);
        return job.attempt > 1 || job.state === "queued";
      });
      if (encoders.some(isAlive)) outlived++;
      signalAll(stopped, "SIGCONT");
      deaths.push(await untilEnded(encoders, FFMPEG_LIMIT_MS));
      await untilEnd(client, jobId);
      const { bytes, ledger } = await checkCompleted(client, jobId);
      await world.checkFrames(bytes);
      expect(ledger.find((attempt) => attempt.epoch === epoch)?.state).toBe("expired");
    });
    report("agent suspended past its lease, then continued", {
      suspensions: SUSPENSIONS,
      jobs_lost: 0,
      ffmpeg_alive_at_sigcont: outlived,
      ...spread("ffmpeg_dead_after_sigcont", deaths),
    });
  },
  60_000 + SUSPENSIONS * 30_000,
);
