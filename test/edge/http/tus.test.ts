/** tus 1.0 over the real D1 and R2: offsets, tails, takeovers and refusals. */
import { describe, expect, test } from "vitest";
import { parseSettings } from "../../../edge/env.ts";
import { sweepUploads } from "../../../edge/media/sweep-uploads.ts";
import type { Video } from "../../../protocol/http/videos.ts";
import { ascii } from "../media/clips.ts";
import { call, makeKey, refusal, testEnv } from "./harness.ts";
import { isSame, twoPartVideo } from "./upload-steps.ts";

const PART = 8 * 1024 * 1024;
const SPEAKS = { "tus-resumable": "1.0.0" };
const file = twoPartVideo();

const named = (filename: string) => `filename ${btoa(filename)}`;

interface Creation {
  readonly key?: string;
  readonly length?: string;
  readonly metadata?: string;
  readonly headers?: Record<string, string>;
}

const create = ({ key, length, metadata = named("clip.mp4"), headers }: Creation = {}) =>
  call("/v1/tus", {
    method: "POST",
    ...(key === undefined ? {} : { key }),
    headers: {
      ...SPEAKS,
      "upload-length": length ?? String(file.byteLength),
      "upload-metadata": metadata,
      ...headers,
    },
  });

/** A body that sends `first`, waits until it is told to go on, and ends, behind `last` if there is one. */
function pausedBody(first: Uint8Array, last?: Uint8Array) {
  const gate = Promise.withResolvers<void>();
  const sent = Promise.withResolvers<void>();
  let step = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      step += 1;
      if (step === 1) return controller.enqueue(first);
      sent.resolve();
      await gate.promise;
      if (last !== undefined) controller.enqueue(last);
      controller.close();
    },
  });
  return { body, sent: sent.promise, goOn: gate.resolve };
}

async function open(creation: Creation = {}): Promise<string> {
  const answer = await create(creation);
  if (answer.status !== 201) throw new Error(`no upload: ${await answer.text()}`);
  return answer.headers.get("location") ?? "";
}

const append = (
  at: string,
  offset: number,
  body: BodyInit,
  headers: Record<string, string> = {},
  key?: string,
) =>
  call(at, {
    method: "PATCH",
    body,
    ...(key === undefined ? {} : { key }),
    headers: {
      ...SPEAKS,
      "upload-offset": String(offset),
      "content-type": "application/offset+octet-stream",
      ...headers,
    },
  });

const look = (at: string, key?: string) =>
  call(at, { method: "HEAD", headers: SPEAKS, ...(key === undefined ? {} : { key }) });

const offsetOf = async (at: string) => Number((await look(at)).headers.get("upload-offset"));

const uploadIdOf = (at: string) => at.slice(at.lastIndexOf("/") + 1);

async function videoOf(at: string): Promise<Video & { readonly bytes: Uint8Array }> {
  const upload = await (await call(`/v1/uploads/${uploadIdOf(at)}`)).json<{ videoId: string }>();
  const video = await (await call(`/v1/videos/${upload.videoId}`)).json<Video>();
  const content = await call(`/v1/videos/${upload.videoId}/content`);
  return { ...video, bytes: new Uint8Array(await content.arrayBuffer()) };
}

/** A body that breaks after these bytes, as a connection does. */
function breaking(bytes: Uint8Array): ReadableStream<Uint8Array> {
  let isSent = false;
  return new ReadableStream({
    pull(controller) {
      if (isSent) controller.error(new Error("the connection broke"));
      else controller.enqueue(bytes);
      isSent = true;
    },
  });
}

const tails = async (at: string) =>
  (await testEnv.MEDIA.list({ prefix: `tails/default/${uploadIdOf(at)}/` })).objects.length;

describe("a tus upload", () => {
  test("says without a key what it speaks", async () => {
    const answer = await call("/v1/tus", { method: "OPTIONS", key: null });
    expect(answer.status).toBe(204);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      "tus-resumable": "1.0.0",
      "tus-version": "1.0.0",
      "tus-extension": "creation,termination,expiration",
      "tus-max-size": "1000000000",
    });
  });

  test("is opened and asked about at an endpoint that ends in a slash, too", async () => {
    const answer = await call("/v1/tus/", {
      method: "POST",
      headers: { ...SPEAKS, "upload-length": "5", "upload-metadata": named("clip.mp4") },
    });
    expect(answer.status).toBe(201);
    const at = answer.headers.get("location") ?? "";
    expect(at).toMatch(/^\/v1\/tus\/upl_\w{26}$/);
    for (const path of ["/v1/tus/", at]) {
      const options = await call(path, { method: "OPTIONS", key: null });
      expect([options.status, options.headers.get("tus-version")]).toEqual([204, "1.0.0"]);
    }
  });

  test("sent in one request is a ready video with the same bytes", async () => {
    const at = await open({ metadata: `${named("my clip.mp4")},tape Nw==,empty` });
    expect(at).toMatch(/^\/v1\/tus\/upl_/);
    const answer = await append(at, 0, file);
    expect(answer.status).toBe(204);
    expect(answer.headers.get("upload-offset")).toBe(String(file.byteLength));
    expect(answer.headers.get("tus-resumable")).toBe("1.0.0");
    const video = await videoOf(at);
    expect(video).toMatchObject({ state: "ready", filename: "my clip.mp4" });
    expect(isSame(video.bytes, file)).toBe(true);
    expect(await offsetOf(at)).toBe(file.byteLength);
    const upload = await (await call(`/v1/uploads/${uploadIdOf(at)}`)).json();
    expect(upload).toMatchObject({ metadata: { tape: "7", empty: "" } });
  });

  test("sent in pieces of any size, across the borders of parts, is the same bytes, and leaves no tail", async () => {
    const at = await open();
    const cuts = [0, 1, 3_000_000, 3_000_001, PART - 1, PART + 1, file.byteLength];
    for (const [index, from] of cuts.slice(0, -1).entries()) {
      expect(await offsetOf(at)).toBe(from);
      const answer = await append(at, from, file.slice(from, cuts[index + 1]));
      expect([answer.status, answer.headers.get("upload-offset")]).toEqual([
        204,
        String(cuts[index + 1]),
      ]);
      expect(await tails(at)).toBeLessThanOrEqual(1);
    }
    expect(isSame((await videoOf(at)).bytes, file)).toBe(true);
    expect(await tails(at)).toBe(0);
  });

  test("goes on where its connection broke: every byte that arrived is kept", async () => {
    const at = await open();
    await append(at, 0, breaking(file.slice(0, 1_234_567)));
    expect(await offsetOf(at)).toBe(1_234_567);
    await append(at, 1_234_567, breaking(file.slice(1_234_567, PART + 10)));
    expect(await offsetOf(at)).toBe(PART + 10);
    expect((await append(at, PART + 10, file.slice(PART + 10))).status).toBe(204);
    expect(isSame((await videoOf(at)).bytes, file)).toBe(true);
  });

  test("takes bytes for no other offset than its own", async () => {
    const at = await open();
    await append(at, 0, file.slice(0, 100));
    for (const offset of [0, 99, 101, file.byteLength]) {
      expect(await refusal(append(at, offset, file.slice(0, 10)))).toMatchObject({
        status: 409,
        code: "UPLOAD_OFFSET_MISMATCH",
        detail: expect.stringContaining(`stands at 100 of ${file.byteLength}`),
      });
    }
    expect(await offsetOf(at)).toBe(100);
  });

  test("that is whole takes a last request again, if that has nothing more to send", async () => {
    const at = await open();
    expect((await append(at, 0, file)).status).toBe(204);
    const again = await append(at, file.byteLength, new Uint8Array());
    expect([again.status, again.headers.get("upload-offset")]).toEqual([
      204,
      String(file.byteLength),
    ]);
    expect(
      await refusal(await append(at, file.byteLength, ascii("more"), { "content-length": "4" })),
    ).toMatchObject({
      status: 400,
      code: "VALIDATION_ERROR",
    });
    expect(await refusal(await append(at, 0, file))).toMatchObject({
      status: 409,
      code: "UPLOAD_OFFSET_MISMATCH",
    });
  });

  test("has one writer: the one that comes later takes over, and the earlier one changes nothing more", async () => {
    const at = await open();
    const slow = pausedBody(file.slice(0, 50), ascii("x".repeat(1000)));
    const first = append(at, 0, slow.body);
    await slow.sent;
    expect((await append(at, 0, file.slice(0, 200))).status).toBe(204);
    slow.goOn();
    expect(await refusal(first)).toMatchObject({ status: 423, code: "UPLOAD_LOCKED" });
    expect(await offsetOf(at)).toBe(200);
    expect(await tails(at)).toBe(1);
    await append(at, 200, file.slice(200));
    expect(isSame((await videoOf(at)).bytes, file)).toBe(true);
  });

  test("ends its writer when somebody asks where to go on: the offset that was told stands", async () => {
    const at = await open();
    await append(at, 0, file.slice(0, 100));
    const slow = pausedBody(file.slice(100, 300));
    const aborted = append(at, 100, slow.body);
    await slow.sent;
    expect(await offsetOf(at)).toBe(100);
    slow.goOn();
    expect(await refusal(aborted)).toMatchObject({ status: 423, code: "UPLOAD_LOCKED" });
    expect((await append(at, 100, file.slice(100))).status).toBe(204);
    expect(isSame((await videoOf(at)).bytes, file)).toBe(true);
  });

  test("refuses more bytes than it announced, whether their number is told or not", async () => {
    const length = { length: "100" };
    const told = await open(length);
    const number = { "content-length": "101" };
    expect(await refusal(append(told, 0, file.slice(0, 101), number))).toMatchObject({
      status: 400,
      code: "VALIDATION_ERROR",
    });
    // Before anything was read: nothing is stored.
    expect(await offsetOf(told)).toBe(0);
    const untold = await open(length);
    const stream = new Response(file.slice(0, 101)).body as ReadableStream<Uint8Array>;
    const body = stream.pipeThrough(new TransformStream<Uint8Array, Uint8Array>());
    const refused = await refusal(append(untold, 0, body));
    expect(refused).toMatchObject({ status: 400, code: "VALIDATION_ERROR" });
    expect(refused.detail).toContain("100 bytes");
  });

  test("that is no video is refused with its last byte, and is gone", async () => {
    const text = ascii("this is a text that was renamed ".repeat(40));
    const at = await open({ length: String(text.byteLength) });
    expect(await refusal(append(at, 0, text))).toMatchObject({
      status: 415,
      code: "UNSUPPORTED_FORMAT",
    });
    expect((await look(at)).status).toBe(404);
  });

  test("can be given up, with its tail", async () => {
    const at = await open();
    await append(at, 0, file.slice(0, 1000));
    expect((await call(at, { method: "DELETE", headers: SPEAKS })).status).toBe(204);
    expect((await look(at)).status).toBe(404);
    expect((await append(at, 1000, file.slice(1000))).status).toBe(404);
    expect(await tails(at)).toBe(0);
  });

  test("expires, says when, and its tail goes with it", async () => {
    const at = await open();
    const expires = (await look(at)).headers.get("upload-expires") ?? "";
    expect(Date.parse(expires)).toBeGreaterThan(Date.now());
    await append(at, 0, file.slice(0, 1000));
    const settings = parseSettings(testEnv);
    if (settings.status !== "ok") throw new Error("bad settings");
    await sweepUploads(testEnv, settings.settings, Date.parse(expires) + 1000);
    expect((await look(at)).status).toBe(404);
    expect(await tails(at)).toBe(0);
  });

  test("whose last request died before its completion is completed by the next look, or by the sweep", async () => {
    const interrupted = async () => {
      const at = await open();
      await append(at, 0, file);
      const row = "update uploads set state = 'open', claimed_at = null where id = ?";
      await testEnv.DB.prepare(row).bind(uploadIdOf(at)).run();
      await testEnv.DB.prepare(
        "update videos set state = 'uploading', etag = null where id = (select video_id from uploads where id = ?)",
      )
        .bind(uploadIdOf(at))
        .run();
      return at;
    };
    const looked = await interrupted();
    expect(await offsetOf(looked)).toBe(file.byteLength);
    expect((await videoOf(looked)).state).toBe("ready");
    const swept = await interrupted();
    const settings = parseSettings(testEnv);
    if (settings.status !== "ok") throw new Error("bad settings");
    await sweepUploads(testEnv, settings.settings, Date.now());
    expect((await videoOf(swept)).state).toBe("ready");
  });

  test("of another account answers like one that never was", async () => {
    const at = await open();
    const stranger = await makeKey(["read", "write"], "tus-stranger");
    const missing = "/v1/tus/upl_01KAPZ5Y7M3T3V1H1ZK3N0Q9RA";
    for (const ask of [
      (target: string) => append(target, 0, file.slice(0, 10), {}, stranger),
      (target: string) => call(target, { method: "DELETE", key: stranger, headers: SPEAKS }),
    ]) {
      const [theirs, none] = [await refusal(ask(at)), await refusal(ask(missing))];
      expect(theirs.status).toBe(404);
      expect(theirs.detail.replace(uploadIdOf(at), "")).toBe(
        none.detail.replace(uploadIdOf(missing), ""),
      );
    }
    expect((await look(at, stranger)).status).toBe(404);
    expect(await offsetOf(at)).toBe(0);
    // Nor does their look end the owner's writer.
    const slow = pausedBody(file.slice(0, 50), file.slice(50, 100));
    const written = append(at, 0, slow.body);
    await slow.sent;
    expect((await look(at, stranger)).status).toBe(404);
    slow.goOn();
    expect((await written).headers.get("upload-offset")).toBe("100");
  });

  test("is taken through POST by clients that can send nothing else", async () => {
    const at = await open();
    const sent = await call(at, {
      method: "POST",
      body: file.slice(0, 10),
      headers: {
        ...SPEAKS,
        "x-http-method-override": "PATCH",
        "upload-offset": "0",
        "content-type": "application/offset+octet-stream",
      },
    });
    expect([sent.status, sent.headers.get("upload-offset")]).toEqual([204, "10"]);
  });

  test.each([
    ["without a version", () => create({ headers: { "tus-resumable": "" } }), 412, "1.0.0"],
    ["of another version", () => create({ headers: { "tus-resumable": "0.2.2" } }), 412, "0.2.2"],
    ["without a length", () => create({ length: "" }), 400, "Upload-Length"],
    ["of no bytes", () => create({ length: "0" }), 400, "Upload-Length"],
    [
      "of a size told later",
      () => create({ headers: { "upload-defer-length": "1" } }),
      400,
      "Defer",
    ],
    [
      "that is a part of another",
      () => create({ headers: { "upload-concat": "partial" } }),
      400,
      "Concat",
    ],
    ["over the limit", () => create({ length: "1000000001" }), 413, "1001 MB"],
    ["without a name", () => create({ metadata: "tape Nw==" }), 400, "'filename'"],
    ["of a kind it does not take", () => create({ metadata: named("a.txt") }), 415, "'a.txt'"],
    ["with metadata that is no Base64", () => create({ metadata: "filename ~" }), 400, "Base64"],
    [
      "with a key twice",
      () => create({ metadata: `${named("a.mp4")},${named("b.mp4")}` }),
      400,
      "once",
    ],
  ])("%s is refused with the reason", async (_, ask, status, names) => {
    const answer = await ask();
    expect(answer.headers.get("tus-resumable")).toBe("1.0.0");
    if (status === 412) expect(answer.headers.get("tus-version")).toBe("1.0.0");
    const refused = await refusal(answer);
    expect([refused.status, refused.detail]).toEqual([status, expect.stringContaining(names)]);
  });

  test("takes no other type of body", async () => {
    const at = await open();
    const refused = await refusal(append(at, 0, "{}", { "content-type": "application/json" }));
    expect(refused).toMatchObject({ status: 415 });
    expect(refused.detail).toContain("application/offset+octet-stream");
  });
});
