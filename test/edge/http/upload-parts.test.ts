import { describe, expect, test } from "vitest";
import type { Upload } from "../../../protocol/http/uploads.ts";
import type { Video } from "../../../protocol/http/videos.ts";
import { clip, padded } from "../media/clips.ts";
import { call, refusal } from "./harness.ts";
import {
  chunked,
  complete,
  isSame,
  openUpload,
  partOf,
  putPart,
  sendPart,
  TWO_PARTS,
  twoPartVideo,
} from "./upload-steps.ts";

const read = async (uploadId: string): Promise<Upload> =>
  (await call(`/v1/uploads/${uploadId}`)).json<Upload>();

async function sha256Base64(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return btoa(String.fromCharCode(...digest));
}

describe("a part", () => {
  test("is acknowledged with its etag, and listed for whoever resumes", async () => {
    const file = twoPartVideo();
    const upload = await openUpload(file.byteLength);
    const answer = await putPart(upload, 2, partOf(upload, file, 2));
    const part = await answer.json<{ etag: string }>();
    expect(part).toEqual({ partNumber: 2, etag: expect.any(String), size: 4096 });
    expect(answer.headers.get("etag")).toBe(`"${part.etag}"`);
    expect((await read(upload.uploadId)).parts).toEqual([part]);
  });

  test.each([
    ["too short", (bytes: Uint8Array) => [bytes.subarray(1)]],
    ["too long by the last chunk", (bytes: Uint8Array) => [bytes, new Uint8Array(1)]],
    ["too long in one chunk", (bytes: Uint8Array) => [padded(bytes, bytes.byteLength + 8)]],
    ["empty", () => []],
  ] as const)("that is %s is refused, and the good one before it stays", async (_how, spoil) => {
    const file = padded(clip("mp4"), 4096);
    const upload = await openUpload(file.byteLength);
    const good = await sendPart(upload, file, 1);

    const refused = await refusal(putPart(upload, 1, chunked(...spoil(file))));
    expect(refused).toMatchObject({ status: 400, code: "VALIDATION_ERROR" });
    expect(refused.detail).toContain("Part 1 must have exactly 4096 bytes");

    expect((await read(upload.uploadId)).parts).toEqual([good]);
    // The store still holds the good bytes under the good etag.
    const done = await complete(upload, { parts: [good] });
    expect(done.status).toBe(201);
    const { videoId } = await done.json<Video>();
    const content = await call(`/v1/videos/${videoId}/content`);
    expect(isSame(await content.bytes(), file)).toBe(true);
  });

  test("whose declared length is wrong is refused before it is read", async () => {
    const upload = await openUpload(4096);
    const refused = putPart(upload, 1, new Uint8Array(10), { "content-length": "10" });
    expect(await refusal(refused)).toMatchObject({ status: 400, code: "VALIDATION_ERROR" });
    expect((await read(upload.uploadId)).parts).toEqual([]);
  });

  test("is held to the digest that its sender gives", async () => {
    const file = twoPartVideo();
    const upload = await openUpload(file.byteLength);
    const bytes = partOf(upload, file, 1);
    const good = await sendPart(upload, file, 1);
    const digest = `sha-256=:${await sha256Base64(bytes)}:`;
    const spoilt = bytes.with(bytes.length - 1, 1);
    for (const body of [spoilt, chunked(spoilt)]) {
      const wrong = putPart(upload, 1, body, { "content-digest": digest });
      expect(await refusal(wrong)).toMatchObject({
        status: 400,
        code: "VALIDATION_ERROR",
        detail: "Part 1 does not have the SHA-256 of Content-Digest.",
      });
    }
    expect((await read(upload.uploadId)).parts).toEqual([good]);
    const again = await putPart(upload, 1, bytes, { "content-digest": digest });
    expect(again.status).toBe(200);
    const nonsense = putPart(upload, 1, bytes, { "content-digest": "sha-256=:AAAA:" });
    expect((await refusal(nonsense)).status).toBe(400);
    await sendPart(upload, file, 2);
    expect((await complete(upload)).status).toBe(201);
  });

  test.each([{ "content-encoding": "gzip" }, { "content-range": "bytes 0-4095/8392704" }])(
    "that is not the plain bytes of the whole part is refused: %o",
    async (headers) => {
      const file = padded(clip("mp4"), 4096);
      const upload = await openUpload(file.byteLength);
      const error = await refusal(putPart(upload, 1, file, headers));
      expect(error).toMatchObject({ status: 400, code: "VALIDATION_ERROR" });
      expect(error.detail.toLowerCase()).toContain(`the header ${Object.keys(headers)[0]} is`);
      expect((await read(upload.uploadId)).parts).toEqual([]);
    },
  );

  test("of unknown length is taken when it is exactly as long as planned", async () => {
    const file = padded(clip("mp4"), 4096);
    const upload = await openUpload(file.byteLength);
    const body = chunked(file.subarray(0, 100), new Uint8Array(), file.subarray(100));
    expect((await putPart(upload, 1, body)).status).toBe(200);
    expect((await complete(upload)).status).toBe(201);
  });

  test.each(["0", "3", "-1", "1.5", "x", "99999999999"])(
    "number that the plan does not have is refused: %s",
    async (partNumber) => {
      const upload = await openUpload(TWO_PARTS);
      const path = `/v1/uploads/${upload.uploadId}/parts/${partNumber}`;
      const refused = await refusal(call(path, { method: "PUT", body: new Uint8Array(4096) }));
      expect(refused).toMatchObject({ status: 400, code: "VALIDATION_ERROR" });
    },
  );

  test("sent again replaces the one before", async () => {
    const file = padded(clip("mp4"), 4096);
    const upload = await openUpload(file.byteLength);
    const old = await sendPart(upload, new Uint8Array(4096), 1);
    const good = await sendPart(upload, file, 1);
    expect((await read(upload.uploadId)).parts).toEqual([good]);
    expect(await refusal(complete(upload, { parts: [old] }))).toMatchObject({
      status: 409,
      code: "UPLOAD_INCOMPLETE",
      detail: "part 1 has another etag than the one listed.",
    });
    expect((await complete(upload, { parts: [good] })).status).toBe(201);
  });

  test("sent several times at once never makes the upload impossible to complete", async () => {
    const file = padded(clip("mp4"), 4096);
    const upload = await openUpload(file.byteLength);
    await Promise.all(Array.from({ length: 8 }, () => sendPart(upload, file, 1)));
    expect((await complete(upload)).status).toBe(201);
  });

  test("that arrives while its upload is completed hears that, not that there is none", async () => {
    const file = padded(clip("mp4"), 4096);
    const upload = await openUpload(file.byteLength);
    await sendPart(upload, file, 1);
    const body = new TransformStream<Uint8Array, Uint8Array>();
    const writer = body.writable.getWriter();
    const late = putPart(upload, 1, body.readable);
    await writer.write(file.subarray(0, 2048));
    expect((await complete(upload)).status).toBe(201);
    await writer.write(file.subarray(2048)).catch(() => {});
    await writer.close().catch(() => {});
    expect(await refusal(late)).toMatchObject({
      code: "VALIDATION_ERROR",
      detail: `Upload '${upload.uploadId}' is completed already.`,
    });
  });

  test("of a completed upload is refused", async () => {
    const file = padded(clip("mp4"), 4096);
    const upload = await openUpload(file.byteLength);
    await sendPart(upload, file, 1);
    await complete(upload);
    expect(await refusal(putPart(upload, 1, file))).toMatchObject({ code: "VALIDATION_ERROR" });
  });
});
