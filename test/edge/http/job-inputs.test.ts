/** A video that was looked up before is taken from memory; the conditional insert has the last word. */
import { beforeEach, describe, expect, test, vi } from "vitest";
import { FakePool } from "./fake-pool.ts";
import { call, makeKey, makeVideo, refusal, testEnv } from "./harness.ts";

let pool: FakePool;
beforeEach(() => {
  pool = new FakePool();
});

const submit = (videoId: string, crf: number) =>
  call("/v1/jobs", { env: pool.env, json: { videoId, recipe: { name: "webReady", crf } } });

describe("a video that a job has read before", () => {
  test("is not found once it is gone, and nothing is recorded", async () => {
    const videoId = await makeVideo();
    expect((await submit(videoId, 20)).status).toBe(202);
    await testEnv.DB.prepare("delete from videos where id = ?").bind(videoId).run();
    const refused = await refusal(await submit(videoId, 21));
    expect(refused).toMatchObject({ code: "VIDEO_NOT_FOUND" });
    const { results } = await testEnv.DB.prepare("select id from jobs where video_id = ?")
      .bind(videoId)
      .all();
    expect(results).toHaveLength(1);
    expect(pool.submitted).toHaveLength(1);
  });

  test("is read under the ETag that it has now", async () => {
    const videoId = await makeVideo();
    await submit(videoId, 20);
    await testEnv.DB.prepare("update videos set etag = 'etag-2', size = 2000 where id = ?")
      .bind(videoId)
      .run();
    expect((await submit(videoId, 21)).status).toBe(202);
    expect(pool.submitted.map(({ inputs }) => inputs.in_1)).toEqual([
      expect.objectContaining({ etag: "etag-1", sizeBytes: 1000 }),
      expect.objectContaining({ etag: "etag-2", sizeBytes: 2000 }),
    ]);
  });

  test("is another account's no more than it was", async () => {
    const videoId = await makeVideo();
    expect((await submit(videoId, 20)).status).toBe(202);
    const key = await makeKey(["write"], "input-thief");
    const answer = await call("/v1/jobs", {
      env: pool.env,
      key,
      json: { videoId, recipe: { name: "webReady", crf: 21 } },
    });
    expect(await refusal(answer)).toMatchObject({ code: "VIDEO_NOT_FOUND" });
  });
});

describe("a job on a video and a pool that jobs had before", () => {
  test("is accepted in one round trip to the record", async () => {
    const videoId = await makeVideo();
    expect((await submit(videoId, 20)).status).toBe(202);
    const prepared = vi.spyOn(testEnv.DB, "prepare");
    const batches = vi.spyOn(testEnv.DB, "batch");
    expect((await submit(videoId, 21)).status).toBe(202);
    const statements = batches.mock.calls.flatMap(([batch]) => batch);
    expect(batches.mock.calls).toHaveLength(1);
    // Each statement that was prepared is one of the batch.
    expect(prepared.mock.calls).toHaveLength(statements.length);
    vi.restoreAllMocks();
  });
});
