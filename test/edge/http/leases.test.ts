import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { newId } from "../../../edge/ids.ts";
import { type GrantClaims, mintGrant } from "../../../edge/media/grants.ts";
import { attemptPrefix } from "../../../edge/media/keys.ts";
import { createR2Store } from "../../../edge/media/r2-store.ts";
import { begunOutputSchema, partUrlsSchema } from "../../../protocol/grants.ts";
import { taskIdOf } from "../../../protocol/ids.ts";
import { localS3 } from "../media/local-s3.ts";
import { bytesOf, sha256Hex, streamOf } from "../media/store-conformance.ts";
import { call, refusal, testEnv } from "./harness.ts";
import { appSettings, withPool } from "./output-fixtures.ts";

const MIB = 1024 * 1024;
const PART = 16 * MIB;

interface Leased {
  readonly base: string;
  readonly claims: GrantClaims;
  /** Where the attempt's output of this name is in the store. */
  keyOf(filename: string): string;
}

/** A lease on a fresh job with a source of 1,000 bytes. */
async function lease(changes: Partial<GrantClaims> = {}, now = Date.now()): Promise<Leased> {
  const jobId = newId("job", Date.now());
  const key = `sources/default/${jobId}`;
  const { etag } = await env.MEDIA.put(key, bytesOf(1000), {});
  const claims: GrantClaims = {
    accountId: "default",
    pool: "gpu",
    shard: 1,
    jobId,
    run: 2,
    taskId: taskIdOf(jobId, 0),
    epoch: 3,
    inputs: { in_1: { key, etag, sizeBytes: 1000, contentType: "video/mp4" } },
    maxOutputBytes: 200 * MIB,
    ...changes,
  };
  const { base } = await mintGrant(appSettings(), claims, 60_000, now);
  return { base, claims, keyOf: (filename) => `${attemptPrefix(claims)}${filename}` };
}

/** A call as an agent makes it: no key. */
const agent = (path: string, options: Parameters<typeof call>[1] = {}) =>
  call(path, { ...options, key: null });

function put(path: string, bytes: Uint8Array, headers: Record<string, string> = {}) {
  return agent(path, {
    method: "PUT",
    body: bytes,
    headers: {
      "content-length": String(bytes.byteLength),
      "content-type": "video/mp4",
      ...headers,
    },
  });
}

const begin = (leased: Leased, changes: Record<string, unknown> = {}, edge = recordingPool().env) =>
  agent(`${leased.base}/outputs`, {
    json: {
      key: "out_1",
      filename: "result.mp4",
      contentType: "video/mp4",
      sizeBytes: 1000,
      ...changes,
    },
    env: edge,
  });

/** A pool that takes every upload, and what it was told. */
function recordingPool(status: "ok" | "stale_epoch" = "ok") {
  const recorded: unknown[] = [];
  const pool = withPool({
    recordUpload: async (upload) => {
      recorded.push(upload);
      return { status };
    },
  });
  return { ...pool, recorded };
}

async function etagOf(response: Promise<Response>): Promise<string> {
  const answer = await response;
  expect(answer.status).toBe(200);
  const { etag } = await answer.json<{ etag: string }>();
  expect(answer.headers.get("etag")).toBe(`"${etag}"`);
  return etag;
}

describe("a lease's grant", () => {
  test("is the only credential, and 401 from its end on for every call", async () => {
    const leased = await lease();
    const ended = await lease({}, Date.now() - 60_000);
    const forged = `${leased.base.slice(0, -4)}AAAA`;
    for (const base of [ended.base, forged, "/v1/leases/x", "/v1/leases/a.b"]) {
      const calls = [
        agent(`${base}/inputs/in_1`),
        agent(`${base}/outputs`, { json: {} }),
        put(`${base}/outputs/a.mp4`, bytesOf(1)),
        put(`${base}/outputs/a.mp4/parts/1?uploadId=x`, bytesOf(1)),
        agent(`${base}/outputs/a.mp4/part-urls`, { json: {} }),
      ];
      for (const answer of calls) {
        expect(await refusal(answer)).toMatchObject({ status: 401, code: "UNAUTHORIZED" });
      }
    }
    expect(await env.MEDIA.head(ended.keyOf("a.mp4"))).toBeNull();
    expect((await agent(`${leased.base}/inputs/in_1`)).status).toBe(200);
  });

  test("an account's key is no grant, and a grant no key", async () => {
    const leased = await lease();
    const token = leased.base.split("/")[3] ?? "";
    expect((await call("/v1/leases/x/inputs/in_1")).status).toBe(401);
    expect((await call("/v1/videos", { key: token })).status).toBe(401);
  });

  test("opens no route that is not a grant's", async () => {
    const leased = await lease();
    for (const path of ["", "/", "/inputs", "/outputs", "/inputs/in_1/x", "/secrets"]) {
      expect((await agent(leased.base + path)).status).toBe(404);
    }
    expect((await agent(`${leased.base}/inputs/in_1`, { method: "DELETE" })).status).toBe(404);
  });
});

describe("an input", () => {
  test("is read whole, by range and by HEAD", async () => {
    const { base } = await lease();
    const url = `${base}/inputs/in_1`;
    expect(new Uint8Array(await (await agent(url)).arrayBuffer())).toEqual(bytesOf(1000));
    const range = await agent(url, { headers: { range: "bytes=990-" } });
    expect(range.status).toBe(206);
    expect(range.headers.get("content-range")).toBe("bytes 990-999/1000");
    expect(new Uint8Array(await range.arrayBuffer())).toEqual(bytesOf(1000).slice(990));
    const head = await agent(url, { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe("1000");
    const beyond = await agent(url, { headers: { range: "bytes=1000-" } });
    expect(beyond.headers.get("content-range")).toBe("bytes */1000");
    expect(await refusal(beyond)).toMatchObject({ status: 416, code: "RANGE_NOT_SATISFIABLE" });
  });

  test("that the lease does not name is 404, whatever else lies in the store", async () => {
    const { base } = await lease();
    for (const name of ["in_2", "constructor", "__proto__", "..%2Fin_1"]) {
      expect(await refusal(agent(`${base}/inputs/${name}`))).toMatchObject({ code: "NOT_FOUND" });
    }
  });

  test("that was replaced since is 404: a lease reads what it was given for", async () => {
    const { base, claims } = await lease();
    await env.MEDIA.put(claims.inputs.in_1?.key ?? "", bytesOf(1000, 2));
    for (const headers of [{}, { range: "bytes=0-1" }]) {
      expect(await refusal(agent(`${base}/inputs/in_1`, { headers }))).toMatchObject({
        status: 404,
        code: "NOT_FOUND",
      });
    }
  });
});

describe("where an output goes", () => {
  test("up to 64 MiB of known size, in one PUT to the edge", async () => {
    const leased = await lease();
    const { env: edge, recorded } = recordingPool();
    const answer = await begin(leased, { sizeBytes: 64 * MIB }, edge);
    expect(answer.status).toBe(201);
    expect(begunOutputSchema.parse(await answer.json())).toEqual({
      kind: "single",
      url: `${leased.base}/outputs/result.mp4`,
      headers: { "content-type": "video/mp4" },
    });
    expect(recorded).toEqual([]);
  });

  test("beyond that or of unknown size, in parts of an upload that the pool knows of", async () => {
    for (const [sizeBytes, urls] of [
      [64 * MIB + 1, 5],
      [null, 13],
    ] as const) {
      const leased = await lease();
      const pool = recordingPool();
      const begun = begunOutputSchema.parse(
        await (await begin(leased, { sizeBytes }, pool.env)).json(),
      );
      if (begun.kind !== "multipart") throw new Error(begun.kind);
      expect(begun.partSizeBytes).toBe(PART);
      expect(begun.partUrls).toHaveLength(urls);
      const { taskId, epoch } = leased.claims;
      const key = leased.keyOf("result.mp4");
      expect(pool.recorded).toEqual([{ taskId, epoch, key, uploadId: begun.uploadId }]);
      expect(pool.asked).toEqual(["pool:default/gpu/1"]);
    }
  });

  test("a pool that knows a later attempt ends the call with 401 and the upload with it", async () => {
    const leased = await lease();
    const pool = recordingPool("stale_epoch");
    expect(await refusal(begin(leased, { sizeBytes: null }, pool.env))).toMatchObject({
      status: 401,
      code: "UNAUTHORIZED",
    });
    const [{ key, uploadId }] = pool.recorded as [{ key: string; uploadId: string }];
    const part = await createR2Store(env.MEDIA).putPart(key, uploadId, 1, bytesOf(9), 9);
    expect(part).toEqual({ status: "no_upload" });
  });

  test("a pool that fails leaves no upload behind", async () => {
    const leased = await lease();
    let told: { key: string; uploadId: string } | undefined;
    const pool = withPool({
      recordUpload: async (upload) => {
        told = upload;
        throw new Error("the object was reset");
      },
    });
    expect((await begin(leased, { sizeBytes: null }, pool.env)).status).toBe(500);
    if (told === undefined) throw new Error("the pool was not asked");
    const part = createR2Store(env.MEDIA).putPart(told.key, told.uploadId, 1, bytesOf(9), 9);
    expect(await part).toEqual({ status: "no_upload" });
  });

  test("a size over the lease's limit is refused before a byte is sent", async () => {
    const leased = await lease({ maxOutputBytes: 999 });
    expect(await refusal(begin(leased))).toMatchObject({
      status: 413,
      code: "FILE_TOO_LARGE",
      detail: "The output has 1000 bytes. The lease allows 999.",
    });
  });

  test("a request that is not of the protocol is refused by field", async () => {
    const leased = await lease();
    for (const [changes, detail] of [
      [{ filename: "../x" }, "filename must be"],
      [{ filename: ".hidden" }, "filename must be"],
      [{ key: "other" }, "key must be"],
      [{ sizeBytes: 0 }, "sizeBytes"],
      [{ sizeBytes: 1.5 }, "sizeBytes"],
      [{ extra: 1 }, "extra"],
    ] as const) {
      const error = await refusal(begin(leased, changes));
      expect(error).toMatchObject({ status: 400, code: "VALIDATION_ERROR" });
      expect(error.detail).toContain(detail);
    }
    for (const [body, type] of [
      ["{", "application/json"],
      ["", "application/json"],
      ["{}", "text/plain"],
    ] as const) {
      const answer = agent(`${leased.base}/outputs`, { body, headers: { "content-type": type } });
      expect(await refusal(answer)).toMatchObject({ status: 400, code: "VALIDATION_ERROR" });
    }
  });

  test("in direct mode it is presigned, and the edge sees none of the bytes", async () => {
    const s3 = await localS3();
    const pool = recordingPool();
    const direct = {
      ...pool.env,
      S3_ENDPOINT: s3.endpoint,
      R2_ACCESS_KEY_ID: s3.accessKeyId,
      R2_SECRET_ACCESS_KEY: s3.secretAccessKey,
    };
    const leased = await lease();
    const single = begunOutputSchema.parse(await (await begin(leased, {}, direct)).json());
    if (single.kind !== "single") throw new Error(single.kind);
    const headers = single.headers;
    const first = await fetch(single.url, { method: "PUT", headers, body: bytesOf(1000) });
    expect(first.status).toBe(200);
    const again = await fetch(single.url, { method: "PUT", headers, body: bytesOf(1000) });
    expect(again.status).toBe(412);
    await again.arrayBuffer();
    // What the agent looks at after a 412.
    const there = await agent(`${leased.base}/outputs/result.mp4`, { method: "HEAD", env: direct });
    expect(there.headers.get("content-length")).toBe("1000");
    expect(there.headers.get("etag")).toBe(first.headers.get("etag"));

    const name = { filename: "big.mp4", sizeBytes: null };
    const parts = begunOutputSchema.parse(await (await begin(leased, name, direct)).json());
    if (parts.kind !== "multipart") throw new Error(parts.kind);
    const sent = await fetch(parts.partUrls[0] ?? "", { method: "PUT", body: bytesOf(500) });
    const etag = (sent.headers.get("etag") ?? "").replaceAll('"', "");
    const store = createR2Store(env.MEDIA);
    const key = leased.keyOf("big.mp4");
    expect(
      await store.completeMultipart(key, parts.uploadId, [{ partNumber: 1, etag }]),
    ).toMatchObject({ status: "ok", object: { size: 500 } });
    const more = await agent(parts.morePartUrls, {
      json: { uploadId: parts.uploadId, from: 13, count: 1 },
      env: direct,
    });
    const { partUrls } = partUrlsSchema.parse(await more.json());
    expect(partUrls[0]).toMatch(/^http.*partNumber=13.*X-Amz-Signature=/);
  });
});

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

test("the store answers these calls under both prefixes, and hands out URLs of the first", async () => {
  const leased = await lease();
  expect((await agent(`/api${leased.base}/inputs/in_1`)).status).toBe(200);
  const answer = await agent(`/api${leased.base}/outputs`, {
    json: { key: "out_1", filename: "a.mp4", contentType: "video/mp4", sizeBytes: 5 },
    env: testEnv,
  });
  expect(await answer.json()).toMatchObject({ url: `${leased.base}/outputs/a.mp4` });
});
