/** Attempts whose pictures are measured against the source's: what is reported, and what fails them. */
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Engine } from "../../worker-node/engine.ts";
import { leaseOne } from "./support/lease-one.ts";
import { taskSpec } from "./support/messages.ts";
import { ENCODE, goodEngine, MEDIA, planOf, progress } from "./support/run-agent.ts";

const reference = {
  inputs: [{ from: { source: "in_1" }, options: [] }],
  graph: "[0:0]null[reference]",
  bitDepth: 8,
  range: "tv",
  alignment: "start",
} as const;
const task = { ...taskSpec(), quality: true };
const plan = () => {
  const made = planOf(ENCODE);
  if (made.status === "rejected") return made;
  return { ...made, outputs: made.outputs.map((output) => ({ ...output, reference })) };
};
/** The encode is good; what the run that compares does is the test's. */
function engineThat(compare: Engine["run"]): Engine {
  const good = goodEngine();
  return goodEngine({
    run: (step, options) =>
      step.outputs[0]?.muxer === "null" ? compare(step, options) : good.run(step, options),
    check: async () => [{ status: "ok", media: MEDIA, pictures: { frames: 2, startSeconds: 0 } }],
  });
}
const writes =
  (...lines: readonly string[]): Engine["run"] =>
  async (_step, { scratchDir }) => {
    await writeFile(join(scratchDir, "quality-0.psnr"), lines.join("\n"));
    await writeFile(join(scratchDir, "quality-0.ssim"), "lavfi.ssim.All=0.5\nlavfi.ssim.All=1\n");
    return { status: "ok", log: [] };
  };
const value = "lavfi.psnr.mse_avg=65.025";

test("figures that were asked for are reported with the file", async () => {
  const engine = engineThat(writes("frame:0 pts:0", value, "frame:1 pts:1", value, value));
  const { connection } = await leaseOne(engine, { setUp: { plan }, lease: { task } });
  const { outputs } = await connection.next("complete");
  expect(outputs.map(({ quality }) => quality)).toEqual([
    { psnrDb: 30, ssim: 0.75, vmaf: null, frames: 2 },
  ]);
});

test("what was not asked for is not measured", async () => {
  const engine = engineThat(() => Promise.reject(new Error("it was")));
  const { connection } = await leaseOne(engine, { setUp: { plan } });
  const { outputs } = await connection.next("complete");
  expect(outputs[0]?.quality).toBeUndefined();
});

test("frames that were not compared fail the attempt rather than vanish from the mean", async () => {
  const { connection } = await leaseOne(engineThat(writes(value)), {
    setUp: { plan },
    lease: { task },
  });
  expect(await connection.next("fail")).toMatchObject({
    code: "ENGINE_INVALID_RESPONSE",
    detail:
      "The quality of 'result.mp4' was not measured: 1 of 2 frames could be compared with the source.",
  });
});

test("a comparison that fails is the attempt's failure, and says so", async () => {
  const failure = {
    code: "TRANSCODE_ERROR",
    detail: "FFmpeg exited with code 1",
    retryable: true,
  } as const;
  const engine = engineThat(async () => ({
    ...failure,
    status: "failed",
    exitCode: 1,
    log: ["no such filter"],
    hardwareFault: null,
  }));
  const { connection } = await leaseOne(engine, { setUp: { plan }, lease: { task } });
  expect(await connection.next("fail")).toMatchObject({
    ...failure,
    detail: "The quality of 'result.mp4' was not measured: FFmpeg exited with code 1",
    engine: { exitCode: 1, log: ["done", "no such filter"] },
  });
});

test("frames that are compared move the attempt", async () => {
  const finish = Promise.withResolvers<void>();
  const engine = engineThat(async (step, options) => {
    options.onProgress({ ...progress, frame: 70 });
    await finish.promise;
    return writes(value, value)(step, options);
  });
  const { connection } = await leaseOne(engine, { setUp: { plan }, lease: { task } });
  const moved = await connection.next("progress", ({ frame }) => frame === 70);
  expect(moved.movement).toBeGreaterThanOrEqual(70);
  finish.resolve();
  await connection.next("complete");
});
