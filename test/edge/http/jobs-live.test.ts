import { beforeEach, describe, expect, test } from "vitest";
import type { AcceptedOutput, AttemptRecord, JobSnapshot } from "../../../edge/domain/model.ts";
import type { ErrorAnswer } from "../../../protocol/errors.ts";
import { jobError } from "../../../protocol/errors.ts";
import type { Attempt, Job } from "../../../protocol/http/jobs.ts";
import { FakePool } from "./fake-pool.ts";
import { type CallOptions, call, makeKey, makeVideo, refusal, testEnv } from "./harness.ts";

let pool: FakePool;
beforeEach(() => {
  pool = new FakePool();
});

const ask = (path: string, options: CallOptions = {}) =>
  call(`/v1/jobs${path}`, { env: pool.env, ...options });

async function submit(key?: string, accountId?: string): Promise<string> {
  const videoId = await makeVideo(accountId);
  const json = { videoId, recipe: { name: "webReady" } };
  const answer = await ask("", { json, ...(key === undefined ? {} : { key }) });
  if (answer.status !== 202) throw new Error(await answer.text());
  return (await answer.json<Job>()).jobId;
}

const output: AcceptedOutput = {
  name: "result.mp4",
  key: "jobs/x/1/tsk/1/result.mp4",
  etag: "e",
  contentType: "video/mp4",
  format: "mp4",
  sizeBytes: 12,
  sha256: "a".repeat(64),
  media: {
    format: "mp4",
    durationSeconds: 2.5,
    width: 640,
    height: 360,
    frameRate: 25,
    videoCodec: "h264",
    audioCodec: null,
    bitrateKbps: 800,
  },
};

const completed: Partial<JobSnapshot> = {
  state: "completed",
  progress: 100,
  outputs: [output],
  startedAt: 1_700_000_000_000,
  completedAt: 1_700_000_009_000,
};

const failed = (retryable: boolean): Partial<JobSnapshot> => ({
  state: "failed",
  completedAt: 1_700_000_009_000,
  error: jobError({
    code: "ENGINE_INVOCATION_ERROR",
    detail: "ffmpeg was killed by SIGKILL",
    stage: "transcoding",
    retryable,
  }),
});

describe("a job", () => {
  test("is read live from its pool, ahead of the record", async () => {
    const jobId = await submit();
    pool.become(jobId, {
      state: "transcoding",
      stage: "transcoding",
      progress: 41.5,
      attempt: 2,
      stages: [
        {
          name: "probing",
          state: "completed",
          progress: 100,
          startedAt: 1_700_000_000_000,
          completedAt: 1_700_000_001_000,
        },
      ],
      startedAt: 1_700_000_000_000,
    });
    const job = await (await ask(`/${jobId}`)).json<Job>();
    expect(job).toMatchObject({
      jobId,
      state: "transcoding",
      status: "processing",
      stage: "transcoding",
      progress: 41.5,
      attempt: 2,
      startedAt: "2023-11-14T22:13:20.000Z",
      completedAt: null,
      outputs: [],
    });
    expect(job.stages[0]).toMatchObject({ name: "probing", startedAt: "2023-11-14T22:13:20.000Z" });
  });

  test("shows its outputs with signed URLs once completed, and not before", async () => {
    const jobId = await submit();
    pool.become(jobId, { state: "merging", outputs: [output] });
    expect((await (await ask(`/${jobId}`)).json<Job>()).outputs).toEqual([]);
    expect(await (await ask(`/${jobId}/outputs`)).json()).toEqual({
      outputs: [],
      nextCursor: null,
    });
    pool.become(jobId, completed);
    const job = await (await ask(`/${jobId}`)).json<Job>();
    expect(job).toMatchObject({ status: "completed", progress: 100 });
    expect(job.outputs).toHaveLength(1);
    expect(job.outputs[0]).toMatchObject({
      name: "result.mp4",
      size: 12,
      sha256: "a".repeat(64),
      videoCodec: "h264",
      durationSeconds: 2.5,
    });
    expect(job.outputs[0]?.url).toMatch(
      /^https:\/\/telecine\.test\/v1\/signed\/[^/]+\/result\.mp4$/,
    );
    expect(JSON.stringify(job)).not.toContain(output.key);
  });

  test("failed carries its error with the stage", async () => {
    const jobId = await submit();
    pool.become(jobId, failed(true));
    expect(await (await ask(`/${jobId}`)).json()).toMatchObject({
      status: "failed",
      error: {
        code: "ENGINE_INVOCATION_ERROR",
        message: "The processing engine stopped unexpectedly.",
        detail: "ffmpeg was killed by SIGKILL",
        stage: "transcoding",
        retryable: true,
      },
    });
  });

  test("whose pool does not answer is an ENGINE_ERROR worth trying again", async () => {
    const jobId = await submit();
    pool.broken = new Error("gone");
    expect(await refusal(ask(`/${jobId}`))).toMatchObject({
      status: 500,
      code: "ENGINE_ERROR",
      retryable: true,
      detail: `The pool of job '${jobId}' did not answer.`,
    });
  });

  test("a passing failure of the pool is asked again, once", async () => {
    const jobId = await submit();
    pool.broken = Object.assign(new Error("object is restarting"), { retryable: true });
    expect((await ask(`/${jobId}`)).status).toBe(500);
    expect(pool.calls.filter((name) => name === "read")).toHaveLength(2);
  });
});

describe("results", () => {
  test("before completion are JOB_NOT_COMPLETE, and name the state", async () => {
    const jobId = await submit();
    pool.become(jobId, { state: "probing" });
    for (const path of ["result", "outputs/result.mp4"]) {
      const error = await refusal(ask(`/${jobId}/${path}`));
      expect(error).toMatchObject({ status: 409, code: "JOB_NOT_COMPLETE", retryable: true });
      expect(error.detail).toContain("probing");
    }
  });

  test("are the outputs once completed, and an unknown name among them is NOT_FOUND", async () => {
    const jobId = await submit();
    pool.become(jobId, completed);
    const result = await (await ask(`/${jobId}/result`)).json<{ outputs: unknown[] }>();
    expect(result).toMatchObject({ jobId, outputs: [{ name: "result.mp4" }] });
    expect(await refusal(ask(`/${jobId}/outputs/other.mp4`))).toMatchObject({
      status: 404,
      code: "NOT_FOUND",
    });
  });
});

describe("cancel", () => {
  test("ends a job once; a second one names the state it found", async () => {
    const jobId = await submit();
    const first = await ask(`/${jobId}/cancel`, { method: "POST" });
    expect(first.status).toBe(200);
    expect(await first.json()).toEqual({ cancelled: true, jobId });
    expect(await refusal(ask(`/${jobId}/cancel`, { method: "POST" }))).toMatchObject({
      status: 409,
      code: "JOB_NOT_CANCELLABLE",
      retryable: false,
      detail: `The state of job '${jobId}' is 'cancelled' already.`,
    });
  });

  test("takes a body that is empty in any way, and refuses unknown fields", async () => {
    for (const options of [
      { method: "POST", headers: { "content-type": "application/json" } },
      { json: {} },
    ] satisfies CallOptions[]) {
      expect((await ask(`/${await submit()}/cancel`, options)).status).toBe(200);
    }
    const error = await refusal(ask(`/${await submit()}/cancel`, { json: { why: "x" } }));
    expect(error).toMatchObject({ status: 400, detail: "The body has unknown field 'why'" });
  });
});

describe("retry", () => {
  test("queues a failed job again under its id, with its claims", async () => {
    const jobId = await submit();
    pool.become(jobId, failed(true));
    const answer = await ask(`/${jobId}/retry`, { json: { timeoutSeconds: 100 } });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toEqual({ retried: true, jobId });
    expect(await (await ask(`/${jobId}`)).json()).toMatchObject({ state: "queued", run: 2 });
    const claim = await testEnv.DB.prepare("select count(*) as n from active_work where job_id = ?")
      .bind(jobId)
      .first();
    expect(claim).toEqual({ n: 1 });
  });

  test("of a job that is not failed, or would fail again, is JOB_NOT_RETRYABLE with the reason", async () => {
    const running = await submit();
    const hopeless = await submit();
    pool.become(hopeless, failed(false));
    expect(await refusal(ask(`/${running}/retry`, { method: "POST" }))).toMatchObject({
      status: 409,
      code: "JOB_NOT_RETRYABLE",
      detail: `Job '${running}' cannot be retried: it is queued, not failed.`,
    });
    expect(await refusal(ask(`/${hopeless}/retry`, { method: "POST" }))).toMatchObject({
      status: 409,
      code: "JOB_NOT_RETRYABLE",
      detail: `Job '${hopeless}' cannot be retried: its failure would only recur.`,
    });
  });

  test("with more time than the ceiling is refused", async () => {
    const jobId = await submit();
    expect(await refusal(ask(`/${jobId}/retry`, { json: { timeoutSeconds: 3601 } }))).toMatchObject(
      {
        code: "VALIDATION_ERROR",
        detail: "timeoutSeconds must be at most 3600",
      },
    );
  });

  test("is refused while another job does the same work by now", async () => {
    const videoId = await makeVideo();
    const json = { videoId, recipe: { name: "webReady" } };
    const first = await (await ask("", { json })).json<Job>();
    pool.become(first.jobId, failed(true));
    const second = await (await ask("", { json })).json<Job>();
    const error = await refusal(ask(`/${first.jobId}/retry`, { method: "POST" }));
    expect(error).toMatchObject({ status: 409, code: "JOB_ALREADY_PROCESSING" });
    expect(error.detail).toContain(second.jobId);
    expect(pool.calls).not.toContain("retry");
  });

  test("of a job whose video is gone says so, and claims nothing", async () => {
    const videoId = await makeVideo();
    const json = { videoId, recipe: { name: "webReady" } };
    const { jobId } = await (await ask("", { json })).json<Job>();
    const { projectSnapshot } = await import("../../../edge/catalogue/jobs.ts");
    await projectSnapshot(testEnv.DB, [pool.become(jobId, failed(true))]);
    await testEnv.DB.prepare("delete from videos where id = ?").bind(videoId).run();
    expect(await refusal(ask(`/${jobId}/retry`, { method: "POST" }))).toMatchObject({
      status: 404,
      code: "VIDEO_NOT_FOUND",
    });
    expect(pool.calls).not.toContain("retry");
  });
});

describe("the ledger", () => {
  test("lists every attempt with ISO times and the last lines of the log", async () => {
    const jobId = await submit();
    const attempt: AttemptRecord = {
      taskId: "tsk_1",
      kind: "whole",
      run: 1,
      epoch: 1,
      workerId: "wkr_1",
      workerName: "gpu-1",
      device: "cpu",
      encoder: "libx264",
      state: "expired",
      stage: "transcoding",
      startedAt: 1_700_000_000_000,
      endedAt: 1_700_000_030_000,
      exitCode: null,
      error: null,
      log: ["frame= 10"],
    };
    pool.ledger = [attempt];
    const { attempts } = await (await ask(`/${jobId}/attempts`)).json<{ attempts: Attempt[] }>();
    expect(attempts).toEqual([
      {
        ...attempt,
        startedAt: "2023-11-14T22:13:20.000Z",
        endedAt: "2023-11-14T22:13:50.000Z",
      },
    ]);
  });
});

describe("tenancy", () => {
  test("another account's job answers byte for byte like a missing one, on every route", async () => {
    const theirs = await submit();
    const missing = "job_01KAPZ5Y7M3T3V1H1ZK3N0Q9RA";
    const key = await makeKey(["read", "write"], "stranger");
    const headers = { "x-request-id": "the-same-one" };
    for (const [method, path] of [
      ["GET", ""],
      ["GET", "/result"],
      ["GET", "/outputs"],
      ["GET", "/outputs/result.mp4"],
      ["HEAD", "/outputs/result.mp4"],
      ["GET", "/attempts"],
      ["POST", "/retry"],
      ["POST", "/cancel"],
    ] as const) {
      const look = async (jobId: string) => {
        const answer = await ask(`/${jobId}${path}`, { method, key, headers });
        const text = (await answer.text()).replaceAll(jobId, "<id>");
        return { status: answer.status, headers: [...answer.headers], text };
      };
      const found = await look(theirs);
      expect(found).toEqual(await look(missing));
      expect(found.status).toBe(404);
    }
    const error = (await (await ask(`/job_xyz999`, { key })).json<ErrorAnswer>()).error;
    expect(error).toMatchObject({
      code: "JOB_NOT_FOUND",
      message: "The specified job could not be found.",
      detail: "No job with id 'job_xyz999' exists.",
    });
  });

  test("a list shows the account's own jobs alone", async () => {
    const mine = await makeKey(["read", "write"], "lister");
    await submit();
    const jobId = await submit(mine, "lister");
    const { jobs } = await (await ask("?limit=200", { key: mine })).json<{ jobs: Job[] }>();
    expect(jobs.map((job) => job.jobId)).toEqual([jobId]);
  });
});

describe("the list", () => {
  test("shows every job once, newest first, by state and by video", async () => {
    const key = await makeKey(["read", "write"], "catalogue");
    const ids: string[] = [];
    for (let i = 0; i < 5; i++) ids.push(await submit(key, "catalogue"));
    const [first] = ids;
    if (first === undefined) throw new Error("no job");
    const { projectSnapshot } = await import("../../../edge/catalogue/jobs.ts");
    await projectSnapshot(testEnv.DB, [pool.become(first, completed)]);

    const list = async (query: string) =>
      (await ask(query, { key })).json<{ jobs: Job[]; nextCursor: string | null }>();
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page = await list(`?limit=2${cursor === null ? "" : `&cursor=${cursor}`}`);
      seen.push(...page.jobs.map((job) => job.jobId));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(seen).toEqual([...ids].sort().reverse());

    const done = await list("?state=completed");
    expect(done.jobs.map((job) => [job.jobId, job.outputs.length])).toEqual([[first, 1]]);
    const videoId = done.jobs[0]?.videoId;
    expect((await list(`?videoId=${videoId}`)).jobs).toHaveLength(1);
    expect((await list("?videoId=vid_none")).jobs).toEqual([]);
  });

  test("is searched by names, addresses, recipes, ids and metadata, and by nothing else", async () => {
    const key = await makeKey(["read", "write"], "searched");
    const submitted = async (json: unknown) =>
      (await (await ask("", { json, key })).json<Job>()).jobId;
    const trim = await submitted({
      input: { url: "https://media.example.com/Keynote_100%25.mov" },
      recipe: { name: "trim", durationSeconds: 3 },
      metadata: { customer: "ACME" },
    });
    const gif = await submitted({
      videoId: await makeVideo("searched"),
      recipe: { name: "gif" },
    });
    const found = async (text: string) => {
      const answer = await ask(`?search=${encodeURIComponent(text)}`, { key });
      return (await answer.json<{ jobs: Job[] }>()).jobs.map(({ jobId }) => jobId);
    };
    expect(await found("keynote")).toEqual([trim]);
    expect(await found("acme")).toEqual([trim]);
    expect(await found("GIF")).toEqual([gif]);
    expect(await found(gif.slice(-6).toLowerCase())).toEqual([gif]);
    expect(await found("job_")).toEqual([gif, trim].sort().reverse());
    // No pattern is read into it, and what is not the client's is not searched.
    expect(await found("%")).toEqual([trim]);
    expect(await found("k_ynote")).toEqual([]);
    expect(await found("specHash")).toEqual([]);
    expect(await found("webReady")).toEqual([]);
  });

  test.each([
    ["search=", /^search must be at least 1 character long$/],
    ["state=done", /^state must be one of 'queued', 'probing'/],
    ["videoId=", /^videoId must be at least 1 character long$/],
    ["cursor=bm90IGFuIGlk", /^cursor must be the nextCursor of an answer of this list$/],
    ["limit=-1", /^limit must be a whole number from 1 to 200$/],
    ["status=queued", /^The query has unknown field 'status'$/],
  ])("the query %s is refused", async (query, detail) => {
    expect(await refusal(ask(`?${query}`))).toMatchObject({
      status: 400,
      code: "VALIDATION_ERROR",
      detail: expect.stringMatching(detail),
    });
  });
});
