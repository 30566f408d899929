import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import { createPresigner, type Presigner } from "../../../edge/media/presign.ts";
import { createR2Store } from "../../../edge/media/r2-store.ts";
import { directSettings, proxiedSettings } from "./local-s3.ts";
import { bytesOf } from "./store-conformance.ts";

async function presigner(): Promise<Presigner> {
  const made = createPresigner(await directSettings());
  if (made === null) throw new Error("direct settings gave no presigner");
  return made;
}

const inAMinute = () => ({ expiresInSeconds: 60, now: Date.now() });
/** Signed an hour ago for a minute. */
const anHourAgo = () => ({ expiresInSeconds: 60, now: Date.now() - 3_600_000 });

async function store(key: string, length: number): Promise<void> {
  await env.MEDIA.put(key, bytesOf(length), { httpMetadata: { contentType: "video/mp4" } });
}

/** The status; the body is read, so that the connection is free again. */
async function statusOf(answer: Promise<Response>): Promise<number> {
  const response = await answer;
  await response.arrayBuffer();
  return response.status;
}

test("there are no presigned URLs without credentials", () => {
  expect(createPresigner(proxiedSettings())).toBeNull();
});

describe("a presigned GET", () => {
  test("gives the bytes, and ranges of them, to a plain fetch", async () => {
    await store("presign/get (1)+&'*.mp4", 1000);
    const url = await (await presigner()).get("presign/get (1)+&'*.mp4", inAMinute());
    const whole = await fetch(url);
    expect(whole.status).toBe(200);
    expect(new Uint8Array(await whole.arrayBuffer())).toEqual(bytesOf(1000));
    const part = await fetch(url, { headers: { range: "bytes=10-19" } });
    expect(part.status).toBe(206);
    expect(part.headers.get("content-range")).toBe("bytes 10-19/1000");
    expect(new Uint8Array(await part.arrayBuffer())).toEqual(bytesOf(1000).slice(10, 20));
  });

  test("is refused once it has ended, and with anything in it changed", async () => {
    await store("presign/a", 10);
    await store("presign/b", 10);
    const signer = await presigner();
    expect(await statusOf(fetch(await signer.get("presign/a", anHourAgo())))).toBe(403);
    const url = await signer.get("presign/a", inAMinute());
    expect(await statusOf(fetch(url.replace("presign/a", "presign/b")))).toBe(403);
    expect(await statusOf(fetch(url.replace("X-Amz-Expires=60", "X-Amz-Expires=6000")))).toBe(403);
    expect(await statusOf(fetch(url, { method: "PUT", body: "x" }))).toBe(403);
    expect(await statusOf(fetch(url, { method: "DELETE" }))).toBe(403);
    expect((await env.MEDIA.head("presign/a"))?.size).toBe(10);
  });
});

describe("a presigned PUT", () => {
  test("writes once: a repeated one is 412 and changes nothing", async () => {
    const signer = await presigner();
    const { url, headers } = await signer.put("presign/put", "video/webm", inAMinute());
    const first = await fetch(url, { method: "PUT", headers, body: bytesOf(100) });
    expect(first.status).toBe(200);
    expect(await statusOf(fetch(url, { method: "PUT", headers, body: bytesOf(100, 2) }))).toBe(412);
    const stored = await createR2Store(env.MEDIA).head("presign/put");
    expect(stored).toMatchObject({ size: 100, contentType: "video/webm" });
    expect(first.headers.get("etag")).toBe(`"${stored?.etag}"`);
  });

  test("is refused without If-None-Match or with another type: both are signed", async () => {
    const signer = await presigner();
    const { url, headers } = await signer.put("presign/signed", "video/webm", inAMinute());
    const send = (changed: Record<string, string>) =>
      statusOf(fetch(url, { method: "PUT", headers: changed, body: bytesOf(100) }));
    expect(await send({ "content-type": "video/webm" })).toBe(403);
    expect(await send({ ...headers, "if-none-match": '"x"' })).toBe(403);
    expect(await send({ ...headers, "content-type": "text/html" })).toBe(403);
    expect(await env.MEDIA.head("presign/signed")).toBeNull();
    expect(await send(headers)).toBe(200);
  });

  test("is refused once it has ended", async () => {
    const { url, headers } = await (await presigner()).put("presign/late", "a/b", anHourAgo());
    expect(await statusOf(fetch(url, { method: "PUT", headers, body: "x" }))).toBe(403);
    expect(await env.MEDIA.head("presign/late")).toBeNull();
  });
});

describe("a presigned part", () => {
  test("goes into the upload that the edge began, and only there", async () => {
    const r2 = createR2Store(env.MEDIA);
    const { uploadId } = await r2.createMultipart("presign/parts", "video/mp4");
    const signer = await presigner();
    const url = await signer.putPart("presign/parts", uploadId, 1, inAMinute());
    const other = url.replace("partNumber=1", "partNumber=2");
    expect(await statusOf(fetch(other, { method: "PUT", body: bytesOf(50) }))).toBe(403);
    const put = await fetch(url, { method: "PUT", body: bytesOf(50) });
    expect(put.status).toBe(200);
    const etag = (put.headers.get("etag") ?? "").replaceAll('"', "");
    const done = await r2.completeMultipart("presign/parts", uploadId, [{ partNumber: 1, etag }]);
    expect(done).toMatchObject({ status: "ok", object: { size: 50 } });
    expect(await statusOf(fetch(url, { method: "PUT", body: bytesOf(50) }))).toBe(404);
  });

  test("is refused once it has ended", async () => {
    const { uploadId } = await createR2Store(env.MEDIA).createMultipart("presign/x", "video/mp4");
    const url = await (await presigner()).putPart("presign/x", uploadId, 1, anHourAgo());
    expect(await statusOf(fetch(url, { method: "PUT", body: "x" }))).toBe(403);
  });
});

test("an expiry beyond SigV4's week is cut to it, and a fraction of a second counts as one", async () => {
  const signer = await presigner();
  const expiryOf = async (expiresInSeconds: number) =>
    new URL(await signer.get("k", { expiresInSeconds, now: 0 })).searchParams.get("X-Amz-Expires");
  expect(await expiryOf(1e9)).toBe("604800");
  expect(await expiryOf(0.2)).toBe("1");
  expect(await expiryOf(-5)).toBe("1");
});
