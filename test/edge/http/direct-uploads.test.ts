import { describe, expect, test } from "vitest";
import type { Env } from "../../../edge/env.ts";
import type { CreatedUpload } from "../../../protocol/http/uploads.ts";
import { clip, padded } from "../media/clips.ts";
import { localS3 } from "../media/local-s3.ts";
import { call, refusal, testEnv } from "./harness.ts";
import { isSame, openUpload, partOf, TWO_PARTS } from "./upload-steps.ts";

const s3 = await localS3();

/** Direct mode, on the local runtime's S3 endpoint. */
const directEnv: Env = {
  ...testEnv,
  S3_ENDPOINT: s3.endpoint,
  R2_ACCESS_KEY_ID: s3.accessKeyId,
  R2_SECRET_ACCESS_KEY: s3.secretAccessKey,
};

interface PartUrls {
  parts: { partNumber: number; url: string; size: number }[];
  expiresAt: string;
}

const post = (upload: CreatedUpload, what: string, json: unknown) =>
  call(`/v1/uploads/${upload.uploadId}/${what}`, { json, env: directEnv });

async function sendDirect(upload: CreatedUpload, file: Uint8Array<ArrayBuffer>) {
  const numbers = Array.from({ length: upload.partCount }, (_, i) => i + 1);
  const answer = await post(upload, "part-urls", { partNumbers: numbers });
  const { parts } = await answer.json<PartUrls>();
  return Promise.all(
    parts.map(async ({ partNumber, url }) => {
      const put = await fetch(url, { method: "PUT", body: partOf(upload, file, partNumber) });
      if (!put.ok) throw new Error(await put.text());
      return { partNumber, etag: put.headers.get("etag") ?? "" };
    }),
  );
}

describe("a direct upload", () => {
  test("goes past the edge in parts and becomes the same video", async () => {
    const file = padded(clip("mp4"), TWO_PARTS);
    const upload = await openUpload(file.byteLength, { env: directEnv });
    expect(upload.mode).toBe("direct");
    const parts = await sendDirect(upload, file);
    const done = await post(upload, "complete", { parts: parts.toReversed() });
    expect(done.status).toBe(201);
    expect(await done.json()).toMatchObject({ videoId: upload.videoId, size: TWO_PARTS });
    const content = await call(`/v1/videos/${upload.videoId}/content`, { env: directEnv });
    expect(isSame(await content.bytes(), file)).toBe(true);
    // Again, and without the list: the same video.
    expect((await post(upload, "complete", {})).status).toBe(201);
  });

  test("takes no bytes through tus: those would not be where its parts are", async () => {
    const upload = await openUpload(TWO_PARTS, { env: directEnv });
    const patch = call(`/v1/tus/${upload.uploadId}`, {
      method: "PATCH",
      body: new Uint8Array(10),
      env: directEnv,
      headers: {
        "tus-resumable": "1.0.0",
        "upload-offset": "0",
        "content-type": "application/offset+octet-stream",
      },
    });
    expect(await refusal(patch)).toMatchObject({ status: 404, code: "NOT_FOUND" });
  });

  test("says how long its URLs live and how large each part is", async () => {
    const upload = await openUpload(TWO_PARTS, { env: directEnv });
    const answer = await (await post(upload, "part-urls", { partNumbers: [2] })).json<PartUrls>();
    expect(answer.parts).toMatchObject([{ partNumber: 2, size: 4096 }]);
    expect(Date.parse(answer.expiresAt)).toBeGreaterThan(Date.now());
  });

  test("needs the client's list, and every part in it", async () => {
    const upload = await openUpload(TWO_PARTS, { env: directEnv });
    expect(await refusal(post(upload, "complete", {}))).toMatchObject({
      status: 409,
      code: "UPLOAD_INCOMPLETE",
      detail: "parts is required to complete a direct upload.",
    });
    const half = post(upload, "complete", { parts: [{ partNumber: 2, etag: "x" }] });
    expect(await refusal(half)).toMatchObject({ detail: "part 1 is not listed." });
  });

  test("under an etag the store never gave stays open", async () => {
    const file = padded(clip("mp4"), 4096);
    const upload = await openUpload(file.byteLength, { env: directEnv });
    const parts = await sendDirect(upload, file);
    const wrong = post(upload, "complete", { parts: [{ partNumber: 1, etag: "0".repeat(32) }] });
    expect(await refusal(wrong)).toMatchObject({ status: 409, code: "UPLOAD_INCOMPLETE" });
    expect((await post(upload, "complete", { parts })).status).toBe(201);
  });

  test("of another size than announced is refused once it has arrived", async () => {
    const file = padded(clip("mp4"), 4096);
    const upload = await openUpload(4095, { env: directEnv });
    const parts = await sendDirect(upload, file.slice(0, 4095));
    const [answer] = (
      await (await post(upload, "part-urls", { partNumbers: [1] })).json<PartUrls>()
    ).parts;
    const put = await fetch(answer?.url ?? "", { method: "PUT", body: file });
    const longer = [{ partNumber: 1, etag: put.headers.get("etag") ?? "" }];
    expect(parts).toHaveLength(1);
    expect(await refusal(post(upload, "complete", { parts: longer }))).toMatchObject({
      status: 409,
      code: "UPLOAD_INCOMPLETE",
      detail: "4096 bytes arrived instead of 4095; start a new upload.",
    });
    expect((await call(`/v1/videos/${upload.videoId}`, { env: directEnv })).status).toBe(404);
  });

  test("takes no part through the edge, and no URL of a part it does not have", async () => {
    const upload = await openUpload(10, { env: directEnv });
    const path = `/v1/uploads/${upload.uploadId}/parts/1`;
    const put = call(path, { method: "PUT", body: new Uint8Array(10), env: directEnv });
    expect(await refusal(put)).toMatchObject({ status: 400, code: "VALIDATION_ERROR" });
    expect(await refusal(post(upload, "part-urls", { partNumbers: [2] }))).toMatchObject({
      status: 400,
      code: "VALIDATION_ERROR",
    });
  });
});
