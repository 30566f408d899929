import { beforeEach, describe, expect, test } from "vitest";
import type { Job } from "../../../protocol/http/jobs.ts";
import { FakePool } from "./fake-pool.ts";
import { call, makeKey, makeVideo, refusal, testEnv } from "./harness.ts";

let pool: FakePool;
beforeEach(() => {
  pool = new FakePool();
});

const submit = (json: unknown, options: { key?: string; env?: typeof testEnv } = {}) =>
  call("/v1/jobs", { env: pool.env, ...options, json });

const webReady = { name: "webReady" };
const url = "https://media.example.com/in.mp4";

const rowsOf = async (jobId: string) => ({
  work: await testEnv.DB.prepare("select * from active_work where job_id = ?").bind(jobId).all(),
  inputs: await testEnv.DB.prepare("select * from active_inputs where job_id = ?")
    .bind(jobId)
    .all(),
});

describe("an accepted job", () => {
  test("is answered 202 with the whole job, recorded with its claims, and given to its pool", async () => {
    const videoId = await makeVideo();
    const answer = await submit({
      videoId,
      recipe: { name: "webReady", crf: 20 },
      webhookUrl: "https://example.com/hook",
      metadata: { order: 7 },
      priority: 3,
      maxAttempts: 5,
    });
    expect(answer.status).toBe(202);
    const job = await answer.json<Job>();
    expect(job).toMatchObject({
      state: "queued",
      status: "queued",
      videoId,
      mode: "recipe",
      recipe: { name: "webReady", crf: 20, scaleDown: true },
      stage: null,
      progress: 0,
      stages: [],
      attempt: 0,
      maxAttempts: 5,
      error: null,
      outputs: [],
      webhookUrl: "https://example.com/hook",
      metadata: { order: 7 },
      priority: 3,
      pool: "default",
      timeoutSeconds: 3600,
      queueTimeoutSeconds: 86_400,
      startedAt: null,
      completedAt: null,
    });
    expect(answer.headers.get("location")).toBe(`/v1/jobs/${job.jobId}`);
    expect(pool.names).toContain("pool:default/default/0");
    expect(pool.submitted).toHaveLength(1);
    expect(pool.submitted[0]).toMatchObject({
      jobId: job.jobId,
      inputs: { in_1: { kind: "video", videoId, etag: "etag-1", sizeBytes: 1000 } },
      outputs: { out_1: { filename: "result.mp4", format: "mp4" } },
      origin: "https://telecine.test",
    });
    const rows = await rowsOf(job.jobId);
    expect(rows.work.results).toHaveLength(1);
    expect(rows.inputs.results).toEqual([{ video_id: videoId, job_id: job.jobId }]);
  });

  test("stays accepted when its pool does not answer", async () => {
    pool.broken = new Error("the object is being moved");
    const answer = await submit({ input: { url }, recipe: webReady });
    expect(answer.status).toBe(202);
    const { jobId } = await answer.json<Job>();
    const row = await testEnv.DB.prepare("select state, revision from jobs where id = ?")
      .bind(jobId)
      .first();
    expect(row).toEqual({ state: "queued", revision: 0 });
  });

  test("names its output as the client asks, and takes its format from the name", async () => {
    const named = await submit({
      input: { url: `${url}?1` },
      recipe: webReady,
      output: { name: "Clip_1.mp4" },
    });
    expect(named.status).toBe(202);
    await submit({
      input_files: { in_a: { url: `${url}?2` } },
      output_files: { out_b: "still.jpeg" },
      recipe: { name: "thumbnail" },
    });
    expect(pool.submitted.map(({ outputs }) => outputs)).toEqual([
      { out_1: { filename: "Clip_1.mp4", format: "mp4" } },
      { out_b: { filename: "still.jpeg", format: "jpg" } },
    ]);
  });

  test("takes recipe and format from a preset, built in or stored", async () => {
    const stored = await call("/v1/presets", {
      json: { name: "P", recipe: { name: "extractAudio" }, output: { format: "wav" } },
    });
    const { presetId } = await stored.json<{ presetId: string }>();
    for (const id of ["podcast-audio", presetId]) {
      expect((await submit({ input: { url: `${url}?${id}` }, presetId: id })).status).toBe(202);
    }
    expect(pool.submitted.map(({ outputs }) => outputs.out_1?.filename)).toEqual([
      "result.mp3",
      "result.wav",
    ]);
  });

  test("nothing is recorded when the record cannot be written", async () => {
    const prepare = () => {
      throw new Error("D1_ERROR: overloaded");
    };
    const batch = () => Promise.reject(new Error("D1_ERROR: overloaded"));
    const reads = testEnv.DB;
    // Reads of the key go on; the batch that accepts fails, every time.
    const DB = {
      prepare: reads.prepare.bind(reads),
      batch,
      exec: prepare,
    } as unknown as D1Database;
    expect(
      await refusal(submit({ input: { url }, recipe: webReady }, { env: { ...pool.env, DB } })),
    ).toMatchObject({ status: 503, code: "ENGINE_INVOKE_FAILED", retryable: true });
    expect(pool.submitted).toEqual([]);
  });

  test("an insert that fails once is repeated, and makes one job", async () => {
    let failures = 1;
    const real = testEnv.DB;
    const DB = {
      prepare: real.prepare.bind(real),
      batch: (statements: D1PreparedStatement[]) =>
        failures-- > 0 ? Promise.reject(new Error("D1_ERROR")) : real.batch(statements),
    } as unknown as D1Database;
    const answer = await submit(
      { input: { url: `${url}?once` }, recipe: webReady },
      { env: { ...pool.env, DB } },
    );
    expect(answer.status).toBe(202);
    expect(pool.submitted).toHaveLength(1);
  });
});

describe("what a job needs", () => {
  const both = "Use either input/output or input_files/output_files, not both";
  const input = { url };
  test.each<[string, unknown, string]>([
    ["no input", { recipe: webReady }, "input.url is required for this recipe"],
    ["an empty input", { input: {}, recipe: webReady }, "input.url is required for this recipe"],
    [
      "no arguments",
      { input, ffmpeg: { args: [] } },
      "ffmpeg.args must contain at least 1 element",
    ],
    [
      "mode ffmpeg without arguments",
      { input, mode: "ffmpeg" },
      "ffmpeg.args must contain at least 1 element",
    ],
    [
      "concat of one file",
      { recipe: { name: "concat" }, input_files: { in_1: { url } } },
      "concat recipe requires input_files with at least two entries",
    ],
    [
      "concat of an input",
      { recipe: { name: "concat" }, input },
      "concat recipe requires input_files with at least two entries",
    ],
    ["input and input_files", { input, input_files: { in_1: input }, recipe: webReady }, both],
    ["output and output_files", { output: {}, output_files: {}, recipe: webReady }, both],
    ["input and output_files", { input, output_files: { out_1: "a.mp4" }, recipe: webReady }, both],
    [
      "an insecure webhook",
      { input, recipe: webReady, webhookUrl: "http://example.com/hook" },
      "webhookUrl must use https://",
    ],
    [
      "a webhook that is no URL",
      { input, recipe: webReady, webhookUrl: "example" },
      "webhookUrl must be a URL",
    ],
    [
      "an unknown mode",
      { input, mode: "magic", recipe: webReady },
      "mode must be one of 'recipe', 'ffmpeg'",
    ],
    [
      "an unknown format",
      { input, recipe: webReady, output: { format: "mp5" } },
      "output.format must be one of 'mp4', 'webm', 'mov', 'gif', 'mp3', 'aac', 'wav', 'jpg', 'png', 'hls'",
    ],
    ["a text for a recipe", { input, recipe: "webReady" }, "recipe must be an object"],
    ["no work", { input }, "recipe, presetId or ffmpeg is required"],
    [
      "two kinds of work",
      { input, recipe: webReady, ffmpeg: { args: ["-i"] } },
      "Use either recipe (or presetId) or ffmpeg, not both",
    ],
    [
      "recipe and preset",
      { input, recipe: webReady, presetId: "web-720p" },
      "Use either recipe or presetId, not both",
    ],
    [
      "a typo",
      { input, recipe: webReady, webhokUrl: "x" },
      "The body has unknown field 'webhokUrl'",
    ],
    ["a typo inside", { input: { ulr: url }, recipe: webReady }, "input has unknown field 'ulr'"],
    [
      "a parameter the recipe does not have",
      { input, recipe: { name: "webReady", crff: 3 } },
      "recipe has unknown field 'crff'",
    ],
    ["a number for an id", { videoId: 7, recipe: webReady }, "videoId must be a string"],
    ["a high priority", { input, recipe: webReady, priority: 11 }, "priority must be at most 10"],
    [
      "a fraction of a second",
      { input, recipe: webReady, timeoutSeconds: 1.5 },
      "timeoutSeconds must be a whole number",
    ],
    [
      "more time than the ceiling",
      { input, recipe: webReady, timeoutSeconds: 3601 },
      "timeoutSeconds must be at most 3600",
    ],
    [
      "a pool that is no slug",
      { input, recipe: webReady, pool: "../other/default" },
      "pool must be 1 to 64 lower-case letters, digits or inner hyphens",
    ],
    [
      "large metadata",
      { input, recipe: webReady, metadata: { note: "é".repeat(2048) } },
      "metadata must be at most 4096 bytes of JSON",
    ],
    [
      "metadata that is a list",
      { input, recipe: webReady, metadata: [1] },
      "metadata must be an object",
    ],
    [
      "an input key of another form",
      { input_files: { one: { url } }, recipe: webReady },
      "input_files.one cannot be a name here: it must be 'in_' and 1 to 32 lower-case letters, digits or underscores",
    ],
    [
      "an output name that climbs",
      { input, recipe: webReady, output: { name: "../x.mp4" } },
      "output.name must be 1 to 100 of A-Z a-z 0-9 . _ - and not begin with a dot",
    ],
    [
      "an output name of another format",
      { input, recipe: webReady, output: { name: "x.webm", format: "mp4" } },
      "output.name must end in .mp4",
    ],
    [
      "a file URL",
      { input: { url: "file:///etc/passwd" }, recipe: webReady },
      "input.url must use https:// or http://",
    ],
    [
      "credentials in a URL",
      { input: { url: "https://u:p@example.com/a.mp4" }, recipe: webReady },
      "input.url must not contain a user name or password",
    ],
    [
      "video and URL in one",
      { input: { url, videoId: "vid_1" }, recipe: webReady },
      "input must have either videoId or url, not both",
    ],
    ["a list", [], "The body must be an object"],
  ])("%s is refused in words that name the field and the rule", async (_, json, detail) => {
    expect(await refusal(submit(json))).toMatchObject({
      status: 400,
      code: "VALIDATION_ERROR",
      retryable: false,
      detail,
    });
    expect(pool.calls).toEqual([]);
  });

  test("an unknown recipe is refused with the names there are", async () => {
    const error = await refusal(submit({ input, recipe: { name: "webready" } }));
    expect(error).toMatchObject({ status: 400, code: "VALIDATION_ERROR" });
    expect(error.detail).toMatch(/^recipe\.name must be one of .*webReady.*transcode/);
  });

  test("a format that the recipe cannot make is refused with those it can", async () => {
    const error = await refusal(
      submit({ input, recipe: { name: "thumbnail" }, output: { format: "mp4" } }),
    );
    expect(error.detail).toMatch(/^output\.format must be one of .*jpg.* for thumbnail$/);
  });

  test("a loopback webhook is allowed in development only", async () => {
    const from = { url: `${url}?loopback` };
    const json = { input: from, recipe: webReady, webhookUrl: "http://127.0.0.1:9/hook" };
    expect((await submit(json)).status).toBe(202);
    const env = { ...pool.env, ALLOW_INSECURE_WEBHOOKS: "false" };
    expect(await refusal(submit(json, { env }))).toMatchObject({
      detail: "webhookUrl must use https://",
    });
  });

  test("a webhook to the service itself is refused", async () => {
    const webhookUrl = "https://telecine.test/v1/jobs";
    const error = await refusal(submit({ input, recipe: webReady, webhookUrl }));
    expect(error.detail).toBe("webhookUrl must not point at this service itself");
  });

  test("a preset that does not exist is NOT_FOUND, another account's as well", async () => {
    const theirs = await call("/v1/presets", { json: { name: "P", recipe: webReady } });
    const { presetId } = await theirs.json<{ presetId: string }>();
    const key = await makeKey(["write"], "preset-thief");
    expect(await refusal(submit({ input, presetId }, { key }))).toMatchObject({
      status: 404,
      code: "NOT_FOUND",
      detail: `No preset with id '${presetId}' exists.`,
    });
  });

  test("a video that does not exist is VIDEO_NOT_FOUND, whatever its id looks like", async () => {
    for (const videoId of ["vid_01KAPZ5Y7M3T3V1H1ZK3N0Q9RA", "vid_xyz", "../etc"]) {
      expect(await refusal(submit({ videoId, recipe: webReady }))).toMatchObject({
        status: 404,
        code: "VIDEO_NOT_FOUND",
        message: "The specified video could not be found.",
        detail: `No video with id '${videoId}' exists.`,
      });
    }
  });

  test("another account's video answers like a missing one", async () => {
    const videoId = await makeVideo();
    const key = await makeKey(["write"], "video-thief");
    expect(await refusal(submit({ videoId, recipe: webReady }, { key }))).toMatchObject({
      status: 404,
      code: "VIDEO_NOT_FOUND",
      detail: `No video with id '${videoId}' exists.`,
    });
  });

  test("a video whose upload goes on is UPLOAD_INCOMPLETE", async () => {
    const videoId = await makeVideo("default", "uploading");
    expect(await refusal(submit({ videoId, recipe: webReady }))).toMatchObject({
      status: 409,
      code: "UPLOAD_INCOMPLETE",
      retryable: true,
      detail: `The upload of video '${videoId}' is not complete.`,
    });
  });

  test("a key that only reads may not submit", async () => {
    const key = await makeKey(["read"]);
    expect(await refusal(submit({ input, recipe: webReady }, { key }))).toMatchObject({
      status: 403,
      code: "FORBIDDEN",
    });
  });
});

describe("the same work twice", () => {
  test("of twenty simultaneous submissions one is accepted and nineteen name its job", async () => {
    const videoId = await makeVideo();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => submit({ videoId, recipe: webReady })),
    );
    const accepted = answers.filter(({ status }) => status === 202);
    expect(accepted).toHaveLength(1);
    const job = await accepted[0]?.json<Job>();
    for (const answer of answers.filter(({ status }) => status !== 202)) {
      const error = await refusal(answer);
      expect(error).toMatchObject({ status: 409, code: "JOB_ALREADY_PROCESSING" });
      expect(error.detail).toContain(`'${job?.jobId}'`);
    }
  });

  test("is the same however it is written: defaults spelt out, order, form of the input", async () => {
    const videoId = await makeVideo();
    expect((await submit({ videoId, recipe: webReady })).status).toBe(202);
    for (const json of [
      { input: { videoId }, recipe: { crf: 23, scaleDown: true, name: "webReady" } },
      { input_files: { in_1: { videoId } }, recipe: webReady },
      { videoId, recipe: webReady, output: { format: "mp4" }, priority: 5, metadata: { a: 1 } },
    ]) {
      expect(await refusal(submit(json))).toMatchObject({ code: "JOB_ALREADY_PROCESSING" });
    }
  });

  test("is other work with another video, parameter, output or account", async () => {
    const videoId = await makeVideo();
    const other = await makeVideo();
    const key = await makeKey(["write"], "same-url");
    const from = { input: { url: `${url}?mine` }, recipe: webReady };
    for (const [json, options] of [
      [{ videoId, recipe: webReady }, {}],
      [{ videoId: other, recipe: webReady }, {}],
      [{ videoId, recipe: { name: "webReady", crf: 24 } }, {}],
      [{ videoId, recipe: webReady, output: { name: "other.mp4" } }, {}],
      [from, {}],
      [from, { key }],
    ] as const) {
      expect((await submit(json, options)).status).toBe(202);
    }
  });

  test("may be done again once its job has ended, even if the record has not heard of it", async () => {
    const videoId = await makeVideo();
    const first = await (await submit({ videoId, recipe: webReady })).json<Job>();
    pool.become(first.jobId, { state: "completed", completedAt: Date.now() });
    const again = await submit({ videoId, recipe: webReady });
    expect(again.status).toBe(202);
    expect((await again.json<Job>()).jobId).not.toBe(first.jobId);
    const row = await testEnv.DB.prepare("select state from jobs where id = ?")
      .bind(first.jobId)
      .first();
    expect(row).toEqual({ state: "completed" });
  });

  test("is refused while the holder's pool does not answer: it may still run", async () => {
    const videoId = await makeVideo();
    await submit({ videoId, recipe: webReady });
    pool.broken = new Error("unreachable");
    expect(await refusal(submit({ videoId, recipe: webReady }))).toMatchObject({
      code: "JOB_ALREADY_PROCESSING",
    });
  });
});
