/** Jobs of several inputs, and of several files, through the real edge. */
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorld, type World } from "./telecine.ts";

let world: World;
beforeAll(async () => {
  world = await startWorld();
}, 60_000);
afterAll(() => world.stop());

const clip = (name: string, color: string) =>
  world.makeClip(name, [
    ...["-f", "lavfi", "-i", `color=${color}:size=160x90:rate=25:duration=2`],
    ...["-f", "lavfi", "-i", "sine=frequency=440:duration=2"],
    ...["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"],
  ]);

test("two videos become one, in the order of their keys", async () => {
  const [first, second] = [await clip("first.mp4", "red"), await clip("second.mp4", "blue")];
  const input_files = {
    in_2: { videoId: await world.upload(second) },
    in_1: { videoId: await world.upload(first) },
  };
  const job = await world.finish({ recipe: { name: "concat" }, input_files });
  expect(job).toMatchObject({ state: "completed", error: null });
  const probed = await world.probe(await world.download(job));
  expect(probed.streams[0]?.nb_read_frames).toBe("100");
});

test("one input is too few", async () => {
  const videoId = await world.upload(await clip("only.mp4", "red"));
  await expect(
    world.host.client.createJob({ recipe: { name: "concat" }, input_files: { in_1: { videoId } } }),
  ).rejects.toThrow("concat recipe requires input_files with at least two entries");
});

test("a storyboard lists its sheet and its cues, and the cues name the sheet where it is served", async () => {
  const videoId = await world.upload(await clip("board.mp4", "lime"));
  const recipe = { name: "storyboard" as const, intervalSeconds: 0.5 };
  const job = await world.finish({ videoId, recipe });
  expect(job.outputs.map(({ name, format }) => [name, format])).toEqual([
    ["result.jpg", "jpg"],
    ["result.vtt", "vtt"],
  ]);
  const cuesUrl = job.outputs[1]?.url ?? "";
  const cues = await (await fetch(cuesUrl)).text();
  const [, sheet] = /^(result\.jpg)#xywh=480,0,160,90$/m.exec(cues) ?? [];
  const answer = await fetch(new URL(sheet ?? "", cuesUrl));
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "image/jpeg"]);
});

test("quality that is asked for stands with each rung of a ladder, and only where asked", async () => {
  const source = await world.makeClip("rungs.mp4", [
    ...["-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=25:duration=0.4"],
    ...["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"],
  ]);
  const videoId = await world.upload(source);
  const ladder = { videoId, recipe: { name: "hls", preset: "ultrafast" } } as const;
  const measured = await world.finish({ ...ladder, quality: true });
  const [master] = measured.outputs;
  expect(measured.error).toBeNull();
  const rungs = master?.quality?.renditions ?? [];
  expect(rungs.map(({ height }) => height)).toEqual([720, 480, 360, 240]);
  expect(rungs[0]).toMatchObject({ psnrDb: master?.quality?.psnrDb, frames: 10 });
  for (const { psnrDb, ssim } of rungs) {
    expect(psnrDb).toBeGreaterThan(25);
    expect(ssim).toBeGreaterThan(0.8);
  }
  const plain = await world.finish({ videoId, recipe: { name: "webReady" } });
  expect(plain.outputs.map(({ quality }) => quality)).toEqual([null]);
});
