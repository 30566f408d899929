/** Bench (f): a job whose agent is killed with SIGKILL half-way, against the same job without that. */
import path from "node:path";
import { resolveTools } from "../../worker-node/ffmpeg/index.ts";
import { takePairs } from "../interleave.ts";
import { type Report, ratioRow } from "../report.ts";
import type { Scope } from "../scope.ts";
import { startService } from "../service.ts";
import { median, percentile } from "../stats.ts";
import { figure } from "../table.ts";
import { makeClip } from "../transcode/clip.ts";
import { startKillableAgent } from "./agent.ts";
import { runJob } from "./run-job.ts";

const CLIP_SECONDS = 20;
const QUICK_CLIP_SECONDS = 6;
const RECIPE = { name: "transcode" } as const;
const PAIRS = 5;
/** No pair is begun after this. */
const LIMIT_MS = 180_000;
/** From the restarted agent's hello to its next lease (docs/RELIABILITY.md). */
const AGAIN_LIMIT_MS = 1_000;

export async function benchRecovery(scope: Scope, quick: boolean): Promise<Report> {
  const seconds = quick ? QUICK_CLIP_SECONDS : CLIP_SECONDS;
  const clip = path.join(await scope.folder(), "clip.mp4");
  await makeClip((await resolveTools(process.env)).ffmpeg, clip, seconds);
  const service = await startService(scope, { workers: 0 });
  const agent = await startKillableAgent(scope, service);
  const { videoId } = await service.client.uploadFile(clip);
  const request = { videoId, recipe: RECIPE };
  const startedAt = performance.now();
  const pairs = await takePairs(
    quick ? 1 : PAIRS,
    {
      ours: () => runJob(service, request, agent),
      rival: () => runJob(service, request, null),
    },
    () => performance.now() - startedAt > LIMIT_MS,
  );
  const killed = pairs.map(({ ours }) => ours);
  const again = killed.flatMap(({ leasedAgainMs }) => leasedAgainMs ?? []);
  const inTime = again.filter((ms) => ms <= AGAIN_LIMIT_MS).length;
  const same = pairs.filter(({ ours, rival }) => ours.sha256 === rival.sha256).length;
  return {
    bench: `recovery (${seconds} s of 720p H.264 encoded again by one agent)`,
    rows: [
      ratioRow(
        { what: "job with one kill -9 of its agent", unit: "s", against: "the same job without" },
        pairs.map(({ ours, rival }) => ({ ours: ours.wallSeconds, rival: rival.wallSeconds })),
      ),
    ],
    counts: [
      { what: "leased again within 1 s of the hello", value: `${inTime} of ${killed.length}` },
      {
        what: "from the hello to the lease",
        value: `${figure(median(again))} ms, at most ${figure(percentile(again, 100))} ms`,
      },
      {
        what: "from the kill to the hello",
        value: `${figure(median(killed.map(({ awayMs }) => awayMs ?? 0)))} ms (its host waits 1 s)`,
      },
      {
        what: "how far it was when killed",
        value: `${figure(median(killed.map(({ killedAt }) => killedAt ?? 0)))} %`,
      },
      { what: "outputs equal byte for byte", value: `${same} of ${pairs.length}` },
    ],
  };
}
