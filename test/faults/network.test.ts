/** A link that goes dead for a while: shorter than the lease nothing happens, longer than it one attempt is lost. */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { countOf, indices, inLanes } from "./support/counts.ts";
import { report, spread } from "./support/figures.ts";
import { checkCompleted, transcodeJob, untilEncoding, untilEnd } from "./support/jobs.ts";
import { until, untilEnded } from "./support/processes.ts";
import { startProxy, type TcpProxy } from "./support/proxy.ts";
import { startWorld, type World } from "./support/world.ts";

const HOLES = countOf("TELECINE_FAULTS_BLACK_HOLES", { full: 20, smoke: 1 });
const TTL_MS = 4_000;
/** Well under the lease, with room for a machine that is busy. */
const SHORT_MS = TTL_MS / 2;
const FFMPEG_LIMIT_MS = 10_000;
const LANES = Math.min(2, HOLES);

let world: World;
const proxies = new Map<string, TcpProxy>();
beforeAll(async () => {
  world = await startWorld({
    clipSeconds: 5,
    settings: { LEASE_TTL_SECONDS: String(TTL_MS / 1000), RECONNECT_GRACE_SECONDS: "3" },
  });
  await Promise.all(
    indices(LANES + 1).map(async (index) => {
      const name = `agent-${index}`;
      const proxy = await startProxy(world.edge.url);
      proxies.set(name, proxy);
      await world.startAgent(name, { url: proxy.url });
    }),
  );
}, 120_000);
afterAll(async () => {
  await world.stop();
  for (const proxy of proxies.values()) await proxy.stop();
}, 60_000);

/** Submits a job and waits until it encodes, behind which proxy. */
async function encode(name: string) {
  const { client } = world.edge;
  const { jobId } = await client.createJob(transcodeJob(world.videoId, name));
  const { workerName, epoch } = await untilEncoding(client, jobId);
  const proxy = proxies.get(workerName);
  if (proxy === undefined) throw new Error(`no proxy belongs to ${workerName}`);
  return { jobId, epoch, proxy, encoders: world.agent(workerName).encoders() };
}

async function finish(jobId: string) {
  const { client } = world.edge;
  await untilEnd(client, jobId);
  const { bytes, ledger } = await checkCompleted(client, jobId);
  await world.checkFrames(bytes);
  return ledger;
}

const limitMs = 60_000 + HOLES * 30_000;

test(
  `${HOLES} black holes shorter than the lease: the attempt goes on under its epoch`,
  async () => {
    await inLanes(indices(HOLES), LANES, async (index) => {
      const { jobId, epoch, proxy } = await encode(`short-${index}`);
      proxy.swallow();
      await delay(SHORT_MS);
      proxy.pass();
      const ledger = await finish(jobId);
      expect(ledger.map((attempt) => attempt.epoch)).toEqual([epoch]);
    });
    report("black hole shorter than the lease", { holes: HOLES, jobs_lost: 0, attempts_lost: 0 });
  },
  limitMs,
);

test(
  `${HOLES} black holes longer than the lease: another attempt, and the old one ends its ffmpeg`,
  async () => {
    const deaths: number[] = [];
    await inLanes(indices(HOLES), LANES, async (index) => {
      const { client } = world.edge;
      const { jobId, epoch, proxy, encoders } = await encode(`long-${index}`);
      proxy.swallow();
      await until("the lease to expire", 30_000, async () => {
        const job = await client.job(jobId);
        return job.attempt > 1 || job.state === "queued";
      });
      proxy.pass();
      deaths.push(await untilEnded(encoders, FFMPEG_LIMIT_MS));
      const ledger = await finish(jobId);
      expect(ledger.find((attempt) => attempt.epoch === epoch)?.state).toBe("expired");
      expect(ledger).toHaveLength(2);
    });
    report("black hole longer than the lease", {
      holes: HOLES,
      jobs_lost: 0,
      ...spread("ffmpeg_dead_after_return", deaths),
    });
  },
  limitMs,
);

test(
  `${HOLES} sockets left half open at the edge: the agent's next one takes the lease over`,
  async () => {
    await inLanes(indices(HOLES), LANES, async (index) => {
      const { jobId, epoch, proxy } = await encode(`half-${index}`);
      proxy.breakClients();
      const ledger = await finish(jobId);
      expect(ledger.map((attempt) => attempt.epoch)).toEqual([epoch]);
    });
    report("socket left half open", { breaks: HOLES, jobs_lost: 0, attempts_lost: 0 });
  },
  limitMs,
);
