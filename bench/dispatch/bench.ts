/** Bench (b): from submission to the handler's first instruction, against BullMQ on a local Redis. */
import { setTimeout as delay } from "node:timers/promises";
import { takePairs } from "../interleave.ts";
import { type Report, ratioRow } from "../report.ts";
import type { Scope } from "../scope.ts";
import { startService } from "../service.ts";
import { uploadSmallVideo } from "../small-video.ts";
import { percentile } from "../stats.ts";
import { type Dispatcher, startBullMq } from "./bullmq.ts";
import { startRedis } from "./redis.ts";
import { startTelecine } from "./telecine.ts";

const ROUNDS = 5;
const JOBS_PER_ROUND = 80;
const QUICK_JOBS_PER_ROUND = 20;
const WARM_UP_JOBS = 20;
const LIMIT_MS = 90_000;
/** Before each job both sides come to rest: what is measured is one job's way, not a queue of them. */
const REST_MS = 30;
/** A lease and its task are this large on the wire. */
const PAYLOAD = { task: "x".repeat(1200) };

export async function benchDispatch(scope: Scope, quick: boolean): Promise<Report> {
  const redis = await startRedis(scope);
  if (redis.status === "missing") {
    return {
      bench: "dispatch",
      rows: [{ kind: "skipped", what: "submit to started", why: redis.remedy }],
      counts: [],
    };
  }
  const service = await startService(scope, { workers: 0 });
  const videoId = await uploadSmallVideo(service.client, await scope.folder());
  const rival = await startBullMq(scope, redis.port, PAYLOAD);
  const ours = await startTelecine(scope, service, videoId);
  const rested = (side: Dispatcher) => async () => {
    await delay(REST_MS);
    return side.dispatch();
  };
  const sides = { ours: rested(ours), rival: rested(rival) };
  await takePairs(WARM_UP_JOBS, sides);

  // Job by job in turn, so that both meet the same machine; then cut into rounds for the figures.
  const perRound = quick ? QUICK_JOBS_PER_ROUND : JOBS_PER_ROUND;
  const startedAt = performance.now();
  const isOver = () => performance.now() - startedAt > LIMIT_MS;
  const jobs = await takePairs(ROUNDS * perRound, sides, isOver);
  const size = Math.ceil(jobs.length / ROUNDS);
  const rounds = Array.from({ length: ROUNDS }, (_, i) => jobs.slice(i * size, (i + 1) * size))
    .filter((round) => round.length > 0)
    .map((round) => ({
      ours: percentile(
        round.map((job) => job.ours),
        50,
      ),
      rival: percentile(
        round.map((job) => job.rival),
        50,
      ),
    }));
  const against = `BullMQ 6, Redis ${redis.version}`;
  const all = { ours: jobs.map((job) => job.ours), rival: jobs.map((job) => job.rival) };
  return {
    bench: `dispatch (${jobs.length} jobs on each side)`,
    rows: [
      ratioRow(
        {
          what: "submit to started, p50",
          unit: "ms",
          against,
          goal: { of: "ratio", atMost: 1.5 },
        },
        rounds,
      ),
      ratioRow(
        {
          what: "submit to started, p99",
          unit: "ms",
          against,
          goal: { of: "value", atMost: 25 },
        },
        [{ ours: percentile(all.ours, 99), rival: percentile(all.rival, 99) }],
      ),
    ],
    counts: [],
  };
}
