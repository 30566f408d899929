/** Two real agents in a pool of several shards: both work, and nothing is lost when the pool becomes one again. */
import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { shardOfWorker } from "../../edge/domain/shards.ts";
import { startWorld, type World } from "./telecine.ts";

let world: World;
let videoId: string;
beforeAll(async () => {
  world = await startWorld({ workers: 2 });
  const clip = await world.makeClip("short.mp4", [
    ...["-f", "lavfi", "-i", "testsrc2=size=64x36:rate=25:duration=2"],
    ...["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"],
  ]);
  videoId = await world.upload(clip);
}, 120_000);
afterAll(() => world.stop());

async function setShards(shards: number): Promise<void> {
  const answer = await fetch(`${world.host.url}/v1/pools/default`, {
    method: "PUT",
    headers: {
      authorization: `Bearer ${world.host.rootKey}`,
      "content-type": "application/json",
    },
    body: JSON.stringify({ shards }),
  });
  expect(answer.status).toBe(200);
}

/** Waits until both agents have dialled in where they belong. */
async function bothConnected(): Promise<readonly string[]> {
  for (;;) {
    const { workers } = await world.host.client.listWorkers();
    if (workers.length === 2 && workers.every(({ connected }) => connected)) {
      return workers.map(({ workerId }) => workerId);
    }
    await delay(50);
  }
}

/** A job that no other is like. */
async function submit(crf: number): Promise<string> {
  const recipe = { name: "transcode", preset: "ultrafast", crf } as const;
  return (await world.host.client.createJob({ videoId, recipe })).jobId;
}

test("agents move to their shards and do what is placed there; a drained shard loses no job", async () => {
  const workers = await bothConnected();
  // As few shards as put the two apart.
  let shards = 2;
  while (new Set(workers.map((id) => shardOfWorker(id, shards))).size < 2) shards++;
  await setShards(shards);
  await bothConnected();
  const jobs = [await submit(20), await submit(21), await submit(22), await submit(23)];
  await setShards(1);
  jobs.push(await submit(24), await submit(25));
  const did = new Set<string>();
  for (const jobId of jobs) {
    const done = await world.until(jobId, ({ state }) => state === "completed");
    expect(done.attempt).toBe(1);
    for (const { workerId } of await world.host.client.attempts(jobId)) did.add(workerId);
  }
  expect([...did].sort()).toEqual([...workers].sort());
  expect(world.log.some((line) => line.includes('"moved"'))).toBe(true);
}, 120_000);
