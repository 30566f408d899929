import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import type { Upload } from "../../../protocol/http/uploads.ts";
import { ascii, clip, padded } from "../media/clips.ts";
import { call, makeKey, refusal, testEnv } from "./harness.ts";
import {
  complete,
  isSame,
  openUpload,
  partOf,
  putPart,
  sendPart,
  twoPartVideo,
  uploadWhole,
} from "./upload-steps.ts";

const read = async (uploadId: string): Promise<Upload> =>
  (await call(`/v1/uploads/${uploadId}`)).json<Upload>();

const create = (json: unknown) => call("/v1/uploads", { json });

describe("opening an upload", () => {
  test("answers with a plan of equal parts and a video that is uploading", async () => {
    const upload = await openUpload(20_000_000, { metadata: { tape: 7 } });
    expect(upload).toMatchObject({ partSize: 8_388_608, partCount: 3, mode: "proxied" });
    expect(Date.parse(upload.expiresAt)).toBeGreaterThan(Date.now());
    expect(await read(upload.uploadId)).toMatchObject({
      ...upload,
      state: "open",
      filename: "clip.mp4",
      size: 20_000_000,
      parts: [],
      metadata: { tape: 7 },
      rejection: null,
    });
    expect(await (await call(`/v1/videos/${upload.videoId}`)).json()).toMatchObject({
      state: "uploading",
      size: 20_000_000,
      metadata: null,
    });
  });

  test("refuses a file over the limit, rounding so that the two sizes differ", async () => {
    expect(await refusal(create({ filename: "a.mp4", size: 1_000_000_001 }))).toMatchObject({
      status: 413,
      code: "FILE_TOO_LARGE",
      detail: "File size is 1001 MB. Maximum allowed is 1000 MB.",
    });
    expect((await create({ filename: "a.mp4", size: 1_000_000_000 })).status).toBe(201);
  });

  test.each(["a.txt", "a", "a.mp4.exe", "a.m3u8"])(
    "refuses an extension it does not take: %s",
    async (filename) => {
      const refused = await refusal(create({ filename, size: 10 }));
      expect(refused).toMatchObject({ status: 415, code: "UNSUPPORTED_FORMAT" });
      expect(refused.detail).toContain(`'${filename}'`);
    },
  );

  test.each([
    [{ filename: "a.mp4", size: 0 }, "size"],
    [{ filename: "a.mp4", size: 1.5 }, "size"],
    [{ filename: "a.mp4", size: "10" }, "size"],
    [{ filename: "a.mp4" }, "size"],
    [{ size: 10 }, "filename"],
    [{ filename: "", size: 10 }, "filename"],
    [{ filename: "../", size: 10 }, "filename"],
    [{ filename: "a.mp4", size: 10, sise: 1 }, "sise"],
    [{ filename: "a.mp4", size: 10, metadata: { a: "x".repeat(5000) } }, "metadata"],
    [{ filename: "a.mp4", size: 10, contentType: "a\r\nb" }, "contentType"],
  ])("refuses what its schema does not allow, by name: %j", async (json, named) => {
    const refused = await refusal(create(json));
    expect(refused).toMatchObject({ status: 400, code: "VALIDATION_ERROR" });
    expect(refused.detail).toContain(named);
  });

  test("keeps of a hostile name what is harmless, and none of it in the object's key", async () => {
    const name = '../../e"vil\r\nX: y\0\u202e\u200b.mp4';
    const upload = await openUpload(10, { filename: name });
    expect((await read(upload.uploadId)).filename).toBe("e'vilX: y.mp4");
    const row = await env.DB.prepare("SELECT key FROM videos WHERE id = ?")
      .bind(upload.videoId)
      .first<{ key: string }>();
    expect(row?.key).toBe(`sources/default/${upload.videoId}`);
  });
});

describe("completing an upload", () => {
  test("makes a video of parts sent out of order and twice, byte for byte", async () => {
    const file = twoPartVideo();
    const upload = await openUpload(file.byteLength);
    const second = await sendPart(upload, file, 2);
    await sendPart(upload, file, 1);
    const first = await sendPart(upload, file, 1);
    const quoted = [second, first].map((p) => ({ partNumber: p.partNumber, etag: `"${p.etag}"` }));
    const answer = await complete(upload, { parts: quoted });
    expect(answer.status).toBe(201);
    expect(await answer.json()).toEqual({
      videoId: upload.videoId,
      filename: "clip.mp4",
      size: file.byteLength,
      contentType: "video/mp4",
      state: "ready",
      metadata: expect.objectContaining({ format: "mp4", width: 64, videoCodec: "h264" }),
      createdAt: expect.any(String),
    });
    const content = await call(`/v1/videos/${upload.videoId}/content`);
    expect(isSame(await content.bytes(), file)).toBe(true);
    expect(await read(upload.uploadId)).toMatchObject({ state: "completed", parts: [] });
  });

  test("lists what is missing, and may be repeated once it is there", async () => {
    const file = twoPartVideo();
    const upload = await openUpload(file.byteLength);
    expect(await refusal(complete(upload))).toMatchObject({
      status: 409,
      code: "UPLOAD_INCOMPLETE",
      detail: "part 1 is missing; part 2 is missing.",
      retryable: true,
    });
    await sendPart(upload, file, 2);
    expect((await refusal(complete(upload, {}))).detail).toBe("part 1 is missing.");
    await sendPart(upload, file, 1);
    expect((await complete(upload)).status).toBe(201);
  });

  test("twenty times at once gives one video, joined once in the store", async () => {
    const file = padded(clip("mp4"), 4096);
    const upload = await openUpload(file.byteLength);
    await sendPart(upload, file, 1);
    let joins = 0;
    const counting = {
      ...testEnv,
      MEDIA: new Proxy(env.MEDIA, {
        get(bucket, name) {
          if (name !== "resumeMultipartUpload") return Reflect.get(bucket, name).bind(bucket);
          return (...args: Parameters<R2Bucket["resumeMultipartUpload"]>) => {
            const multipart = bucket.resumeMultipartUpload(...args);
            return {
              complete(parts: R2UploadedPart[]) {
                joins += 1;
                return multipart.complete(parts);
              },
            };
          };
        },
      }),
    };
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        call(`/v1/uploads/${upload.uploadId}/complete`, { method: "POST", env: counting }),
      ),
    );
    expect(answers.map((answer) => answer.status)).toEqual(Array(20).fill(201));
    const bodies = await Promise.all(answers.map((answer) => answer.text()));
    expect(new Set(bodies).size).toBe(1);
    expect(joins).toBe(1);
  });

  test.each([
    ["text", ascii("this is not a video\n".repeat(10)), "text"],
    ["an image", new Uint8Array([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10, 0, 0]), "a PNG image"],
    ["another container", clip("mkv"), "Matroska"],
  ])(
    "refuses %s renamed to .mp4, keeps nothing of it, and says so again",
    async (_, bytes, kind) => {
      const upload = await openUpload(bytes.byteLength);
      await sendPart(upload, bytes, 1);
      const first = await refusal(complete(upload));
      expect(first).toMatchObject({ status: 415, code: "UNSUPPORTED_FORMAT" });
      expect(first.detail).toContain(`it looks like ${kind}`);
      const again = await refusal(complete(upload));
      expect(again).toMatchObject({ code: "UNSUPPORTED_FORMAT", detail: first.detail });
      expect((await read(upload.uploadId)).rejection).toEqual({
        code: "UNSUPPORTED_FORMAT",
        detail: first.detail,
      });
      expect((await call(`/v1/videos/${upload.videoId}`)).status).toBe(404);
      expect(await env.MEDIA.head(`sources/default/${upload.videoId}`)).toBeNull();
      expect(await refusal(putPart(upload, 1, bytes))).toMatchObject({ code: "VALIDATION_ERROR" });
    },
  );

  test("takes a truncated video whose first bytes are right; its metadata is then unknown", async () => {
    const video = await uploadWhole(clip("mp4").slice(0, 200));
    expect(video).toMatchObject({ state: "ready", metadata: null });
  });

  test.each([
    [{ parts: [] }, "parts"],
    [{ parts: [{ partNumber: 0, etag: "a" }] }, "partNumber"],
    [{ parts: [{ partNumber: 1 }] }, "etag"],
    [{ parts: [{ partNumber: 1, etag: "a", sise: 1 }] }, "sise"],
    [{ parts: [1, 1].map((partNumber) => ({ partNumber, etag: "a" })) }, "once"],
    [{ part: [] }, "part"],
  ])("refuses a list that is none: %j", async (json, named) => {
    const refused = await refusal(complete(await openUpload(10), json));
    expect(refused).toMatchObject({ status: 400, code: "VALIDATION_ERROR" });
    expect(refused.detail).toContain(named);
  });
});

describe("deleting an upload", () => {
  test("frees its parts and its video, and from then on it is like one that never was", async () => {
    const file = twoPartVideo();
    const upload = await openUpload(file.byteLength);
    const part = await sendPart(upload, file, 2);
    const path = `/v1/uploads/${upload.uploadId}`;
    const row = await env.DB.prepare("SELECT store_upload_id AS id FROM uploads WHERE id = ?")
      .bind(upload.uploadId)
      .first<{ id: string }>();
    expect((await call(path, { method: "DELETE" })).status).toBe(204);

    for (const refused of [
      call(path),
      call(path, { method: "DELETE" }),
      complete(upload),
      putPart(upload, 2, partOf(upload, file, 2)),
    ]) {
      expect(await refusal(refused)).toMatchObject({
        status: 404,
        code: "NOT_FOUND",
        detail: `No upload with id '${upload.uploadId}' exists.`,
      });
    }
    expect((await call(`/v1/videos/${upload.videoId}`)).status).toBe(404);
    const multipart = env.MEDIA.resumeMultipartUpload(
      `sources/default/${upload.videoId}`,
      row?.id ?? "",
    );
    await expect(multipart.complete([part])).rejects.toThrow("10024");
  });

  test("that is completed leaves its video", async () => {
    const file = padded(clip("mp4"), 4096);
    const upload = await openUpload(file.byteLength);
    await sendPart(upload, file, 1);
    await complete(upload);
    const deleted = await call(`/v1/uploads/${upload.uploadId}`, { method: "DELETE" });
    expect(deleted.status).toBe(204);
    expect((await call(`/v1/videos/${upload.videoId}/content`)).status).toBe(200);
    expect((await complete(upload)).status).toBe(404);
  });
});

describe("an upload's privacy", () => {
  test("makes another account's upload answer exactly like a missing one", async () => {
    const file = padded(clip("mp4"), 4096);
    const upload = await openUpload(file.byteLength);
    await sendPart(upload, file, 1);
    const key = await makeKey(["read", "write"], "stranger");
    const missing = "upl_01KAPZ5Y7M3T3V1H1ZK3N0Q9RA";
    const requests = [
      (id: string) => call(`/v1/uploads/${id}`, { key }),
      (id: string) => call(`/v1/uploads/${id}`, { key, method: "DELETE" }),
      (id: string) => call(`/v1/uploads/${id}/complete`, { key, method: "POST" }),
      (id: string) => call(`/v1/uploads/${id}/parts/1`, { key, method: "PUT", body: file }),
      (id: string) => call(`/v1/uploads/${id}/part-urls`, { key, json: { partNumbers: [1] } }),
    ];
    for (const request of requests) {
      const [theirs, none] = await Promise.all([request(upload.uploadId), request(missing)]);
      const normal = async (answer: Response, id: string) => ({
        status: answer.status,
        body: (await answer.text()).replaceAll(id, "ID").replace(/"requestId":"[^"]*"/, ""),
      });
      const [a, b] = await Promise.all([normal(theirs, upload.uploadId), normal(none, missing)]);
      expect(a.status).toBe(404);
      expect(a).toEqual(b);
    }
    expect((await complete(upload)).status).toBe(201);
  });

  test("needs the scope: a key that only reads changes nothing", async () => {
    const key = await makeKey(["read"]);
    const refused = call("/v1/uploads", { key, json: { filename: "a.mp4", size: 1 } });
    expect(await refusal(refused)).toMatchObject({ status: 403, code: "FORBIDDEN" });
  });
});

describe("a refusal", () => {
  test.each([
    ["without a key", null, "upl_x", 401],
    ["for an unknown upload", undefined, "upl_x", 404],
  ] as const)("%s is answered only once the body has been read", async (_, key, id, status) => {
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulled += 1;
        if (pulled > 50) controller.close();
        else controller.enqueue(new Uint8Array(1000));
      },
    });
    const options = { method: "PUT", body, ...(key === undefined ? {} : { key }) };
    const answer = await call(`/v1/uploads/${id}/parts/1`, options);
    expect(answer.status).toBe(status);
    expect(pulled).toBe(51);
  });
});

describe("presigned part URLs", () => {
  test("are refused in proxied mode", async () => {
    const upload = await openUpload(10);
    const path = `/v1/uploads/${upload.uploadId}/part-urls`;
    expect(await refusal(call(path, { json: { partNumbers: [1] } }))).toMatchObject({
      status: 400,
      code: "VALIDATION_ERROR",
    });
  });
});
