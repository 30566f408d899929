import { env } from "cloudflare:workers";
import { describe, expect, test } from "vitest";
import type { Video } from "../../../protocol/http/videos.ts";
import { ascii, aviStart, clip, join, padded } from "../media/clips.ts";
import { call, makeKey, refusal, testEnv } from "./harness.ts";
import { chunked, isSame, openUpload, sendPart, TWO_PARTS, uploadWhole } from "./upload-steps.ts";

const send = (body: BodyInit, query = "?filename=clip.mp4", headers: Record<string, string> = {}) =>
  call(`/v1/videos${query}`, { body, headers });

const form = (file: Uint8Array<ArrayBuffer>, filename = "clip.mp4", field = "file") => {
  const data = new FormData();
  data.set(field, new File([file], filename));
  return data;
};

/** With MAX_FILE_SIZE_MB at 1. */
const smallEnv = { ...testEnv, MAX_FILE_SIZE_MB: "1" };

const leftovers = async () => {
  const rows = await env.DB.prepare(
    `SELECT (SELECT count(*) FROM uploads WHERE mode = 'streamed') AS uploads,
       (SELECT count(*) FROM videos WHERE state = 'uploading') AS videos,
       (SELECT count(*) FROM doomed_objects) AS doomed`,
  ).first<Record<"uploads" | "videos" | "doomed", number>>();
  return { ...rows, objects: (await env.MEDIA.list({ prefix: "sources/" })).objects.length };
};

describe("a video in one request", () => {
  test.each(["/v1/videos", "/v1/videos/upload", "/api/v1/videos"])(
    "is taken as the body itself: %s",
    async (path) => {
      const answer = await call(`${path}?filename=clip.webm`, { body: clip("webm") });
      expect(answer.status).toBe(201);
      const video = await answer.json<Video>();
      expect(video).toMatchObject({
        filename: "clip.webm",
        size: clip("webm").byteLength,
        contentType: "video/webm",
        state: "ready",
        metadata: { format: "webm", videoCodec: "vp9", audioCodec: "opus" },
      });
      const content = await call(`/v1/videos/${video.videoId}/content`);
      expect(isSame(await content.bytes(), clip("webm"))).toBe(true);
    },
  );

  test("is taken as a form's field, under the form's file name, made harmless", async () => {
    const answer = await send(form(clip("mp4"), "../x/clip\u202e.mp4"), "");
    expect(answer.status).toBe(201);
    expect(await answer.json()).toMatchObject({ filename: "clip.mp4", state: "ready" });
  });

  test("of unknown length and several parts arrives byte for byte", async () => {
    const file = padded(clip("mp4"), TWO_PARTS);
    const before = await leftovers();
    const pieces = [
      file.subarray(0, 70_000),
      file.subarray(70_000, 9_000_000),
      file.subarray(9_000_000),
    ];
    const answer = await send(chunked(...pieces));
    expect(answer.status).toBe(201);
    const { videoId, size } = await answer.json<Video>();
    expect(size).toBe(TWO_PARTS);
    const content = await call(`/v1/videos/${videoId}/content`);
    expect(isSame(await content.bytes(), file)).toBe(true);
    expect(await leftovers()).toEqual({ ...before, objects: before.objects + 1 });
  });

  test("that ends within its first box is refused, in one request as in parts", async () => {
    const cut = clip("mp4").slice(0, 12);
    const whole = await refusal(send(cut));
    expect(whole).toMatchObject({ status: 415, code: "UNSUPPORTED_FORMAT" });
    const upload = await openUpload(cut.byteLength);
    await sendPart(upload, cut, 1);
    const parts = await refusal(call(`/v1/uploads/${upload.uploadId}/complete`, { json: {} }));
    expect(parts).toMatchObject({ status: 415, detail: whole.detail });
  });

  test("of AVI has no metadata until a worker looks", async () => {
    const answer = await send(join(aviStart(), new Uint8Array(100)), "?filename=a.avi");
    expect(await answer.json()).toMatchObject({ contentType: "video/x-msvideo", metadata: null });
  });

  test.each([
    ["text named .mp4", ascii("hello\n"), "?filename=a.mp4", 415, "UNSUPPORTED_FORMAT"],
    ["another extension", clip("mp4"), "?filename=a.txt", 415, "UNSUPPORTED_FORMAT"],
    ["an empty file", new Uint8Array(), "?filename=a.mp4", 400, "VALIDATION_ERROR"],
    ["no file name", clip("mp4"), "", 400, "VALIDATION_ERROR"],
    ["an unknown parameter", clip("mp4"), "?filename=a.mp4&name=b", 400, "VALIDATION_ERROR"],
  ] as const)("is refused, and leaves nothing: %s", async (_, body, query, status, code) => {
    const before = await leftovers();
    expect(await refusal(send(body, query))).toMatchObject({ status, code });
    expect(await leftovers()).toEqual(before);
  });

  test.each([
    ["no field 'file'", form(clip("mp4"), "a.mp4", "video"), "'video'"],
    [
      "a form that is cut off",
      ascii(
        '--b\r\nContent-Disposition: form-data; name="file"; filename="a.mp4"\r\n\r\n\0\0\0\x20ftypisom',
      ),
      "closing boundary",
    ],
    ["a form that is none", ascii("hello"), "closing boundary"],
  ] as const)("as a form is refused, and leaves nothing: %s", async (_, body, named) => {
    const before = await leftovers();
    const headers: Record<string, string> =
      body instanceof FormData ? {} : { "content-type": "multipart/form-data; boundary=b" };
    const refused = await refusal(send(body, "", headers));
    expect(refused).toMatchObject({ status: 400, code: "VALIDATION_ERROR" });
    expect(refused.detail).toContain(named);
    expect(await leftovers()).toEqual(before);
  });

  test("over the limit is refused by its declared length, and by the bytes that arrive", async () => {
    const file = padded(clip("mp4"), 1_000_001);
    const before = await leftovers();
    const tooLarge = {
      status: 413,
      code: "FILE_TOO_LARGE",
      detail: "File size is 2 MB. Maximum allowed is 1 MB.",
    };
    const request = (body: BodyInit, headers: Record<string, string>) =>
      refusal(call("/v1/videos?filename=a.mp4", { body, headers, env: smallEnv }));
    expect(await request(file, { "content-length": String(file.byteLength) })).toMatchObject(
      tooLarge,
    );
    expect(await request(chunked(file), {})).toMatchObject(tooLarge);
    expect(await request(form(file), {})).toMatchObject(tooLarge);
    expect(await leftovers()).toEqual(before);
  });

  test("that breaks off in its second part leaves no part behind", async () => {
    const file = padded(clip("mp4"), TWO_PARTS);
    const before = await leftovers();
    let sent = false;
    const broken = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent) controller.error(new Error("the client went away"));
        else controller.enqueue(file);
        sent = true;
      },
    });
    expect((await send(broken)).status).toBe(500);
    expect(await leftovers()).toEqual(before);
  });
});

describe("a video's content", () => {
  test("is served whole, in ranges, and by its head alone", async () => {
    const file = clip("mp4");
    const { videoId } = await uploadWhole(file, "héllo wörld.mp4");
    const path = `/v1/videos/${videoId}/content`;

    const whole = await call(path);
    expect(whole.headers.get("content-type")).toBe("video/mp4");
    expect(whole.headers.get("content-disposition")).toContain("filename*=UTF-8''h%C3%A9llo");
    expect(isSame(await whole.bytes(), file)).toBe(true);

    const range = await call(path, { headers: { range: "bytes=4-7" } });
    expect(range.status).toBe(206);
    expect(await range.text()).toBe("ftyp");

    const head = await call(path, { method: "HEAD" });
    expect(head.headers.get("content-length")).toBe(String(file.byteLength));
    expect(await head.text()).toBe("");
  });

  test("is not there while the upload is not complete", async () => {
    const { videoId } = await openUpload(4096);
    expect(await refusal(call(`/v1/videos/${videoId}/content`))).toMatchObject({
      status: 409,
      code: "UPLOAD_INCOMPLETE",
    });
  });
});

describe("the list of videos", () => {
  test("is the account's own, newest first, a page at a time, each video once", async () => {
    const key = await makeKey(["read", "write"], "lister");
    const made: string[] = [];
    for (let i = 0; i < 5; i++) {
      const answer = await call("/v1/videos?filename=a.mp4", { key, body: clip("mp4") });
      made.push((await answer.json<Video>()).videoId);
    }
    const seen: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const query: string = cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`;
      const page = await (await call(`/v1/videos?limit=2${query}`, { key })).json<{
        videos: Video[];
        nextCursor: string | null;
      }>();
      expect(page.videos.length).toBeLessThanOrEqual(2);
      seen.push(...page.videos.map((video) => video.videoId));
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(made.toSorted().reverse());
  });

  test.each(["?limit=0", "?limit=201", "?limit=x", "?cursor=nonsense", "?page=2"])(
    "refuses %s",
    async (query) => {
      expect(await refusal(call(`/v1/videos${query}`))).toMatchObject({
        status: 400,
        code: "VALIDATION_ERROR",
      });
    },
  );
});

describe("deleting a video", () => {
  const remove = (videoId: string) => call(`/v1/videos/${videoId}`, { method: "DELETE" });

  test("takes row and object, and from then on it is like one that never was", async () => {
    const { videoId } = await uploadWhole(clip("mp4"));
    expect((await remove(videoId)).status).toBe(204);
    for (const refused of [
      call(`/v1/videos/${videoId}`),
      call(`/v1/videos/${videoId}/content`),
      remove(videoId),
    ]) {
      expect(await refusal(refused)).toMatchObject({
        status: 404,
        code: "VIDEO_NOT_FOUND",
        detail: `No video with id '${videoId}' exists.`,
      });
    }
    expect(await env.MEDIA.head(`sources/default/${videoId}`)).toBeNull();
    expect((await leftovers()).doomed).toBe(0);
  });

  test("under a live job is refused and names the job; after it, it is done", async () => {
    const { videoId } = await uploadWhole(clip("mp4"));
    await env.DB.prepare("INSERT INTO active_inputs (video_id, job_id) VALUES (?, 'job_x')")
      .bind(videoId)
      .run();
    const refused = await refusal(remove(videoId));
    expect(refused).toMatchObject({ status: 409, code: "JOB_ALREADY_PROCESSING" });
    expect(refused.detail).toContain("'job_x'");
    expect((await call(`/v1/videos/${videoId}/content`)).status).toBe(200);

    await env.DB.prepare("DELETE FROM active_inputs WHERE job_id = 'job_x'").run();
    expect((await remove(videoId)).status).toBe(204);
  });

  test("while it is being uploaded ends the upload, too", async () => {
    const file = clip("mp4");
    const upload = await openUpload(file.byteLength);
    await sendPart(upload, file, 1);
    expect((await remove(upload.videoId)).status).toBe(204);
    expect((await call(`/v1/uploads/${upload.uploadId}`)).status).toBe(404);
    const rows = await env.DB.prepare("SELECT count(*) AS n FROM uploads WHERE id = ?")
      .bind(upload.uploadId)
      .first();
    expect(rows).toEqual({ n: 0 });
  });
});

describe("a video's privacy", () => {
  test("makes another account's video answer exactly like a missing one", async () => {
    const { videoId } = await uploadWhole(clip("mp4"));
    const key = await makeKey(["read", "write"], "stranger");
    const missing = "vid_01KAPZ5Y7M3T3V1H1ZK3N0Q9RA";
    await env.DB.prepare("INSERT INTO active_inputs (video_id, job_id) VALUES (?, 'job_secret')")
      .bind(videoId)
      .run();
    const requests = [
      (id: string) => call(`/v1/videos/${id}`, { key }),
      (id: string) => call(`/v1/videos/${id}/content`, { key }),
      (id: string) => call(`/v1/videos/${id}`, { key, method: "DELETE" }),
    ];
    for (const request of requests) {
      const [a, b] = await Promise.all(
        [videoId, missing].map(async (id) => {
          const answer = await request(id);
          const text = (await answer.text()).replaceAll(id, "ID");
          return { status: answer.status, text: text.replace(/"requestId":"[^"]*"/, "") };
        }),
      );
      expect(a?.status).toBe(404);
      expect(a).toEqual(b);
    }
    const listed = await (await call("/v1/videos", { key })).text();
    expect(listed).not.toContain(videoId);
    expect((await call(`/v1/videos/${videoId}`)).status).toBe(200);
  });
});
