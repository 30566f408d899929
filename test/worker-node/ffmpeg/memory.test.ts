/** What a hostile filter graph takes of a box: what it is allowed, and then it is told so. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { resolveTools, runStep } from "../../../worker-node/ffmpeg/index.ts";
import { makeMp4, scratch, serve, stepOf } from "./support.ts";

const dir = await scratch();
const tools = await resolveTools(process.env);
const clip = join(dir, "clip.mp4");
await makeMp4(tools, clip, { seconds: 6 });
const served = await serve(clip);

/** Every frame of it in memory at once: 60 of 12 MiB. */
const GREEDY = "[0:V:0]scale=4096:2048,reverse[v]";

function run(memoryBytes: number, filterComplex: string) {
  const { confinement } = tools;
  const limited = {
    ...tools,
    confinement: { ...confinement, limits: { ...confinement.limits, memoryBytes } },
  };
  const output = {
    file: "out.mp4",
    muxer: "mp4",
    options: ["-map", "[v]", "-c:v", "mpeg4", "-frames:v", "2"],
  };
  return runStep(limited, stepOf({ filterComplex, outputs: [output] }), {
    inputUrl: () => served.url,
    scratchDir: dir,
    signal: new AbortController().signal,
    onProgress: () => {},
    stallMs: 60_000,
  });
}

test.runIf(process.platform === "linux").for([
  ["that holds every frame", GREEDY],
  // Each of its planes is below what may be allocated at once.
  ["of frames that nobody could watch", "[0:V:0]scale=20000:20000[v]"],
])("a graph %s ends as an error that names the limit on memory", async ([, graph = ""]) => {
  const ran = await run(256 * 1024 ** 2, graph);
  expect(ran).toMatchObject({ status: "failed", code: "TRANSCODE_ERROR", retryable: true });
  expect(ran.status === "failed" && ran.detail).toContain("256 MiB");
});
