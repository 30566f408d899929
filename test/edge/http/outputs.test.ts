import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { recordParts } from "../../../edge/catalogue/job-parts.ts";
import { projectSnapshot } from "../../../edge/catalogue/jobs.ts";
import type { JobSnapshot } from "../../../edge/domain/model.ts";
import { type Env, parseSettings } from "../../../edge/env.ts";
import { newId } from "../../../edge/ids.ts";
import { signOutputUrl } from "../../../edge/media/signed-urls.ts";
import { indexOf } from "../../support/plans.ts";
import { bytesOf } from "../media/store-conformance.ts";
import { call, makeKey, refusal, testEnv } from "./harness.ts";
import { acceptJob, appSettings, snapshotOf, storeOutput, withPool } from "./output-fixtures.ts";

const unasked = () =>
  withPool({
    read: async () => {
      throw new Error("the pool was asked about a job that is finished in the record");
    },
  }).env;

/** A job that is completed in the record, with outputs of these names and 1,000 bytes. */
async function completedJob(names: readonly string[], accountId = "default"): Promise<string> {
  const { jobId } = await acceptJob(accountId);
  const outputs = await Promise.all(names.map((name) => storeOutput(jobId, name, 1000)));
  await projectSnapshot(testEnv.DB, [snapshotOf(jobId, { outputs })]);
  return jobId;
}

/** Path of a signed URL. */
async function sign(
  jobId: string,
  name: string,
  changes: Partial<Parameters<typeof signOutputUrl>[1]> = {},
): Promise<string> {
  const url = await signOutputUrl(appSettings(), {
    origin: "https://telecine.test",
    accountId: "default",
    jobId,
    run: 1,
    isWhole: true,
    name,
    now: Date.now(),
    ...changes,
  });
  return new URL(url).pathname;
}

/** A call by somebody who has nothing but the URL. */
const follow = (path: string, options: Parameters<typeof call>[1] = {}) =>
  call(path, { env: unasked(), ...options, key: null });

describe("a signed output URL", () => {
  test("serves the bytes without a key: whole, by range, by HEAD", async () => {
    const path = await sign(await completedJob(["result.mp4"]), "result.mp4");
    const whole = await follow(path);
    expect(whole.status).toBe(200);
    expect(whole.headers.get("content-type")).toBe("video/mp4");
    expect(whole.headers.get("content-disposition")).toBe("inline; filename=result.mp4");
    expect(whole.headers.get("cache-control")).toMatch(/^private, max-age=\d+, immutable$/);
    expect(new Uint8Array(await whole.arrayBuffer())).toEqual(bytesOf(1000));
    const range = await follow(path, { headers: { range: "bytes=-10" } });
    expect(range.status).toBe(206);
    expect(range.headers.get("content-range")).toBe("bytes 990-999/1000");
    expect(new Uint8Array(await range.arrayBuffer())).toEqual(bytesOf(1000).slice(-10));
    const head = await follow(path, { method: "HEAD" });
    expect(head.status).toBe(200);
    expect(head.headers.get("content-length")).toBe("1000");
    const beyond = await follow(path, { headers: { range: "bytes=1000-" } });
    expect(beyond.headers.get("content-range")).toBe("bytes */1000");
    expect(await refusal(beyond)).toMatchObject({ status: 416, code: "RANGE_NOT_SATISFIABLE" });
  });

  test("opens what a playlist names beside it, and no name that was not accepted", async () => {
    const jobId = await completedJob(["master.m3u8", "v0.mp4"]);
    const master = await sign(jobId, "master.m3u8");
    const beside = (name: string) => new URL(name, `https://telecine.test${master}`).pathname;
    expect((await follow(beside("v0.mp4"))).status).toBe(200);
    // In the store and under the attempt's prefix, but not accepted.
    await storeOutput(jobId, "stray.mp4", 10);
    for (const name of ["stray.mp4", "nothing.mp4", "..%2F..%2Fsources", "constructor"]) {
      expect(await refusal(follow(beside(name)))).toMatchObject({ status: 404, code: "NOT_FOUND" });
    }
  });

  test("ends on time, and is nothing when forged: 401 in the one shape", async () => {
    const jobId = await completedJob(["result.mp4"]);
    const path = await sign(jobId, "result.mp4");
    const ttl = appSettings().outputUrlTtlSeconds * 1000;
    const expired = await sign(jobId, "result.mp4", { now: Date.now() - ttl });
    const token = path.split("/")[3] ?? "";
    const parsed = parseSettings({ ...testEnv, SIGNING_SECRET: "another-secret-0123456789" });
    if (parsed.status === "invalid") throw new Error(parsed.detail);
    const foreign = new URL(
      await signOutputUrl(parsed.settings, {
        origin: "https://telecine.test",
        accountId: "default",
        jobId,
        run: 1,
        isWhole: true,
        name: "result.mp4",
        now: Date.now(),
      }),
    ).pathname;
    const forged = path.replace(token, `${token.slice(0, -1)}${token.endsWith("A") ? "E" : "A"}`);
    for (const bad of [
      expired,
      foreign,
      forged,
      path.replace(token, "x"),
      `${path}`.replace(token, "a.b"),
    ]) {
      const error = await refusal(follow(bad));
      expect(error).toMatchObject({ status: 401, code: "UNAUTHORIZED", retryable: false });
    }
  });

  test("of one account, job or run opens nothing of another", async () => {
    const jobId = await completedJob(["result.mp4"]);
    const otherAccount = await sign(jobId, "result.mp4", { accountId: "intruder" });
    expect(await refusal(follow(otherAccount))).toMatchObject({ code: "JOB_NOT_FOUND" });
    const otherRun = await sign(jobId, "result.mp4", { run: 2 });
    expect(await refusal(follow(otherRun))).toMatchObject({ code: "NOT_FOUND" });
    const missing = newId("job", 1);
    expect(await refusal(follow(await sign(missing, "result.mp4")))).toMatchObject({
      status: 404,
      code: "JOB_NOT_FOUND",
    });
  });

  test("serves the accepted bytes or none: another object under the key is 404", async () => {
    const jobId = await completedJob(["result.mp4"]);
    await env.MEDIA.put(`jobs/${jobId}/1/tsk_x/1/result.mp4`, bytesOf(1000, 2));
    expect(await refusal(follow(await sign(jobId, "result.mp4")))).toMatchObject({ status: 404 });
  });

  test("asks the pool where the record is behind", async () => {
    const { jobId } = await acceptJob();
    const live = snapshotOf(jobId, { outputs: [await storeOutput(jobId, "result.mp4", 1000)] });
    const pool = withPool({ read: async () => live });
    const answer = await follow(await sign(jobId, "result.mp4"), { env: pool.env });
    expect(answer.status).toBe(200);
    await answer.arrayBuffer();
    expect(pool.asked).toEqual(["pool:default/default/0"]);
  });

  test("of a file that the record does not know of yet has it brought up to date, once", async () => {
    const { jobId } = await acceptJob();
    const live = snapshotOf(jobId, { outputs: [await storeOutput(jobId, "master.m3u8", 100)] });
    const part = { ...(await storeOutput(jobId, "v0.c0.mp4", 500)), index: indexOf() };
    let delivered = 0;
    const { env: behind } = withPool({
      read: async () => live,
      deliver: async () => {
        delivered += 1;
        await recordParts(testEnv.DB, [{ jobId, run: 1, kind: "chunk", chunk: 0, files: [part] }]);
      },
    });
    const answer = await follow(await sign(jobId, "v0.c0.mp4"), { env: behind });
    expect(answer.status).toBe(200);
    expect((await answer.arrayBuffer()).byteLength).toBe(500);
    expect(delivered).toBe(1);
  });

  test("of a job that completed is never answered from a record in which it still grows", async () => {
    const { jobId } = await acceptJob();
    const growing = snapshotOf(jobId, { state: "transcoding", playable: true, revision: 4 });
    await projectSnapshot(testEnv.DB, [growing]);
    const live = snapshotOf(jobId, { outputs: [await storeOutput(jobId, "master.m3u8", 100)] });
    const pool = withPool({ read: async () => live });
    const whole = await follow(await sign(jobId, "master.m3u8"), { env: pool.env });
    expect(whole.status).toBe(200);
    expect((await whole.arrayBuffer()).byteLength).toBe(100);
    // One that was signed when the job became playable is content with what the record knows of.
    const early = await sign(jobId, "master.m3u8", { isWhole: false });
    expect(await refusal(follow(early))).toMatchObject({ code: "NOT_FOUND" });
  });
});

describe("an output by its job", () => {
  const get = (jobId: string, options: Parameters<typeof call>[1] = {}) =>
    call(`/v1/jobs/${jobId}/outputs/result.mp4`, { env: unasked(), ...options });

  test("is served to the account's key, ranges included, and asked for anew each time", async () => {
    const jobId = await completedJob(["result.mp4"]);
    const answer = await get(jobId, { headers: { range: "bytes=0-9" } });
    expect(answer.status).toBe(206);
    expect(answer.headers.get("cache-control")).toBe("private, no-cache");
    expect(new Uint8Array(await answer.arrayBuffer())).toEqual(bytesOf(1000).slice(0, 10));
    const head = await get(jobId, { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe("1000");
  });

  test("is 404 to another account's key, as if there were no such job", async () => {
    const jobId = await completedJob(["result.mp4"]);
    const key = await makeKey(["read"], "stranger");
    const foreign = await refusal(get(jobId, { key }));
    const missing = await refusal(get(newId("job", 1), { key }));
    expect(foreign).toMatchObject({ status: 404, code: "JOB_NOT_FOUND" });
    expect(foreign.message).toBe(missing.message);
    expect(await refusal(get(jobId, { key: null }))).toMatchObject({ status: 401 });
  });

  test("is not visible before the job has completed, whatever the snapshot holds", async () => {
    const { jobId } = await acceptJob();
    const output = await storeOutput(jobId, "result.mp4", 1000);
    const states: JobSnapshot["state"][] = [
      "queued",
      "transcoding",
      "merging",
      "failed",
      "cancelled",
    ];
    for (const state of states) {
      const live = snapshotOf(jobId, { state, outputs: [output] });
      const answer = get(jobId, { env: withPool({ read: async () => live }).env as Env });
      expect(await refusal(answer)).toMatchObject({
        status: 409,
        code: "JOB_NOT_COMPLETE",
        detail: `The state of job '${jobId}' is '${state}'.`,
      });
    }
  });
});
