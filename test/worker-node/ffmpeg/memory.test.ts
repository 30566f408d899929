/** What a hostile filter graph takes of a box: what it is allowed, and then it is told so. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { FfmpegStep } from "../../../protocol/plan.ts";
import { planWork } from "../../../protocol/recipes/index.ts";
import type { Work } from "../../../protocol/task.ts";
import { probeSource, resolveTools, runStep } from "../../../worker-node/ffmpeg/index.ts";
import { softwareEncoders } from "../recipes/support.ts";
import { makeMp4, scratch, serve, stepOf } from "./support.ts";

const dir = await scratch();
const tools = await resolveTools(process.env);
const clip = join(dir, "clip.mp4");
await makeMp4(tools, clip, { seconds: 6 });
const served = await serve(clip);

/** Every frame of it in memory at once: 60 of 12 MiB. */
const GREEDY = "[0:V:0]scale=4096:2048,reverse[v]";

const LIMIT = 256 * 1024 ** 2;

function run(step: FfmpegStep) {
  const { confinement } = tools;
  const limited = {
    ...tools,
    confinement: { ...confinement, limits: { ...confinement.limits, memoryBytes: LIMIT } },
  };
  return runStep(limited, step, {
    inputUrl: () => served.url,
    scratchDir: dir,
    signal: new AbortController().signal,
    onProgress: () => {},
    stallMs: 60_000,
  });
}

/** A command of a user's, planned as an agent plans it. */
async function commandOf(...args: readonly string[]): Promise<FfmpegStep> {
  const probed = await probeSource(tools, {
    ...{ url: served.url, sizeBytes: served.sizeBytes, signal: new AbortController().signal },
    forPassthrough: false,
  });
  if (probed.status === "failed") throw new Error(probed.detail);
  const work: Work = { mode: "ffmpeg", args: [...args] };
  const output = { key: "out_1", file: "out.gif", format: "gif" } as const;
  const plan = planWork(work, { in_1: probed.source }, output, softwareEncoders);
  const step = plan.status === "planned" ? plan.steps.find(({ kind }) => kind === "ffmpeg") : null;
  if (step?.kind !== "ffmpeg") throw new Error(JSON.stringify(plan));
  return step;
}

describe.runIf(process.platform === "linux")("a run that wants more memory than it may", () => {
  const output = {
    ...{ file: "out.mp4", muxer: "mp4" },
    options: ["-map", "[v]", "-c:v", "mpeg4", "-frames:v", "2"],
  };

  test.for([
    ["that holds every frame", GREEDY, "reverse waits for the end of the input"],
    // Each of its planes is below what may be allocated at once.
    ["of frames that nobody could watch", "[0:V:0]scale=20000:20000[v]", "Smaller pictures"],
  ])("%s ends typed, with the limit, the rule and the ways out", async ([, graph = "", rule]) => {
    const ran = await run(stepOf({ filterComplex: graph, outputs: [output] }));
    expect(ran).toMatchObject({ status: "failed", code: "TRANSCODE_ERROR", retryable: true });
    const detail = ran.status === "failed" ? ran.detail : "";
    expect(detail).toContain("256 MiB");
    expect(detail).toContain(rule);
    expect(detail).toContain("--max-memory-mb");
    expect(detail.length).toBeLessThan(1_000);
  });

  test.for([
    ["-vf", "scale=4096:2048,reverse", /reverse waits .*-t, durationSeconds.*scale/],
    [
      "-filter_complex",
      "[0:v]scale=4096:2048,split[a][b];[a]palettegen[p];[b][p]paletteuse",
      /palettegen waits .*-t, durationSeconds.*scale/,
    ],
  ] as const)("a user's command with %s %s too", async ([option, graph, said]) => {
    const ran = await run(await commandOf("-i", "{{input}}", option, graph, "{{output}}"));
    expect(ran).toMatchObject({ status: "failed", code: "TRANSCODE_ERROR" });
    expect(ran.status === "failed" && ran.detail).toMatch(said);
  });
});

test("a gif and a storyboard of the same frames stay within it: they are scaled first, and read twice", async () => {
  const probed = await probeSource(tools, {
    ...{ url: served.url, sizeBytes: served.sizeBytes, signal: new AbortController().signal },
    forPassthrough: false,
  });
  if (probed.status === "failed") throw new Error(probed.detail);
  for (const [recipe, format] of [
    [{ name: "gif", width: 640, fps: 10 }, "gif"],
    [{ name: "storyboard", intervalSeconds: 1 }, "jpg"],
  ] as const) {
    const file = `small.${format}`;
    const output = { key: "out_1", file, format };
    const plan = planWork(
      { mode: "recipe", recipe },
      { in_1: probed.source },
      output,
      softwareEncoders,
    );
    if (plan.status === "rejected") throw new Error(plan.detail);
    const steps = plan.steps.filter((step) => step.kind === "ffmpeg");
    expect(steps).not.toEqual([]);
    for (const step of steps) expect(await run(step)).toMatchObject({ status: "ok" });
  }
});
