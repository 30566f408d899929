/** `kill -9` of an agent while several make one video: its parts alone are made again. */
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Attempt } from "../../protocol/http/jobs.ts";
import { isFullRun } from "./support/counts.ts";
import { report } from "./support/figures.ts";
import { ledgerOf, untilEnd, untilJob } from "./support/jobs.ts";
import { until } from "./support/processes.ts";
import { startWorld, type World } from "./support/world.ts";

const SECONDS = 60;

let world: World;
beforeAll(async () => {
  if (!isFullRun) return;
  world = await startWorld({
    clipSeconds: SECONDS,
    settings: { LEASE_TTL_SECONDS: "15", RECONNECT_GRACE_SECONDS: "1" },
    unpaced: true,
  });
  await Promise.all(["a", "b", "c"].map((name) => world.startAgent(name)));
}, 120_000);
afterAll(() => world?.stop(), 60_000);

const isChunk = ({ kind }: Attempt) => kind === "chunk";

test.skipIf(!isFullRun)(
  "an agent killed in the middle of a chunk costs its own tasks one more attempt, and no frame",
  async () => {
    const { client } = world.edge;
    const recipe = { name: "transcode", preset: "medium", height: 360 } as const;
    const { jobId } = await client.createJob({ videoId: world.videoId, recipe });
    await untilJob(client, jobId, ({ state }) => state === "transcoding");
    let victim: Attempt | undefined;
    await until(
      "a chunk under way",
      60_000,
      async () => {
        const running = (await ledgerOf(client, jobId)).filter(
          (attempt) => isChunk(attempt) && attempt.state === "running",
        );
        victim = running.find(({ stage }) => stage === "transcoding");
        return victim !== undefined;
      },
      50,
    );
    const name = victim?.workerName ?? "";
    world.agent(name).kill();
    const killedAt = Date.now();
    const job = await untilEnd(client, jobId);
    expect(job.error).toBeNull();
    const ledger = await ledgerOf(client, jobId);
    const lost = ledger.filter(({ state }) => state !== "completed" && state !== "superseded");
    expect(lost.map(({ workerName }) => workerName)).toEqual(lost.map(() => name));
    expect(lost.map(({ taskId }) => taskId)).toContain(victim?.taskId);
    // Every task but the killed agent's was done once.
    const tasks = ledger.map(({ taskId }) => taskId);
    const twice = tasks.filter((taskId, at) => tasks.indexOf(taskId) !== at);
    expect([...new Set(twice)].sort()).toEqual([...new Set(lost.map((one) => one.taskId))].sort());
    const answer = await fetch(job.outputs[0]?.url ?? "");
    await world.checkFrames(new Uint8Array(await answer.arrayBuffer()));
    report("agent killed with SIGKILL in the middle of a chunk", {
      tasks_done_again: new Set(twice).size,
      ended_after_ms: Date.now() - killedAt,
    });
  },
  300_000,
);
