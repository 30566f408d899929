/** The rivals: plain ffmpeg with the plan's own options, rung by rung in a run each, or all in one. */
import path from "node:path";
import type { FfmpegStep, Plan } from "../../protocol/plan.ts";
import { runPlain, type Spent } from "../transcode/plain.ts";

const QUIET = ["-nostdin", "-hide_banner", "-v", "error", "-y"];

interface Request {
  readonly ffmpeg: string;
  readonly plan: Plan;
  readonly file: string;
  readonly folder: string;
}

/** One run, one decode, every rung and the sound. */
export function runTogether({ ffmpeg, plan, file, folder }: Request): Promise<Spent> {
  const step = ladderOf(plan);
  return runPlain(ffmpeg, [
    ...[...QUIET, "-i", file],
    ...(step.filterComplex === null ? [] : ["-filter_complex", step.filterComplex]),
    ...step.outputs.flatMap((output) => written(output, folder, "one")),
  ]);
}

/** Options of the plan's muxer, with a value each, that the muxer of playlists does not know. */
const OF_MP4: ReadonlySet<string> = new Set([
  ...["-movflags", "-frag_duration", "-use_editlist", "-write_tmcd", "-video_track_timescale"],
]);

/** The arguments of `runTogether` as `-f hls` takes them, and the playlists that they make, of the rungs and the sound. */
export function playlistRun(
  { plan, file, folder }: Omit<Request, "ffmpeg">,
  segmentSeconds: number,
): { readonly args: readonly string[]; readonly playlists: readonly string[] } {
  const step = ladderOf(plan);
  const made = step.outputs.map(({ options, file: name }) => {
    const playlist = path.join(folder, `${name}.m3u8`);
    const kept = options.filter(
      (option, at) => !OF_MP4.has(option) && !OF_MP4.has(options[at - 1] ?? ""),
    );
    const muxing = ["-f", "hls", "-hls_time", String(segmentSeconds), playlist];
    return { playlist, args: [...kept, ...muxing] };
  });
  const graph = step.filterComplex === null ? [] : ["-filter_complex", step.filterComplex];
  return {
    args: [...QUIET, "-i", file, ...graph, ...made.flatMap(({ args }) => args)],
    playlists: made.map(({ playlist }) => playlist),
  };
}

/** A run for each rung, one after the other; the sound goes with the first. */
export async function runApart({ ffmpeg, plan, file, folder }: Request): Promise<Spent> {
  const step = ladderOf(plan);
  const rungs = rungsOf(plan);
  const sound = step.outputs.filter((output) => !rungs.some((rung) => rung.output === output));
  let spent: Spent = { wallSeconds: 0, cpuSeconds: 0 };
  for (const [at, { graph, output }] of rungs.entries()) {
    const options = output.options.map((option) =>
      /^\[v\d+\]$/.test(option) ? "[reference]" : option,
    );
    const ran = await runPlain(ffmpeg, [
      ...[...QUIET, "-i", file, "-filter_complex", graph],
      ...written({ ...output, options }, folder, "apart"),
      ...(at === 0 ? sound.flatMap((one) => written(one, folder, "apart")) : []),
    ]);
    spent = {
      wallSeconds: spent.wallSeconds + ran.wallSeconds,
      cpuSeconds: spent.cpuSeconds + ran.cpuSeconds,
    };
  }
  return spent;
}

/** The rungs of the plan, each with the filters that lead to it from the source. */
export function rungsOf(plan: Plan) {
  const { outputs } = ladderOf(plan);
  return plan.outputs.flatMap(({ file, reference }) => {
    const output = outputs.find((one) => one.file === file);
    return reference === undefined || output === undefined
      ? []
      : [{ graph: reference.graph, output }];
  });
}

function ladderOf(plan: Plan): FfmpegStep {
  const steps = plan.steps.filter((step) => step.kind === "ffmpeg");
  const [step, ...others] = steps;
  if (step === undefined || others.length > 0) {
    throw new Error(`The plan has ${steps.length} runs of ffmpeg; one is compared.`);
  }
  return step;
}

function written(
  { options, muxer, file }: FfmpegStep["outputs"][number],
  folder: string,
  prefix: string,
): readonly string[] {
  return [...options, "-f", muxer, path.join(folder, `${prefix}-${file}`)];
}
