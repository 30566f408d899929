import { beforeEach, describe, expect, test, vi } from "vitest";
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
  test("keeps the trace that its request belongs to, and has a new one otherwise", async () => {
    const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    const traced = async (traceparent: string) => {
      const json = { videoId: await makeVideo(), recipe: webReady };
      const answer = await call("/v1/jobs", { env: pool.env, json, headers: { traceparent } });
      return (await answer.json<Job>()).traceId;
    };
    expect(await traced(`00-${traceId}-00f067aa0ba902b7-01`)).toBe(traceId);
    expect(pool.submitted.at(-1)?.traceId).toBe(traceId);
    const made = await traced("something else");
    expect(made).toMatch(/^(?!0{32})[0-9a-f]{32}$/);
    expect(made).not.toBe(await traced("something else"));
  });

  test("is in the log, with the ids of its request, its trace and itself", async () => {
    const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    const lines: string[] = [];
    const log = vi.spyOn(console, "log").mockImplementation((line) => lines.push(String(line)));
    const json = { videoId: await makeVideo(), recipe: webReady };
    const headers = { traceparent: `00-${traceId}-00f067aa0ba902b7-01` };
    const answer = await call("/v1/jobs", { env: pool.env, json, headers });
    log.mockRestore();
    const requestId = answer.headers.get("x-request-id");
    const { jobId } = await answer.json<Job>();
    expect(lines.map((line) => JSON.parse(line))).toEqual([
      { level: "info", event: "job_accepted", requestId, traceId, jobId },
    ]);
  });

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
      { input_files: { in_9: { videoId } }, recipe: webReady },
      { videoId, recipe: webReady, output_files: { out_9: "result.mp4" } },
      { videoId, recipe: webReady, output: { format: "mp4" }, priority: 5, metadata: { a: 1 } },
    ]) {
      expect(await refusal(submit(json))).toMatchObject({ code: "JOB_ALREADY_PROCESSING" });
    }
  });

  test("is the same whatever its files are called, and other work in another order", async () => {
    const [first, second] = [{ videoId: await makeVideo() }, { videoId: await makeVideo() }];
    const recipe = { name: "concat" };
    const concat = (input_files: object) => submit({ input_files, recipe });
    expect((await concat({ in_1: first, in_2: second })).status).toBe(202);
    // By their numbers, as they are joined.
    expect(await refusal(concat({ in_10: second, in_9: first }))).toMatchObject({
      code: "JOB_ALREADY_PROCESSING",
    });
    expect((await concat({ in_1: second, in_2: first })).status).toBe(202);
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
