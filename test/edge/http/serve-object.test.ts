import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, test } from "vitest";
import { ApiError } from "../../../edge/http/errors.ts";
import { type ServedObject, serveObject } from "../../../edge/http/serve-object.ts";
import { createR2Store } from "../../../edge/media/r2-store.ts";
import { bytesOf } from "../media/store-conformance.ts";

const store = createR2Store(env.MEDIA);
const bytes = bytesOf(1000);
let object: ServedObject;

beforeAll(async () => {
  const { etag } = await env.MEDIA.put("serve/a", bytes, {});
  object = { key: "serve/a", etag, sizeBytes: 1000, contentType: "video/mp4" };
});

async function serve(
  headers: Record<string, string> = {},
  options: { method?: string; object?: Partial<ServedObject>; filename?: string } = {},
): Promise<Response> {
  const { method = "GET", filename } = options;
  const served = await serveObject(
    new Request("https://x.test/", { method, headers }),
    store,
    { ...object, ...options.object },
    { cacheControl: "private", ...(filename === undefined ? {} : { filename }) },
  );
  if (served === null) throw new Error("nothing was served");
  return served;
}

const bodyOf = async (response: Response) => new Uint8Array(await response.arrayBuffer());

describe("an object's bytes", () => {
  test("come whole with length, type, ETag and the offer of ranges", async () => {
    const answer = await serve();
    expect(answer.status).toBe(200);
    expect(Object.fromEntries(answer.headers)).toEqual({
      "accept-ranges": "bytes",
      "cache-control": "private",
      "content-length": "1000",
      "content-type": "video/mp4",
      etag: `"${object.etag}"`,
      "x-content-type-options": "nosniff",
    });
    expect(await bodyOf(answer)).toEqual(bytes);
  });

  test("come as the range that was asked for", async () => {
    const answer = await serve({ range: "bytes=10-19" });
    expect(answer.status).toBe(206);
    expect(answer.headers.get("content-range")).toBe("bytes 10-19/1000");
    expect(answer.headers.get("content-length")).toBe("10");
    expect(await bodyOf(answer)).toEqual(bytes.slice(10, 20));
    expect(await bodyOf(await serve({ range: "bytes=-5" }))).toEqual(bytes.slice(-5));
    expect(await bodyOf(await serve({ range: "bytes=995-" }))).toEqual(bytes.slice(995));
  });

  test("come whole for a range that is malformed, one of several, or of other bytes", async () => {
    for (const headers of [
      { range: "bytes=5-1" },
      { range: "bytes=0-1,4-5" },
      { range: "bytes=0-1", "if-range": '"other"' },
    ]) {
      const answer = await serve(headers);
      expect(answer.status).toBe(200);
      expect((await bodyOf(answer)).byteLength).toBe(1000);
    }
    const same = await serve({ range: "bytes=0-1", "if-range": `"${object.etag}"` });
    expect(same.status).toBe(206);
    await same.arrayBuffer();
  });

  test("beyond the end are 416 with the size", async () => {
    const error = await serve({ range: "bytes=1000-" }).catch((thrown: unknown) => thrown);
    if (!(error instanceof ApiError)) throw new Error("not refused");
    expect(error.code).toBe("RANGE_NOT_SATISFIABLE");
    expect(error.headers).toEqual({ "content-range": "bytes */1000" });
  });

  test("are not sent for HEAD, which tells the whole length whatever range it names", async () => {
    for (const headers of [{}, { range: "bytes=0-9" }]) {
      const answer = await serve(headers, { method: "HEAD" });
      expect(answer.status).toBe(200);
      expect(answer.headers.get("content-length")).toBe("1000");
      expect(answer.headers.get("accept-ranges")).toBe("bytes");
      expect((await bodyOf(answer)).byteLength).toBe(0);
    }
  });

  test("are not sent again to who has them: 304", async () => {
    const answer = await serve({ "if-none-match": `W/"${object.etag}"` });
    expect(answer.status).toBe(304);
    expect(answer.headers.get("etag")).toBe(`"${object.etag}"`);
    expect(answer.body).toBeNull();
  });

  test("are refused to an If-Match of other bytes", async () => {
    const refused = serve({ "if-match": '"other"' });
    await expect(refused).rejects.toMatchObject({ code: "PRECONDITION_FAILED" });
    await (await serve({ "if-match": `"${object.etag}"` })).arrayBuffer();
  });

  test("of another object under the key are never served, ranges and HEAD included", async () => {
    const stale = { ...object, etag: "0".repeat(32) };
    for (const [method, headers] of [
      ["GET", {}],
      ["GET", { range: "bytes=0-1" }],
      ["HEAD", {}],
    ] as const) {
      const request = new Request("https://x.test/", { method, headers });
      expect(await serveObject(request, store, stale, { cacheControl: "private" })).toBeNull();
    }
  });

  test("of an empty object are an empty 200", async () => {
    const { etag } = await env.MEDIA.put("serve/empty", "", {});
    const empty = { key: "serve/empty", etag, sizeBytes: 0 };
    const answer = await serve({ range: "bytes=-5" }, { object: empty });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("content-length")).toBe("0");
    expect((await bodyOf(answer)).byteLength).toBe(0);
  });
});

describe("what a browser makes of an object", () => {
  test("media is shown in place; what could run is a download without a type", async () => {
    for (const contentType of [
      "video/webm",
      "image/png",
      "audio/mpeg",
      "application/vnd.apple.mpegurl",
    ]) {
      const answer = await serve({}, { object: { contentType }, filename: "a", method: "HEAD" });
      expect(answer.headers.get("content-type")).toBe(contentType);
      expect(answer.headers.get("content-disposition")).toMatch(/^inline;/);
    }
    for (const contentType of [
      "text/html",
      "image/svg+xml",
      "IMAGE/SVG+XML",
      "text/javascript",
      "video/mp4; x=y\r\n",
      "",
    ]) {
      const answer = await serve({}, { object: { contentType }, filename: "a", method: "HEAD" });
      expect(answer.headers.get("content-type")).toBe("application/octet-stream");
      expect(answer.headers.get("content-disposition")).toMatch(/^attachment;/);
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    }
  });

  test("a hostile name is a harmless header", async () => {
    for (const filename of [
      'a".mp4',
      "../../etc/passwd",
      "a\r\nset-cookie: x",
      "\u202egpj.exe",
      "Köln.mp4",
      "a\0b",
    ]) {
      const answer = await serve({}, { filename, method: "HEAD" });
      const header = answer.headers.get("content-disposition") ?? "";
      expect(header).toMatch(/^inline; filename=/);
      expect(header).not.toMatch(/[\r\n\0\u0080-\uffff]/);
      expect(answer.headers.get("set-cookie")).toBeNull();
      expect(header).not.toMatch(/\/|\\[^"]|%0[AD0]|%E2%80%AE/i);
    }
  });
});
