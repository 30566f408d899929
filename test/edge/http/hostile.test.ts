import { describe, expect, test } from "vitest";
import type { ErrorAnswer } from "../../../protocol/errors.ts";
import type { Job } from "../../../protocol/http/jobs.ts";
import { type CallOptions, call, makeVideo, ROOT_KEY, refusal } from "./harness.ts";

const ids = [
  "%00",
  "%E0%A4%A",
  "..%2F..%2Fetc%2Fpasswd",
  "x".repeat(3000),
  "job_01KAPZ5Y7M3T3V1H1ZK3N0Q9RA'%20OR%201=1--",
  "%22%0d%0aset-cookie:a=b",
  "%E2%80%AE",
  "__proto__",
  "💥",
];

const texts = [
  "\u0000",
  "\ud800",
  "\u202e",
  "'; drop table jobs; --",
  "__proto__",
  "🎬".repeat(50),
];

async function expectRefusal(path: string, options: CallOptions): Promise<void> {
  const answer = await call(path, options);
  const label = `${options.method ?? ""} ${path.slice(0, 80)}`;
  expect(answer.status, label).toBeGreaterThanOrEqual(400);
  expect(answer.status, label).toBeLessThan(500);
  const body = await answer.json<ErrorAnswer>();
  expect(body.success, label).toBe(false);
  expect(body.error.requestId).toBe(answer.headers.get("x-request-id"));
  expect(answer.headers.get("set-cookie")).toBeNull();
}

describe("hostile input is refused in the one shape, never a 500", () => {
  test("as an id in every path", async () => {
    for (const id of ids) {
      for (const [method, path] of [
        ["GET", `/v1/jobs/${id}`],
        ["POST", `/v1/jobs/${id}/cancel`],
        ["GET", `/v1/jobs/${id}/outputs/${id}`],
        ["DELETE", `/v1/keys/${id}`],
        ["GET", `/v1/presets/${id}`],
        ["POST", `/v1/workers/${id}/drain`],
        ["GET", `/v1/signed/${id}/${id}`],
      ] as const) {
        await expectRefusal(path, { method });
      }
    }
  });

  test("as metadata that is nested without end, which the search of the account's jobs would choke on", async () => {
    const videoId = await makeVideo();
    const nested = (depth: number) => `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
    const submit = (metadata: string) =>
      call("/v1/jobs", {
        body: `{"videoId":"${videoId}","recipe":{"name":"webReady"},"metadata":${metadata}}`,
        headers: { "content-type": "application/json" },
      });
    for (const metadata of [nested(65), `{"a":${"[".repeat(2_000)}${"]".repeat(2_000)}}`]) {
      const { status, detail } = await refusal(submit(metadata));
      expect({ status, detail }).toEqual({
        status: 400,
        detail: "metadata must be nested at most 64 deep",
      });
    }
    expect((await refusal(submit(nested(150_000)))).status).toBe(400);
    expect((await submit(nested(64))).status).toBe(202);
    expect((await call("/v1/jobs?search=clip")).status).toBe(200);
  });

  test("as an id in a body", async () => {
    for (const videoId of texts) {
      await expectRefusal("/v1/jobs", { json: { videoId, recipe: { name: "webReady" } } });
    }
  });

  test("as a JSON value of any kind, and as JSON nested past sense", async () => {
    for (const body of [
      "null",
      "true",
      "1e999",
      '"text"',
      "[]",
      '{"__proto__":{"recipe":1}}',
      '{"constructor":1}',
      `{"metadata":${"[".repeat(50_000)}${"]".repeat(50_000)}}`,
      `${"[".repeat(200_000)}`,
    ]) {
      const headers = { "content-type": "application/json" };
      await expectRefusal("/v1/jobs", { body, headers });
      await expectRefusal("/v1/presets", { body, headers });
    }
  });

  test("as a key, in either header", async () => {
    for (const key of [
      "'",
      "\u00ff".repeat(100),
      "x".repeat(8000),
      `${ROOT_KEY}x`,
      ROOT_KEY.slice(1),
    ]) {
      await expectRefusal("/v1/jobs", { key: null, headers: { authorization: `Bearer ${key}` } });
      await expectRefusal("/v1/jobs", { key: null, headers: { "x-api-key": key } });
    }
  });

  test("as a query", async () => {
    for (const query of ["limit=%00", "cursor=%00", "state=__proto__", "limit=1e2", "cursor[]=1"]) {
      await expectRefusal(`/v1/jobs?${query}`, {});
    }
  });
});

test("a refusal repeats of what a client sent no more than helps", async () => {
  const refused = async (path: string, options: CallOptions) => {
    const { detail } = await refusal(call(path, options));
    expect(detail.length).toBeLessThan(2100);
    return detail;
  };
  const many = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`field${i}`, i]));
  expect(await refused("/v1/jobs", { json: many })).toMatch(/'field9' and 4990 more$/);
  expect(await refused("/v1/jobs", { json: { ["x".repeat(100_000)]: 1 } })).toContain("xxx…'");
  expect(await refused("/v1/keys", { json: { ["x".repeat(100_000)]: 1 } })).toContain("xxx…'");
  const input_files = { ["x".repeat(100_000)]: {} };
  await refused("/v1/jobs", { json: { recipe: { name: "webReady" }, input_files } });
  expect(await refused(`/v1/jobs/${"x".repeat(50_000)}`, {})).toMatch(/^No job with id 'x+…$/);
  expect(await refused("/v1/videos?filename=a.mp4&no=1", { body: "x" })).toBe(
    "The query has unknown field 'no'",
  );
});

describe("harmless oddities come back as they were sent", () => {
  test("metadata of any JSON, and odd names", async () => {
    const metadata = {
      text: texts.slice(1).join(""),
      nested: { list: [1, null, { a: "\u0000" }] },
    };
    const json = { videoId: await makeVideo(), recipe: { name: "webReady" }, metadata };
    const made = await call("/v1/jobs", { json });
    expect(made.status).toBe(202);
    const { jobId } = await made.json<Job>();
    const read = await (await call(`/v1/jobs/${jobId}`)).json<Job>();
    expect(read.metadata).toEqual(metadata);
  });
});

describe("with the real pool", () => {
  test("a job is submitted, read, cancelled once, and its work may be done again", async () => {
    const json = { videoId: await makeVideo(), recipe: { name: "webReady" } };
    const { jobId } = await (await call("/v1/jobs", { json })).json<Job>();
    const path = `/v1/jobs/${jobId}`;
    expect(await (await call(path)).json()).toMatchObject({ jobId, state: "queued", run: 1 });
    expect((await call("/v1/jobs", { json })).status).toBe(409);
    expect(await (await call(`${path}/attempts`)).json()).toEqual({ attempts: [] });
    expect((await call(`${path}/cancel`, { method: "POST" })).status).toBe(200);
    expect(await (await call(path)).json()).toMatchObject({ state: "cancelled" });
    expect((await call(`${path}/cancel`, { method: "POST" })).status).toBe(409);
    expect((await call(`${path}/retry`, { method: "POST" })).status).toBe(409);
    expect((await call("/v1/jobs", { json })).status).toBe(202);
  });

  test("twenty cancels at once end a job once", async () => {
    const json = { videoId: await makeVideo(), recipe: { name: "webReady" } };
    const { jobId } = await (await call("/v1/jobs", { json })).json<Job>();
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => call(`/v1/jobs/${jobId}/cancel`, { method: "POST" })),
    );
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ status }) => status === 409)).toHaveLength(19);
  });
});
