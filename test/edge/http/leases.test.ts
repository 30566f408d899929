import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { createR2Store } from "../../../edge/media/r2-store.ts";
import { begunOutputSchema, partUrlsSchema } from "../../../protocol/grants.ts";
import { localS3 } from "../media/local-s3.ts";
import { bytesOf } from "../media/store-conformance.ts";
import { call, refusal, testEnv } from "./harness.ts";
import { agent, begin, lease, MIB, PART, put, recordingPool } from "./lease-fixtures.ts";
import { withPool } from "./output-fixtures.ts";

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

test("the store answers these calls under both prefixes, and hands out URLs of the first", async () => {
  const leased = await lease();
  expect((await agent(`/api${leased.base}/inputs/in_1`)).status).toBe(200);
  const answer = await agent(`/api${leased.base}/outputs`, {
    json: { key: "out_1", filename: "a.mp4", contentType: "video/mp4", sizeBytes: 5 },
    env: testEnv,
  });
  expect(await answer.json()).toMatchObject({ url: `${leased.base}/outputs/a.mp4` });
});
