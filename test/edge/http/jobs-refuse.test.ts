import { beforeEach, describe, expect, test } from "vitest";
import { FakePool } from "./fake-pool.ts";
import { call, makeKey, makeVideo, refusal, type testEnv } from "./harness.ts";

let pool: FakePool;
beforeEach(() => {
  pool = new FakePool();
});

const submit = (json: unknown, options: { key?: string; env?: typeof testEnv } = {}) =>
  call("/v1/jobs", { env: pool.env, ...options, json });

const webReady = { name: "webReady" };
const url = "https://media.example.com/in.mp4";

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
    [
      "the quality of a sound",
      { input, recipe: { name: "extractAudio" }, quality: true },
      "quality is measured of the recipes webReady, transcode, compress, proxy, resize, trim, concat, hls",
    ],
    [
      "a word for quality",
      { input, recipe: webReady, quality: "yes" },
      "quality must be a boolean",
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
      "input.url must use https://",
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

describe("a source's URL", () => {
  test.each([
    ["http://example.com/a.mp4", "must use https://"],
    ["ftp://example.com/a.mp4", "must use https://"],
    ["a.mp4", "must be a URL"],
    ["https://", "must be a URL"],
    ["", "must be at least 1 character long"],
    [`https://example.com/${"a".repeat(2048)}`, "must be at most 2048 characters long"],
    ["https://u@example.com/a.mp4", "must not contain a user name or password"],
    ["http://127.0.0.1/a.mp4", "must use https://"],
    ["https://127.0.0.1/a.mp4", "must not point at an address that is not public"],
    ["https://2130706433/a.mp4", "must not point at an address that is not public"],
    ["https://[::ffff:10.0.0.1]/a.mp4", "must not point at an address that is not public"],
    ["https://169.254.169.254/a.mp4", "must not point at an address that is not public"],
    ["https://localhost/a.mp4", "must name a public host"],
    ["https://metadata.google.internal/a.mp4", "must name a public host"],
    ["https://example.com:0/a.mp4", "must not use port 0"],
    ["https://x..y/a.mp4", "must name a host"],
  ])("%s is refused when the job is made, wherever it stands: it %s", async (bad, rule) => {
    for (const [field, json] of [
      ["input", { input: { url: bad } }],
      ["input_files.in_2", { input_files: { in_1: { url }, in_2: { url: bad } } }],
    ] as const) {
      const recipe = field === "input" ? webReady : { name: "concat" };
      expect(await refusal(submit({ ...json, recipe }))).toMatchObject({
        status: 400,
        code: "VALIDATION_ERROR",
        detail: `${field}.url ${rule}`,
      });
    }
    expect(pool.calls).toEqual([]);
  });

  test("may name loopback, over http too, where the setting allows it, and nothing else that is private", async () => {
    const env = { ...pool.env, ALLOW_PRIVATE_INPUTS: "true" };
    const status = async (source: string) =>
      (await submit({ input: { url: source }, recipe: webReady }, { env })).status;
    expect(await status("http://127.0.0.1:9000/a.mp4")).toBe(202);
    expect(await status("http://localhost:9000/a.mp4")).toBe(202);
    expect(await status("http://[::1]:9000/a.mp4")).toBe(202);
    expect(await status("https://10.0.0.1/a.mp4")).toBe(400);
    expect(await status("http://example.com/a.mp4")).toBe(400);
  });

  test("may be a public address, or a name that only the DNS can judge", async () => {
    for (const source of ["https://93.184.216.34/a.mp4", "https://media.example.invalid/a.mp4"]) {
      expect((await submit({ input: { url: source }, recipe: webReady })).status).toBe(202);
    }
  });
});

describe("a job's pool", () => {
  const into = (name: string, key?: string) =>
    submit(
      { input: { url: `${url}?${name}` }, recipe: webReady, pool: name },
      key === undefined ? {} : { key },
    );

  test("is refused unless it is there, with the names of those that are", async () => {
    const key = await makeKey(["read", "write", "admin"], "two-pools");
    expect((await into("gpu", key)).status).toBe(400);
    await call("/v1/workers/tokens", { key, json: { name: "gpu-1", pool: "gpu" } });
    expect((await into("gpu", key)).status).toBe(202);
    expect(await refusal(into("gpuu", key))).toMatchObject({
      status: 400,
      code: "VALIDATION_ERROR",
      detail: "pool must be one of 'default', 'gpu': a pool is made by its first worker token",
    });
  });

  test("is there for its own account alone, while 'default' is there for all", async () => {
    const owner = await makeKey(["write", "admin"], "pool-owner");
    await call("/v1/workers/tokens", { key: owner, json: { name: "gpu-1", pool: "private" } });
    const other = await makeKey(["write"], "pool-guesser");
    const { detail } = await refusal(into("private", other));
    expect(detail).toBe("pool must be one of 'default': a pool is made by its first worker token");
    expect((await into("default", other)).status).toBe(202);
  });

  test("is known among more pools than a refusal names", async () => {
    const key = await makeKey(["write", "admin"], "many-pools");
    for (let index = 10; index < 35; index++) {
      await call("/v1/workers/tokens", { key, json: { name: "w", pool: `pool-${index}` } });
    }
    expect((await into("pool-34", key)).status).toBe(202);
  });
});
