/**
 * Bench: one video by two agents of a core each, against one of them, plain ffmpeg with both cores, and itself; and by one
 * agent with both cores until it can be watched.
 */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Job, JobRequest } from "../../protocol/http/jobs.ts";
import { proveCapabilities, resolveTools } from "../../worker-node/ffmpeg/index.ts";
import { takePairs } from "../interleave.ts";
import { makeLadderClip } from "../ladder/clip.ts";
import { runLadder } from "../ladder/ours.ts";
import { playlistRun, runTogether } from "../ladder/rivals.ts";
import { type Report, ratioRow } from "../report.ts";
import type { Scope } from "../scope.ts";
import { type Service, startService } from "../service.ts";
import { median } from "../stats.ts";
import { figure } from "../table.ts";
import { runJob } from "../transcode/telecine.ts";
import { type PinnedAgent, startPinnedAgent } from "./pinned-agent.ts";

const CLIP_SECONDS = { full: 180, quick: 60 };
const PAIRS = { full: 5, quick: 1 };
/** Of one comparison; no pair is begun after it. */
const LIMIT_MS = 400_000;
const PROOF_LIMIT_MS = 120_000;
const SEGMENT_SECONDS = 6;
/** To look costs both sides CPU time, ours a request. */
const LOOK_MS = 50;
const ENCODE = { name: "transcode", preset: "veryfast" } as const;
const LADDER = { name: "hls", preset: "veryfast", segmentSeconds: SEGMENT_SECONDS } as const;

interface World {
  readonly one: Service;
  readonly two: Service;
  readonly second: PinnedAgent;
  /** One agent with all cores, as `telecine start` runs it. */
  readonly unpinned: Service;
  readonly file: string;
  /** The clip's id on each service. */
  readonly ids: ReadonlyMap<Service, string>;
}

export async function benchFleet(scope: Scope, quick: boolean): Promise<Report> {
  const extent = quick ? "quick" : "full";
  const folder = await scope.folder();
  const file = path.join(folder, "clip.mp4");
  const tools = await resolveTools(process.env);
  await makeLadderClip(tools.ffmpeg, file, CLIP_SECONDS[extent]);
  const world = await startWorld(scope, file);
  const job = (service: Service, recipe: JobRequest["recipe"]) =>
    runJob(service, { videoId: world.ids.get(service) ?? "", recipe } as JobRequest);
  const { encoders } = await proveCapabilities(tools, AbortSignal.timeout(PROOF_LIMIT_MS));
  const work = path.join(folder, "plain");
  const { plan } = await runLadder(tools, encoders, { file, folder: work, preset: "veryfast" });

  const pairs = <T>(ours: () => Promise<T>, rival: () => Promise<T>) => {
    const startedAt = performance.now();
    const isOver = () => performance.now() - startedAt > LIMIT_MS;
    return takePairs(PAIRS[extent], { ours, rival }, isOver);
  };
  const encodes = await pairs(
    () => job(world.two, ENCODE),
    () => job(world.one, ENCODE),
  );
  const ladders = await pairs(
    async () => (await job(world.two, LADDER)).wallSeconds,
    async () => (await runTogether({ ffmpeg: tools.ffmpeg, plan, file, folder: work })).wallSeconds,
  );
  const first = await pairs(
    () => untilPlayable(world),
    async () => {
      const target = path.join(work, `hls-${performance.now()}`);
      await mkdir(target);
      const run = playlistRun({ plan, file, folder: target }, SEGMENT_SECONDS);
      return untilFirstSegments(tools.ffmpeg, run);
    },
  );
  const kills = await pairs(
    async () => (await withKill(world, () => job(world.two, ENCODE))).wallSeconds,
    async () => (await job(world.two, ENCODE)).wallSeconds,
  );
  const wall = (ran: { readonly wallSeconds: number }) => ran.wallSeconds;
  const sizes = encodes.map(({ ours, rival }) => {
    const [a, b] = [ours.job.outputs[0]?.size ?? 0, rival.job.outputs[0]?.size ?? 1];
    return a / b;
  });
  return {
    bench: `fleet (${CLIP_SECONDS[extent]} s of 480p, agents of one core each)`,
    rows: [
      ratioRow(
        // 1.88 times as fast.
        { ...about("two agents", "one agent"), goal: { of: "ratio", atMost: 0.532 } },
        encodes.map(({ ours, rival }) => ({ ours: wall(ours), rival: wall(rival) })),
      ),
      ratioRow(
        {
          ...about("a ladder by two agents", "one ffmpeg with both cores"),
          goal: { of: "ratio", atMost: 0.95 },
        },
        ladders,
      ),
      ratioRow(
        {
          ...about("first playable segment, all cores", "the first of ffmpeg -f hls, same ladder"),
          goal: { of: "ratio", atMost: 1.25 },
        },
        first,
      ),
      ratioRow(
        // One of two equal chunks.
        { ...about("one kill -9 on the way", "none"), goal: { of: "ratio", atMost: 1.5 } },
        kills,
      ),
    ],
    counts: [
      {
        what: "size of the merged file against one agent's",
        value: sizes.map((size) => figure(size)).join(", "),
      },
      {
        what: "first playable segment against the whole ladder by two agents, wall",
        value: figure(
          median(first.map(({ ours }) => ours)) / median(ladders.map(({ ours }) => ours)),
        ),
      },
    ],
  };
}

const about = (what: string, against: string) => ({ what: `${what}, wall`, unit: "s", against });

async function startWorld(scope: Scope, file: string): Promise<World> {
  const [one, two] = [
    await startService(scope, { workers: 0 }),
    await startService(scope, { workers: 0 }),
  ];
  await startPinnedAgent(scope, one, 0);
  await startPinnedAgent(scope, two, 0);
  const second = await startPinnedAgent(scope, two, 1);
  const unpinned = await startService(scope, { workers: 1 });
  const ids = new Map<Service, string>();
  for (const service of [one, two, unpinned]) {
    ids.set(service, (await service.client.uploadFile(file)).videoId);
  }
  return { one, two, second, unpinned, file, ids };
}

/** From the submission until players are told that they may begin; the job is cancelled then. */
async function untilPlayable({ unpinned, ids }: World): Promise<number> {
  const { client } = unpinned;
  const startedAt = performance.now();
  const { jobId } = await client.createJob({ videoId: ids.get(unpinned) ?? "", recipe: LADDER });
  for (;;) {
    const job = await client.job(jobId);
    if (job.playable || job.state === "completed") break;
    await delay(LOOK_MS);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  await client.call("POST", `/v1/jobs/${jobId}/cancel`, {}).catch(() => {});
  return seconds;
}

/** From the start of ffmpeg until its playlists, of the same ladder, list a segment each. */
async function untilFirstSegments(
  ffmpeg: string,
  { args, playlists }: ReturnType<typeof playlistRun>,
): Promise<number> {
  const startedAt = performance.now();
  const child = spawn(ffmpeg, args, { stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("close", resolve));
  while (!playlists.every((playlist) => existsSync(playlist))) {
    if (child.exitCode !== null) throw new Error("ffmpeg -f hls ended without its playlists");
    await delay(LOOK_MS);
  }
  const seconds = (performance.now() - startedAt) / 1000;
  child.kill("SIGKILL");
  await ended;
  return seconds;
}

/** The second agent is killed once chunks are being made, and started again. */
async function withKill<T>({ second, two }: World, run: () => Promise<T>): Promise<T> {
  const done = run();
  let isUnderWay = false;
  let isOver = false;
  const over = () => {
    isOver = true;
  };
  done.then(over, over);
  while (!isUnderWay && !isOver) {
    await delay(100);
    const { jobs } = await two.client.call<{ jobs: readonly Job[] }>("GET", "/v1/jobs?limit=1");
    const [job] = jobs;
    if (job?.state !== "transcoding") continue;
    // The list says what is on record; only the job itself says how far it is between two tasks' ends.
    const { progress } = await two.client.job(job.jobId);
    isUnderWay = progress >= 40;
  }
  const [ran] = await Promise.all([done, second.killAndRestart()]);
  return ran;
}
