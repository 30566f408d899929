/** What a merge may read: the parts of its own run, each pinned by its ETag, and nothing else. */
import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { attemptPrefix } from "../../../edge/media/keys.ts";
import { partListSchema } from "../../../protocol/chunks/contract.ts";
import { taskIdOf } from "../../../protocol/ids.ts";
import { bytesOf } from "../media/store-conformance.ts";
import { refusal } from "./harness.ts";
import { agent, lease } from "./lease-fixtures.ts";
import { withPool } from "./output-fixtures.ts";

/** A merge's lease, and a part of 1,000 bytes that another task of its run made. */
async function merging() {
  const leased = await lease({ readsParts: true });
  const { jobId, run } = leased.claims;
  const taskId = taskIdOf(jobId, 1);
  const key = `${attemptPrefix({ jobId, run, taskId, epoch: 2 })}v720.c0000.mp4`;
  const { etag } = await env.MEDIA.put(key, bytesOf(1000), {});
  const parts = `${leased.base}/parts`;
  return { leased, parts, part: `${parts}/${taskId}/2/v720.c0000.mp4`, taskId, etag };
}

const pinned = (etag: string, more: Record<string, string> = {}) => ({
  headers: { "if-match": `"${etag}"`, ...more },
});

describe("a merge's grant", () => {
  test("reads a part, whole or by ranges, and its head", async () => {
    const { part, etag } = await merging();
    const whole = await agent(part, pinned(etag));
    expect(whole.status).toBe(200);
    expect(new Uint8Array(await whole.arrayBuffer())).toEqual(bytesOf(1000));
    const range = await agent(part, pinned(etag, { range: "bytes=10-19" }));
    expect(range.status).toBe(206);
    expect(range.headers.get("content-range")).toBe("bytes 10-19/1000");
    expect(new Uint8Array(await range.arrayBuffer())).toEqual(bytesOf(1000).slice(10, 20));
    const head = await agent(part, { method: "HEAD", ...pinned(etag) });
    expect(head.headers.get("content-length")).toBe("1000");
  });

  test("must name the part's ETag, and gets no other object", async () => {
    const { part } = await merging();
    expect(await refusal(agent(part))).toMatchObject({ status: 400, code: "VALIDATION_ERROR" });
    for (const header of ["*", 'W/"x"', "x", '"a", "b"']) {
      const answer = agent(part, { headers: { "if-match": header } });
      expect(await refusal(answer)).toMatchObject({ status: 400 });
    }
    expect(await refusal(agent(part, pinned("another")))).toMatchObject({ status: 412 });
  });

  test("reads nothing outside of its run, whatever the path says", async () => {
    const { leased, parts, taskId, etag } = await merging();
    const { jobId, run } = leased.claims;
    const other = attemptPrefix({ jobId, run: run + 1, taskId, epoch: 2 });
    await env.MEDIA.put(`${other}v720.c0000.mp4`, bytesOf(10));
    await env.MEDIA.put("secret", bytesOf(10));
    const hostile = [
      `${parts}/${taskId}/2/..%2f..%2f..%2f..%2f..%2fsecret`,
      `${parts}/${taskId}/2/%2e%2e`,
      `${parts}/${taskId}/2/.hidden`,
      `${parts}/${taskId}/2/a%00b`,
      `${parts}/..%2f..%2f${run + 1}%2f${taskId}/2/v720.c0000.mp4`,
      `${parts}/${taskId}%2f2/2/v720.c0000.mp4`,
      `${parts}/tsk_0/2/v720.c0000.mp4`,
      `${parts}/${taskId}/0/v720.c0000.mp4`,
      `${parts}/${taskId}/-1/v720.c0000.mp4`,
      `${parts}/${taskId}/2e0/v720.c0000.mp4`,
      `${parts}/${taskId}/3/v720.c0000.mp4`,
      `${parts}/${taskIdOf("job_00000000000000000000000000", 1)}/2/v720.c0000.mp4`,
    ];
    for (const path of hostile) {
      const { status } = await agent(path, pinned(etag));
      expect([400, 404]).toContain(status);
    }
  });

  test("of any other task reads no part", async () => {
    const { taskId, etag } = await merging();
    const whole = await lease();
    for (const path of ["", `/${taskId}/2/v720.c0000.mp4`]) {
      const answer = agent(`${whole.base}/parts${path}`, pinned(etag));
      expect(await refusal(answer)).toMatchObject({ status: 401, code: "UNAUTHORIZED" });
    }
  });
});

describe("the list of parts", () => {
  test("is the pool's, for the live attempt alone", async () => {
    const { parts } = await merging();
    const live = withPool({ parts: async () => ({ status: "ok", list: { parts: [] } }) });
    const answer = await agent(parts, { env: live.env });
    expect(partListSchema.parse(await answer.json())).toEqual({ parts: [] });
    const lost = withPool({ parts: async () => ({ status: "stale_epoch" }) });
    expect(await refusal(agent(parts, { env: lost.env }))).toMatchObject({ status: 401 });
  });
});
