/** Bench (d): what one upload, one job and one idle minute cost, in what the platform bills. */
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { findMediaTools } from "../../cli/media-tools.ts";
import type { JobRequest } from "../../protocol/http/jobs.ts";
import { type BilledCounts, noCounts, perJob } from "../billed.ts";
import { billFor, PRICES_AS_OF, totalOfBill } from "../prices.ts";
import type { Count, Report } from "../report.ts";
import { type BenchRuntime, startRuntime } from "../runtime.ts";
import type { Scope } from "../scope.ts";
import { figure } from "../table.ts";
import { CLIP_SECONDS, makeClip } from "../transcode/clip.ts";
import { type RealAgent, startRealAgent } from "./agent.ts";

const JOBS = 3;
/** Longer than the agent's ping interval, which must cost nothing. */
const IDLE_SECONDS = 25;
const QUICK_IDLE_SECONDS = 5;
/** What follows a job's end (projection, clean-up) is over after this. */
const SETTLE_MS = 2_000;
/** Quick to encode: counts do not depend on the pictures, but for progress, which is said with its seconds. */
const RECIPE = { name: "transcode", height: 240, preset: "ultrafast" } as const;

export async function benchCounts(scope: Scope, quick: boolean): Promise<Report> {
  const runtime = await startRuntime(scope, { counts: true });
  const clip = path.join(await scope.folder(), "clip.mp4");
  await makeClip((await findMediaTools()).ffmpeg, clip);
  const agent = await startRealAgent(scope, runtime);
  await delay(SETTLE_MS);
  const atStart = await read(runtime);
  const { videoId } = await runtime.client.uploadFile(clip);
  const uploaded = await read(runtime);
  const { counts: job, seconds } = await countJobs(runtime, agent, videoId, quick ? 1 : JOBS);
  const beforeIdle = await read(runtime);
  const idleSeconds = quick ? QUICK_IDLE_SECONDS : IDLE_SECONDS;
  await delay(idleSeconds * 1000);
  const idle = perJob(beforeIdle, await read(runtime), 1);
  const upload = perJob(atStart, uploaded, 1);
  return {
    bench: `counts (a job of ${CLIP_SECONDS} s of video that ran for ${figure(seconds)} s)`,
    rows: [],
    counts: [
      ...countLines("upload", upload),
      ...countLines("job", job),
      ...countLines(`worker idle for ${idleSeconds} s`, idle),
      ...billLines(upload, job, seconds),
    ],
  };
}

/** Runs jobs one by one; the mean of what each cost. Nobody asks how far they are. */
async function countJobs(
  runtime: BenchRuntime,
  agent: RealAgent,
  videoId: string,
  jobs: number,
): Promise<{ readonly counts: BilledCounts; readonly seconds: number }> {
  const before = await read(runtime);
  let ranMs = 0;
  for (let number = 1; number <= jobs; number++) {
    const request = { videoId, recipe: RECIPE, output: { name: `result-${number}.mp4` } };
    const startedAt = performance.now();
    await runtime.client.createJob(request as JobRequest);
    await agent.attempt();
    ranMs += performance.now() - startedAt;
    await delay(SETTLE_MS);
  }
  return { counts: perJob(before, await read(runtime), jobs), seconds: ranMs / jobs / 1000 };
}

async function read(runtime: BenchRuntime): Promise<BilledCounts> {
  const answer = await fetch(new URL("/bench/counts", runtime.url));
  return (await answer.json()) as BilledCounts;
}

const names: Readonly<Record<keyof BilledCounts, string>> = {
  httpRequests: "requests to the Worker",
  socketMessagesIn: "socket messages in",
  socketMessagesOut: "socket messages out (free)",
  alarms: "alarms",
  poolCalls: "calls to the Pool",
  poolRowsRead: "Pool rows read",
  poolRowsWritten: "Pool rows written",
  d1Calls: "D1 round trips (free)",
  d1RowsRead: "D1 rows read",
  d1RowsWritten: "D1 rows written",
  r2ClassA: "R2 class A operations",
  r2ClassB: "R2 class B operations",
  queueMessages: "queue messages",
};

function countLines(of: string, counts: BilledCounts): readonly Count[] {
  const keys = Object.keys(noCounts) as (keyof BilledCounts)[];
  const seen = keys.filter((key) => counts[key] !== 0);
  if (seen.length === 0) return [{ what: of, value: "nothing" }];
  return seen.map((key) => ({ what: `${of}: ${names[key]}`, value: figure(counts[key]) }));
}

/** The Pool counts as awake for as long as the job ran, though other jobs share it. */
function billLines(upload: BilledCounts, job: BilledCounts, seconds: number): readonly Count[] {
  const minutes = CLIP_SECONDS / 60;
  const bill = billFor(job, seconds);
  const dollars = (amount: number) => `$${(amount / minutes).toFixed(7)}`;
  return [
    {
      what: `upload, at list prices of ${PRICES_AS_OF}`,
      value: dollars(totalOfBill(billFor(upload, 0))),
    },
    ...bill
      .filter((item) => item.dollars > 0)
      .map((item) => ({ what: `job: ${item.what}`, value: dollars(item.dollars) })),
    {
      what: "job, for a transcoded minute, at list prices",
      value: dollars(totalOfBill(bill)),
    },
  ];
}
