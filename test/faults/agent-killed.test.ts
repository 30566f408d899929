/** `kill -9` of an agent in the middle of an encode: nothing is lost, nothing is left running. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { countOf, indices, inLanes } from "./support/counts.ts";
import { report, spread } from "./support/figures.ts";
import { checkCompleted, transcodeJob, untilEncoding, untilEnd } from "./support/jobs.ts";
import { untilEnded } from "./support/processes.ts";
import { startWorld, type World } from "./support/world.ts";

const KILLS = countOf("TELECINE_FAULTS_AGENT_KILLS", { full: 100, smoke: 2 });
/** What the kernel needs to end a child by its parent's death, and a busy machine to notice. */
const FFMPEG_LIMIT_MS = 2_000;
const LANES = Math.min(3, KILLS);

let world: World;
beforeAll(async () => {
  world = await startWorld({
    clipSeconds: 3,
    // The grace decides when a killed agent's task is leased again. The lease is there to hold while a crowded machine
    // starts a process: with one of 3 s attempts were lost at a load of ten a core.
    settings: { LEASE_TTL_SECONDS: "15", RECONNECT_GRACE_SECONDS: "1" },
  });
  await Promise.all(indices(2 * LANES).map((index) => world.startAgent(`agent-${index}`)));
}, 120_000);
afterAll(() => world.stop(), 60_000);

test(
  `${KILLS} agents killed with SIGKILL mid-encode lose no job, publish nothing, leave no ffmpeg`,
  async () => {
    const { client } = world.edge;
    const deaths: number[] = [];
    const takeovers: number[] = [];
    const causes = new Map<string, number>();
    await inLanes(indices(KILLS), LANES, async (index) => {
      const { jobId } = await client.createJob(transcodeJob(world.videoId, `kill-${index}`));
      const { workerName, epoch } = await untilEncoding(client, jobId);
      const agent = world.agent(workerName);
      const encoders = agent.encoders();
      expect(encoders).toHaveLength(1);
      agent.kill();
      const killedAt = Date.now();
      deaths.push(await untilEnded(encoders, FFMPEG_LIMIT_MS));
      const restarted = world.startAgent(workerName);
      await untilEnd(client, jobId);
      const { bytes, ledger } = await checkCompleted(client, jobId);
      await world.checkFrames(bytes);
      expect(ledger).toHaveLength(2);
      const [killed, winner] = ledger;
      expect(killed).toMatchObject({ epoch });
      expect(["expired", "failed"]).toContain(killed?.state);
      takeovers.push(Date.parse(winner?.startedAt ?? "") - killedAt);
      const cause = killed?.error?.code ?? "none";
      causes.set(cause, (causes.get(cause) ?? 0) + 1);
      await restarted;
    });
    report("agent killed with SIGKILL mid-encode", {
      kills: KILLS,
      jobs_lost: 0,
      ...spread("ffmpeg_dead_after", deaths),
      ...spread("leased_again_after", takeovers),
      ...Object.fromEntries(causes),
    });
  },
  60_000 + KILLS * 30_000,
);
