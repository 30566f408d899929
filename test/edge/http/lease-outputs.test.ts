import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { mintGrant } from "../../../edge/media/grants.ts";
import { createR2Store } from "../../../edge/media/r2-store.ts";
import { begunOutputSchema, partUrlsSchema } from "../../../protocol/grants.ts";
import { bytesOf, sha256Hex, streamOf } from "../media/store-conformance.ts";
import { refusal } from "./harness.ts";
import { agent, begin, etagOf, type Leased, lease, MIB, PART, put } from "./lease-fixtures.ts";
import { appSettings } from "./output-fixtures.ts";

describe("an output written whole", () => {
  test("is stored under its attempt's prefix with its type", async () => {
    const leased = await lease();
    const etag = await etagOf(put(`${leased.base}/outputs/result.mp4`, bytesOf(700)));
    const stored = await env.MEDIA.head(leased.keyOf("result.mp4"));
    expect(stored).toMatchObject({ size: 700, etag });
    expect(stored?.httpMetadata?.contentType).toBe("video/mp4");
    expect(leased.keyOf("x")).toBe(`jobs/${leased.claims.jobId}/2/${leased.claims.taskId}/3/x`);
  });

  test("again with the same bytes succeeds as it did; with others it is 412 and nothing changes", async () => {
    const leased = await lease();
    const url = `${leased.base}/outputs/result.mp4`;
    const etag = await etagOf(put(url, bytesOf(700)));
    expect(await etagOf(put(url, bytesOf(700)))).toBe(etag);
    for (const other of [bytesOf(700, 2), bytesOf(701), bytesOf(0)]) {
      expect(await refusal(put(url, other))).toMatchObject({
        status: 412,
        code: "PRECONDITION_FAILED",
        retryable: false,
      });
    }
    expect(await env.MEDIA.head(leased.keyOf("result.mp4"))).toMatchObject({ size: 700, etag });
  });

  test("by two at once with the same bytes is stored once, and a repeat settles it for both", async () => {
    const leased = await lease();
    const url = `${leased.base}/outputs/result.mp4`;
    const answers = await Promise.all([put(url, bytesOf(300)), put(url, bytesOf(300))]);
    // Whoever came second may have to ask again, and is told that it may.
    for (const answer of answers.filter(({ status }) => status !== 200)) {
      expect(await refusal(answer)).toMatchObject({ code: "ENGINE_ERROR", retryable: true });
    }
    expect(answers.some(({ status }) => status === 200)).toBe(true);
    await etagOf(put(url, bytesOf(300)));
  });

  test("with a Content-Digest is held to it, on arrival and when it is repeated", async () => {
    const leased = await lease();
    const url = `${leased.base}/outputs/result.mp4`;
    const digestOf = async (bytes: Uint8Array) => {
      const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
      return { "content-digest": `sha-256=:${btoa(String.fromCharCode(...hash))}:` };
    };
    const wrong = put(url, bytesOf(100), await digestOf(bytesOf(100, 2)));
    expect(await refusal(wrong)).toMatchObject({ status: 400, code: "VALIDATION_ERROR" });
    expect(await env.MEDIA.head(leased.keyOf("result.mp4"))).toBeNull();
    await etagOf(put(url, bytesOf(100), await digestOf(bytesOf(100))));
    const stored = await createR2Store(env.MEDIA).head(leased.keyOf("result.mp4"));
    expect(stored?.sha256).toBe(await sha256Hex(bytesOf(100)));
    await etagOf(put(url, bytesOf(100), await digestOf(bytesOf(100))));
    const other = put(url, bytesOf(100, 2), await digestOf(bytesOf(100, 2)));
    expect(await refusal(other)).toMatchObject({ status: 412 });
    const malformed = put(url, bytesOf(100), { "content-digest": "sha-256=:AAAA:" });
    expect(await refusal(malformed)).toMatchObject({ status: 400 });
  });

  test("needs a Content-Length within the lease's limit, and a body that keeps to it", async () => {
    const leased = await lease({ maxOutputBytes: 1000 });
    const url = `${leased.base}/outputs/result.mp4`;
    const unknown = agent(url, { method: "PUT", body: streamOf(bytesOf(10)) });
    expect(await refusal(unknown)).toMatchObject({ status: 400, code: "VALIDATION_ERROR" });
    expect(await refusal(put(url, bytesOf(1001)))).toMatchObject({
      status: 413,
      code: "FILE_TOO_LARGE",
    });
    for (const length of [9, 11]) {
      const lying = agent(url, {
        method: "PUT",
        body: streamOf(bytesOf(length)),
        headers: { "content-length": "10" },
      });
      expect(await refusal(lying)).toMatchObject({ status: 400, code: "VALIDATION_ERROR" });
    }
    expect(await env.MEDIA.head(leased.keyOf("result.mp4"))).toBeNull();
    expect((await put(url, bytesOf(1000))).status).toBe(200);
  });

  test("under a name that is a path or hidden is refused", async () => {
    const leased = await lease();
    for (const name of ["..%2Fx", ".x", "a%00b", "a%20b", "%E2%80%AEx"]) {
      expect(await refusal(put(`${leased.base}/outputs/${name}`, bytesOf(1)))).toMatchObject({
        status: 400,
        code: "VALIDATION_ERROR",
      });
    }
  });

  test("can be looked for by its lease, and by no other attempt's", async () => {
    const leased = await lease();
    const url = (base: string) => `${base}/outputs/result.mp4`;
    const head = (base: string) => agent(url(base), { method: "HEAD" });
    expect((await head(leased.base)).status).toBe(404);
    const etag = await etagOf(put(url(leased.base), bytesOf(700)));
    const found = await head(leased.base);
    expect(found.status).toBe(200);
    expect(found.headers.get("etag")).toBe(`"${etag}"`);
    expect(found.headers.get("content-length")).toBe("700");
    const later = await mintGrant(
      appSettings(),
      { ...leased.claims, epoch: 4 },
      60_000,
      Date.now(),
    );
    expect((await head(later.base)).status).toBe(404);
  });
});

describe("an output in parts", () => {
  async function begun(leased: Leased, filename = "result.mp4") {
    const answer = await begin(leased, { sizeBytes: null, filename });
    const output = begunOutputSchema.parse(await answer.json());
    if (output.kind !== "multipart") throw new Error(output.kind);
    return output;
  }

  test("goes up by the URLs given, a part again replacing itself, and becomes the object", async () => {
    const leased = await lease();
    const { uploadId, partUrls } = await begun(leased);
    const [first = "", second = ""] = partUrls;
    const tail = await etagOf(put(second, bytesOf(10)));
    await etagOf(put(first, bytesOf(5 * MIB, 9)));
    const head = await etagOf(put(first, bytesOf(5 * MIB)));
    const done = await createR2Store(env.MEDIA).completeMultipart(
      leased.keyOf("result.mp4"),
      uploadId,
      [
        { partNumber: 1, etag: head },
        { partNumber: 2, etag: tail },
      ],
    );
    expect(done).toMatchObject({ status: "ok", object: { size: 5 * MIB + 10 } });
  }, 30_000);

  test("has more URLs for the asking, none beyond what the lease allows", async () => {
    const leased = await lease({ maxOutputBytes: 20 * PART });
    const { uploadId, partUrls, morePartUrls } = await begun(leased);
    expect(partUrls).toHaveLength(16);
    const ask = async (from: number, count: number) => {
      const answer = await agent(morePartUrls, { json: { uploadId, from, count } });
      expect(answer.status).toBe(200);
      return partUrlsSchema.parse(await answer.json()).partUrls;
    };
    const query = `uploadId=${encodeURIComponent(uploadId)}`;
    const url = (n: number) => `${leased.base}/outputs/result.mp4/parts/${n}?${query}`;
    expect(await ask(17, 2)).toEqual([url(17), url(18)]);
    expect(await ask(17, 100)).toEqual([17, 18, 19, 20].map(url));
    expect(await ask(21, 1)).toEqual([]);
    for (const body of [{ uploadId, from: 0, count: 1 }, { uploadId, from: 1, count: 101 }, {}]) {
      expect(await refusal(agent(morePartUrls, { json: body }))).toMatchObject({ status: 400 });
    }
  });

  test("refuses a part beyond the lease's limit, too large, empty, or numbered otherwise", async () => {
    const leased = await lease({ maxOutputBytes: 2 * PART });
    const { uploadId } = await begun(leased);
    const part = (number: string, bytes: Uint8Array, headers = {}) =>
      put(`${leased.base}/outputs/result.mp4/parts/${number}?uploadId=${uploadId}`, bytes, headers);
    for (const number of ["0", "3", "-1", "01", "1e1", "x", "100000"]) {
      expect(await refusal(part(number, bytesOf(10))), number).toMatchObject({
        status: 400,
        code: "VALIDATION_ERROR",
      });
    }
    expect(await refusal(part("1", bytesOf(0)))).toMatchObject({ status: 400 });
    const huge = part("1", bytesOf(10), { "content-length": String(PART + 1) });
    expect(await refusal(huge)).toMatchObject({ status: 400 });
    const lying = part("1", bytesOf(10), { "content-length": "11" });
    expect(await refusal(lying)).toMatchObject({ status: 400 });
    expect((await part("2", bytesOf(10))).status).toBe(200);
  });

  test("of an upload that is not this output's is 404", async () => {
    const leased = await lease();
    const { uploadId } = await begun(leased);
    const other = await lease();
    const url = `${other.base}/outputs/result.mp4/parts/1?uploadId=${uploadId}`;
    expect(await refusal(put(url, bytesOf(10)))).toMatchObject({ status: 404, code: "NOT_FOUND" });
    const none = `${other.base}/outputs/result.mp4/parts/1`;
    expect(await refusal(put(none, bytesOf(10)))).toMatchObject({ status: 400 });
  });
});
