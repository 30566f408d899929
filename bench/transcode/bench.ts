/** Bench (a): the whole job against plain ffmpeg that makes the same file, on wall clock and on CPU time. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { Job } from "../../protocol/http/jobs.ts";
import { proveCapabilities, resolveTools } from "../../worker-node/ffmpeg/index.ts";
import type { CpuByPart, Part } from "../cpu-time.ts";
import { takePairs } from "../interleave.ts";
import { type Count, type Report, ratioRow } from "../report.ts";
import type { Scope } from "../scope.ts";
import { startService } from "../service.ts";
import { median } from "../stats.ts";
import { figure } from "../table.ts";
import { CLIP_SECONDS, makeClip } from "./clip.ts";
import { plainArgv, planStep, runPlain, type Spent } from "./plain.ts";
import { runJob, stageTimes } from "./telecine.ts";

/** The recipe's defaults: H.264 at CRF 23, preset medium, the source's own size. */
const RECIPE = { name: "transcode" } as const;
const PAIRS = 5;
const PROOF_LIMIT_MS = 120_000;
/** No pair is begun after this. */
const LIMIT_MS = 480_000;

interface Run extends Spent {
  readonly sha256: string;
  /** Of our side alone. */
  readonly details: { readonly job: Job; readonly parts: CpuByPart } | null;
}

export async function benchTranscode(scope: Scope, quick: boolean): Promise<Report> {
  const folder = await scope.folder();
  const clip = path.join(folder, "clip.mp4");
  const tools = await resolveTools(process.env);
  await makeClip(tools.ffmpeg, clip);
  const service = await startService(scope, { workers: 1 });
  const { encoders } = await proveCapabilities(tools, AbortSignal.timeout(PROOF_LIMIT_MS));
  const argv = plainArgv(
    await planStep(tools, clip, RECIPE, encoders),
    clip,
    path.join(folder, "plain.mp4"),
  );
  const { videoId } = await service.client.uploadFile(clip);
  const startedAt = performance.now();
  const pairs = await takePairs<Run>(
    quick ? 1 : PAIRS,
    {
      ours: async () => {
        const ran = await runJob(service, { videoId, recipe: RECIPE });
        return { ...ran, details: ran, sha256: ran.job.outputs[0]?.sha256 ?? "" };
      },
      rival: async () => {
        const ran = await runPlain(tools.ffmpeg, argv);
        return { ...ran, details: null, sha256: await sha256Of(path.join(folder, "plain.mp4")) };
      },
    },
    () => performance.now() - startedAt > LIMIT_MS,
  );
  const of = (figureOf: (run: Run) => number) =>
    pairs.map(({ ours, rival }) => ({ ours: figureOf(ours), rival: figureOf(rival) }));
  const about = { unit: "s", against: "plain ffmpeg" };
  const goal = { of: "ratio", atMost: 1.05 } as const;
  return {
    bench: `transcode (${CLIP_SECONDS} s of 720p H.264 encoded again, ${encoders[0]?.encoder ?? "?"} first)`,
    rows: [
      ratioRow(
        { ...about, goal, what: "submit to completed, wall" },
        of((run) => run.wallSeconds),
      ),
      ratioRow(
        { ...about, goal, what: "submit to completed, CPU" },
        of((run) => run.cpuSeconds),
      ),
    ],
    counts: countsOf(pairs),
  };
}

/** Where the time goes that ffmpeg does not take, and whether both made the same file. */
function countsOf(pairs: readonly { readonly ours: Run; readonly rival: Run }[]): readonly Count[] {
  const same = pairs.filter(({ ours, rival }) => ours.sha256 === rival.sha256).length;
  const details = pairs.flatMap(({ ours }) => ours.details ?? []);
  const stages = details.map(({ job }) => stageTimes(job));
  const names = new Set(stages.flatMap((times) => [...times.keys()]));
  const inMiddle = (values: readonly (number | undefined)[]) =>
    figure(median(values.map((value) => value ?? 0)));
  return [
    { what: "outputs equal byte for byte", value: `${same} of ${pairs.length}` },
    ...[...names].map((name) => ({
      what: `stage ${name}, wall`,
      value: `${inMiddle(stages.map((times) => times.get(name)))} ms`,
    })),
    ...partNames.map(([part, what]) => ({
      what: `CPU of ${what}`,
      value: `${inMiddle(details.map(({ parts }) => parts[part]))} s`,
    })),
  ];
}

const partNames: readonly (readonly [Part, string])[] = [
  ["tools", "ffmpeg and ffprobe"],
  ["agent", "the agent"],
  ["runtime", "the edge (workerd)"],
  ["host", "the edge's host process"],
];

async function sha256Of(file: string): Promise<string> {
  return createHash("sha256")
    .update(await readFile(file))
    .digest("hex");
}
