import { beforeEach, describe, expect, test } from "vitest";
import type { ErrorAnswer } from "../../../protocol/errors.ts";
import type { Job } from "../../../protocol/http/jobs.ts";
import { FakePool } from "./fake-pool.ts";
import { makeKey, makeVideo, refusal, testEnv } from "./harness.ts";
import { asking, completed, submitJob } from "./job-states.ts";

let pool: FakePool;
beforeEach(() => {
  pool = new FakePool();
});

const ask = asking(() => pool);
const submit = (key?: string, accountId?: string) => submitJob(ask, key, accountId);

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
