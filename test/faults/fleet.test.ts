/** A whole fleet that comes back at once, as after a deploy: everybody keeps the lease, within seconds. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { findMediaTools } from "../../cli/media-tools.ts";
import { countOf, indices, inLanes } from "./support/counts.ts";
import { type EdgeProcess, startEdgeProcess } from "./support/edge-process.ts";
import { report, spread } from "./support/figures.ts";
import { makeClip } from "./support/footage.ts";
import { checkCompleted, transcodeJob } from "./support/jobs.ts";
import {
  completeOf,
  connectAgent,
  type Lease,
  type ProtocolAgent,
  progressOf,
  uploadOutput,
  withNewestGrant,
} from "./support/protocol-agent.ts";

const AGENTS = countOf("TELECINE_FAULTS_FLEET", { full: 500, smoke: 30 });
const SETTLE_LIMIT_MS = 30_000;
/** Calls to the API at a time; the reconnects are not held back. */
const LANES = 16;

let folder: string;
let edge: EdgeProcess;
let videoId: string;
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "telecine-fleet-"));
  // The default settings: a lease of 30 s, 10 s to reconnect.
  edge = await startEdgeProcess(folder, {});
  const clip = await makeClip(await findMediaTools(), folder, 1);
  videoId = (await edge.client.uploadFile(clip)).videoId;
}, 120_000);
afterAll(async () => {
  await edge.stop();
  await rm(folder, { recursive: true, force: true });
}, 60_000);

interface Member {
  readonly token: string;
  readonly name: string;
  agent: ProtocolAgent;
  readonly lease: Lease;
}

/** Connects agents that each hold one lease. */
async function assemble(members: Member[]): Promise<void> {
  await inLanes(indices(AGENTS), LANES, async (index) => {
    const name = `fleet-${index}`;
    const { token } = await edge.client.createWorkerToken({ name, pool: "default" });
    await edge.client.createJob(transcodeJob(videoId, name));
    const agent = await connectAgent({ url: edge.url, token, name });
    agent.send({ type: "pull", free: 1 });
    const lease = await agent.take("lease");
    agent.send(progressOf(lease, 1));
    members.push({ token, name, agent, lease });
  });
}

/** Connects as an agent does that only knows that its socket has gone, until it is welcome. */
async function comeBack(member: Member, since: number): Promise<number> {
  const { token, name, lease } = member;
  const claims = [lease.lease];
  while (performance.now() - since < 2 * SETTLE_LIMIT_MS) {
    try {
      member.agent = await connectAgent({ url: edge.url, token, name, claims });
      return performance.now() - since;
    } catch {
      await delay(100 + Math.random() * 400);
    }
  }
  throw new Error(`${name} was not welcomed again`);
}

test(
  `${AGENTS} agents that reconnect at once after a kill of the edge settle within 30 s and keep their leases`,
  async () => {
    const members: Member[] = [];
    const movement = { count: 1 };
    const pulse = setInterval(() => {
      movement.count++;
      for (const { agent, lease } of members) agent.send(progressOf(lease, movement.count));
    }, 5_000);
    try {
      // The first must go on moving while the last are still being connected.
      await assemble(members);
      await edge.kill();
      const ready = await edge.startAgain();
      const since = performance.now();
      const settled = await Promise.all(members.map((member) => comeBack(member, since)));
      const fates = members.map(({ agent }) => agent.welcome.leases[0]?.status);
      const kept = fates.filter((status) => status === "kept").length;
      report("fleet reconnecting at once after a kill of the edge", {
        agents: AGENTS,
        leases_kept: kept,
        edge_ready_after_ms: Math.round(ready),
        ...spread("settled_after", settled),
      });
      expect(kept).toBe(AGENTS);
      expect(Math.max(...settled)).toBeLessThan(SETTLE_LIMIT_MS);
      const finishing = performance.now();
      await inLanes(members, LANES, async (member) => {
        const { agent, name } = member;
        const lease = withNewestGrant(agent, member.lease);
        agent.send(completeOf(lease, await uploadOutput(edge.url, lease, Buffer.from(name))));
        const ack = await agent.take("ack", ({ of }) => of === "complete");
        expect(ack, `${name}, ${fates[members.indexOf(member)]}`).toMatchObject({
          status: "accepted",
        });
        const { bytes, ledger } = await checkCompleted(edge.client, lease.task.jobId);
        expect(Buffer.from(bytes).toString()).toBe(name);
        expect(ledger).toHaveLength(1);
      });
      report("the same fleet completing its leases", {
        jobs: AGENTS,
        all_completed_after_ms: Math.round(performance.now() - finishing),
      });
    } finally {
      clearInterval(pulse);
      for (const { agent } of members) agent.terminate();
    }
  },
  120_000 + AGENTS * 400,
);
