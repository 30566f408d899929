/** Bench: a ladder of three rungs by the agent's path, against plain ffmpeg rung by rung, and all in one run. */
import { rm } from "node:fs/promises";
import path from "node:path";
import { proveCapabilities, resolveTools } from "../../worker-node/ffmpeg/index.ts";
import { type Measured, takePairs } from "../interleave.ts";
import { type Count, type RatioRow, type Report, ratioRow } from "../report.ts";
import type { Scope } from "../scope.ts";
import { median } from "../stats.ts";
import { figure } from "../table.ts";
import type { Spent } from "../transcode/plain.ts";
import { makeLadderSource } from "./clip.ts";
import { type Ladder, runLadder } from "./ours.ts";
import { runApart, rungsOf, runTogether } from "./rivals.ts";

const CLIP_SECONDS = { full: 79, quick: 6 };
const PAIRS = { full: 5, quick: 1 };
const PROOF_LIMIT_MS = 120_000;
/** Of one preset; no pair is begun after it. */
const LIMIT_MS = 300_000;

const presets = [
  { preset: "veryfast", cpuAtMost: 0.8 },
  { preset: "medium", cpuAtMost: 0.88 },
] as const;

/** A turn of one side: the ladder, or both of its rivals. */
type Turn =
  | { readonly side: "ours"; readonly ladder: Ladder }
  | { readonly side: "rivals"; readonly apart: Spent; readonly together: Spent };

interface Pair {
  readonly ladder: Ladder;
  readonly apart: Spent;
  readonly together: Spent;
}

export async function benchLadder(scope: Scope, quick: boolean): Promise<Report> {
  const extent = quick ? "quick" : "full";
  const folder = await scope.folder();
  const file = path.join(folder, "clip.mp4");
  const tools = await resolveTools(process.env);
  const source = await makeLadderSource(tools.ffmpeg, file, CLIP_SECONDS[extent]);
  const { encoders } = await proveCapabilities(tools, AbortSignal.timeout(PROOF_LIMIT_MS));
  const rows: RatioRow[] = [];
  const counts: Count[] = [];
  for (const { preset, cpuAtMost } of presets) {
    const work = path.join(folder, preset);
    const ladderOnce = () => runLadder(tools, encoders, { file, folder: work, preset });
    // The rivals need the plan; it is the same each time.
    const { plan } = await ladderOnce();
    const request = { ffmpeg: tools.ffmpeg, plan, file, folder: work };
    const startedAt = performance.now();
    const turns = await takePairs<Turn>(
      PAIRS[extent],
      {
        ours: async () => ({ side: "ours", ladder: await ladderOnce() }),
        rival: async () => ({
          side: "rivals",
          apart: await runApart(request),
          together: await runTogether(request),
        }),
      },
      () => performance.now() - startedAt > LIMIT_MS,
    );
    const pairs = turns.flatMap(pairOf);
    rows.push(...rowsOf(preset, cpuAtMost, pairs));
    counts.push(...countsOf(preset, pairs));
    await rm(work, { recursive: true, force: true });
  }
  return {
    bench: `ladder (${source}, to three rungs of HLS, by the agent without an edge)`,
    rows,
    counts,
  };
}

function pairOf({ ours, rival }: Measured<Turn>): readonly Pair[] {
  if (ours.side !== "ours" || rival.side !== "rivals") return [];
  return [{ ladder: ours.ladder, apart: rival.apart, together: rival.together }];
}

function rowsOf(preset: string, cpuAtMost: number, pairs: readonly Pair[]): readonly RatioRow[] {
  const row = (
    what: "wall" | "CPU",
    rival: "apart" | "together",
    goal?: { readonly of: "ratio"; readonly atMost: number },
  ) => {
    const of = (spent: Spent) => (what === "wall" ? spent.wallSeconds : spent.cpuSeconds);
    const against = rival === "apart" ? "a run of ffmpeg for each rung" : "one run of ffmpeg";
    return ratioRow(
      { what: `${preset}, ${what}`, unit: "s", against, ...(goal === undefined ? {} : { goal }) },
      pairs.map((pair) => ({ ours: of(pair.ladder), rival: of(pair[rival]) })),
    );
  };
  return [
    row("CPU", "apart", { of: "ratio", atMost: cpuAtMost }),
    row("wall", "together", { of: "ratio", atMost: 1.05 }),
    row("CPU", "together"),
  ];
}

function countsOf(preset: string, pairs: readonly Pair[]): readonly Count[] {
  const [first] = pairs;
  if (first === undefined) return [];
  const inMiddle = (of: (ladder: Ladder) => number) =>
    figure(median(pairs.map(({ ladder }) => of(ladder))));
  const rungs = rungsOf(first.ladder.plan).length;
  return [
    { what: `${preset}: rungs, files`, value: `${rungs}, ${first.ladder.plan.outputs.length}` },
    { what: `${preset}: bytes of media`, value: String(first.ladder.bytes) },
    {
      what: `${preset}: CPU of the agent itself`,
      value: `${inMiddle((l) => l.agentCpuSeconds)} s`,
    },
    { what: `${preset}: wall around the encode`, value: `${inMiddle((l) => l.aroundSeconds)} s` },
  ];
}
