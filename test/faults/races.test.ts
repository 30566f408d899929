/** Things said twice, and things said at the same moment: each job ends once, and everybody hears the same. */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ApiFailure } from "../../cli/client.ts";
import type { Job } from "../../protocol/http/jobs.ts";
import { countOf, indices, inLanes } from "./support/counts.ts";
import { report } from "./support/figures.ts";
import { checkCompleted, ledgerOf, transcodeJob } from "./support/jobs.ts";
import { type LightWorld, startLightWorld } from "./support/light-world.ts";
import { until } from "./support/processes.ts";
import {
  completeOf,
  connectAgent,
  type ProtocolAgent,
  uploadOutput,
} from "./support/protocol-agent.ts";
import { type Sink, startSink } from "./support/sink.ts";

const DUPLICATES = countOf("TELECINE_FAULTS_DUPLICATES", { full: 100, smoke: 100 });
const CANCELS = countOf("TELECINE_FAULTS_CANCELS", { full: 1000, smoke: 40 });
const LANES = 10;
/** A cancel takes longer on its way than a completion: so spread, each is first about as often as the other. */
const CANCEL_SPREAD_MS = 10;
const COMPLETE_SPREAD_MS = 60;

let world: LightWorld;
let sink: Sink;
beforeAll(async () => {
  [world, sink] = await Promise.all([startLightWorld({}), startSink()]);
  await world.edge.client.call("POST", "/v1/webhooks", { url: sink.url("all", "ok") });
}, 120_000);
afterAll(async () => {
  await world.stop();
  await sink.stop();
}, 60_000);

/** The distinct terminal events of a job that the sink was sent. */
function endingsOf(jobId: string): string[] {
  const heard = sink.taken.filter((hook) => hook.jobId === jobId);
  return [...new Map(heard.map((hook) => [hook.id, hook.type])).values()];
}

test(`${DUPLICATES} completes at once: one is applied, all are answered alike, and so is one more later`, async () => {
  const { edge, videoId } = world;
  const agent = await world.connect("twice");
  const { jobId } = await edge.client.createJob(transcodeJob(videoId, "duplicates"));
  agent.send({ type: "pull", free: 1 });
  const lease = await agent.take("lease");
  const complete = completeOf(lease, await uploadOutput(edge.url, lease, Buffer.from(jobId)));
  for (const _ of indices(DUPLICATES)) agent.send(complete);
  const answers = await Promise.all(indices(DUPLICATES).map(() => agent.take("ack")));
  const later = await connectAgent({ url: edge.url, token: agent.token, name: "twice" });
  later.send(complete);
  answers.push(await later.take("ack"));
  later.terminate();

  const distinct = new Set(answers.map((answer) => JSON.stringify(answer)));
  expect([...distinct]).toEqual([
    JSON.stringify({ type: "ack", of: "complete", lease: lease.lease, status: "accepted" }),
  ]);
  const { bytes, ledger } = await checkCompleted(edge.client, jobId);
  expect(Buffer.from(bytes).toString()).toBe(jobId);
  expect(ledger).toHaveLength(1);
  await until("the webhook", 30_000, () => endingsOf(jobId).length > 0);
  expect(endingsOf(jobId)).toEqual(["job.completed"]);
  report("simultaneous duplicate completes", {
    completes: DUPLICATES,
    applied: 1,
    distinct_answers: distinct.size,
  });
}, 60_000);

interface Race {
  readonly jobId: string;
  readonly cancelled: boolean;
  readonly accepted: boolean;
}

/** One job, whose completion and cancel set out within some milliseconds of each other. */
async function race(agent: ProtocolAgent, name: string): Promise<Race> {
  const { client, url } = world.edge;
  await client.createJob(transcodeJob(world.videoId, name));
  agent.send({ type: "pull", free: 1 });
  // Lanes share the queue: the lease may be of another lane's job.
  const lease = await agent.take("lease");
  const output = await uploadOutput(url, lease, Buffer.from(lease.task.jobId));
  const cancel = async () => {
    await delay(Math.random() * CANCEL_SPREAD_MS);
    try {
      await client.call("POST", `/v1/jobs/${lease.task.jobId}/cancel`);
      return true;
    } catch (error) {
      expect(error).toBeInstanceOf(ApiFailure);
      expect((error as ApiFailure).answer?.code).toBe("JOB_NOT_CANCELLABLE");
      return false;
    }
  };
  const complete = async () => {
    await delay(Math.random() * COMPLETE_SPREAD_MS);
    agent.send(completeOf(lease, output));
    const ack = await agent.take("ack", (each) => each.lease.taskId === lease.lease.taskId);
    return ack.status === "accepted";
  };
  const [cancelled, accepted] = await Promise.all([cancel(), complete()]);
  return { jobId: lease.task.jobId, cancelled, accepted };
}

test(
  `${CANCELS} cancels racing completions: exactly one terminal state each, and all that is said agrees`,
  async () => {
    const { client } = world.edge;
    const idle: ProtocolAgent[] = await Promise.all(
      indices(LANES).map((index) => world.connect(`racer-${index}`)),
    );
    const races: Race[] = [];
    await inLanes(indices(CANCELS), LANES, async (index) => {
      const agent = idle.pop();
      if (agent === undefined) throw new Error("more lanes than agents");
      races.push(await race(agent, `race-${index}`));
      idle.push(agent);
    });
    expect(new Set(races.map(({ jobId }) => jobId)).size).toBe(CANCELS);
    await until("every webhook", 60_000 + CANCELS * 100, () =>
      races.every(({ jobId }) => endingsOf(jobId).length > 0),
    );
    let completed = 0;
    for (const { jobId, cancelled, accepted } of races) {
      const job = await client.job(jobId);
      const ledger = await ledgerOf(client, jobId);
      // The cancel's answer, the completion's answer, the job, its ledger and its webhook tell one story.
      expect(cancelled, jobId).toBe(job.state === "cancelled");
      expect(accepted, jobId).toBe(job.state === "completed");
      expect(ledger.map(({ state }) => state)).toEqual([job.state]);
      expect(job.outputs).toHaveLength(accepted ? 1 : 0);
      expect(endingsOf(jobId), jobId).toEqual([`job.${job.state}`]);
      if (accepted) completed++;
    }
    expect(await statesInTheRecord()).toMatchObject(
      Object.fromEntries(
        races.map((each) => [each.jobId, each.accepted ? "completed" : "cancelled"]),
      ),
    );
    report("cancels racing completions", {
      races: CANCELS,
      completed,
      cancelled: CANCELS - completed,
      jobs_with_two_endings: 0,
    });
  },
  120_000 + CANCELS * 400,
);

/** What D1 says of every job: the list is read from there, not from the pool. */
async function statesInTheRecord(): Promise<Record<string, string>> {
  const states: Record<string, string> = {};
  let cursor: string | null = null;
  do {
    const query: string = cursor === null ? "" : `&cursor=${encodeURIComponent(cursor)}`;
    const page: { jobs: Job[]; nextCursor: string | null } = await world.edge.client.call(
      "GET",
      `/v1/jobs?limit=200${query}`,
    );
    for (const { jobId, state } of page.jobs) states[jobId] = state;
    cursor = page.nextCursor;
  } while (cursor !== null);
  return states;
}
