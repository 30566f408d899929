import { beforeEach, describe, expect, test } from "vitest";
import {
  claimKey,
  dropClaim,
  keepAnswer,
  sweepIdempotency,
} from "../../../edge/catalogue/idempotency.ts";
import type { Job } from "../../../protocol/http/jobs.ts";
import type { Video } from "../../../protocol/http/videos.ts";
import { clip } from "../media/clips.ts";
import { FakePool } from "./fake-pool.ts";
import { type CallOptions, call, makeKey, makeVideo, refusal, testEnv } from "./harness.ts";

let pool: FakePool;
beforeEach(() => {
  pool = new FakePool();
});

const post = (path: string, json: unknown, key: string, options: CallOptions = {}) =>
  call(path, { env: pool.env, ...options, json, headers: { "idempotency-key": key } });

const kept = (httpStatus: number, answer: string) => ({ httpStatus, answer, fingerprint: null });

const work = (videoId: string) => ({ videoId, recipe: { name: "webReady" } });

describe("the same key and file", () => {
  const send = (body: BodyInit, key: string, type = "video/mp4") =>
    call("/v1/videos?filename=clip.mp4", {
      body,
      headers: { "idempotency-key": key, "content-type": type },
    });
  const form = (bytes: Uint8Array<ArrayBuffer>) => {
    const fields = new FormData();
    fields.set("file", new File([bytes], "other.mp4"));
    return fields;
  };

  test("give one video; another file of the same length is a mismatch", async () => {
    const file = clip("mp4");
    const first = await (await send(file, "file")).json<Video>();
    const again = await send(file, "file");
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect((await again.json<Video>()).videoId).toBe(first.videoId);
    const other = file.with(file.length - 1, 1);
    for (const body of [other, other.subarray(0, 9)]) {
      expect(await refusal(send(body, "file"))).toMatchObject({
        status: 422,
        code: "IDEMPOTENCY_MISMATCH",
      });
    }
  });

  test("are the same in a form, whatever its boundary", async () => {
    const post = (bytes: Uint8Array<ArrayBuffer>) =>
      call("/v1/videos", { body: form(bytes), headers: { "idempotency-key": "form" } });
    const first = await (await post(clip("mp4"))).json<Video>();
    expect((await (await post(clip("mp4"))).json<Video>()).videoId).toBe(first.videoId);
    const other = clip("mp4").with(clip("mp4").length - 1, 1);
    expect((await refusal(post(other))).code).toBe("IDEMPOTENCY_MISMATCH");
  });
});

describe("the same key and body", () => {
  test("answer with the first answer, under either prefix, and submit once", async () => {
    const json = work(await makeVideo());
    const first = await post("/v1/jobs", json, "k1");
    const again = await post("/v1/jobs", json, "k1");
    const prefixed = await post("/api/v1/jobs", json, "k1");
    expect([first.status, again.status, prefixed.status]).toEqual([202, 202, 202]);
    const text = await first.text();
    expect(await again.text()).toBe(text);
    expect(await prefixed.text()).toBe(text);
    expect(first.headers.get("idempotency-replayed")).toBeNull();
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(again.headers.get("location")).toBe(first.headers.get("location"));
    expect(again.headers.get("content-type")).toBe("application/json");
    expect(pool.submitted).toHaveLength(1);
  });

  test("of twenty at once run once, and all get that answer", async () => {
    const json = work(await makeVideo());
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => post("/v1/jobs", json, "race")),
    );
    const texts = new Set(await Promise.all(answers.map((answer) => answer.text())));
    expect(texts.size).toBe(1);
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([202]));
    expect(pool.submitted).toHaveLength(1);
  });

  test("repeat a refusal that would recur", async () => {
    const json = work("vid_none");
    const first = await (await post("/v1/jobs", json, "refused")).text();
    expect(await (await post("/v1/jobs", json, "refused")).text()).toBe(first);
  });

  test("try again after a refusal that says it may pass", async () => {
    const videoId = await makeVideo("default", "uploading");
    expect((await post("/v1/jobs", work(videoId), "later")).status).toBe(409);
    await testEnv.DB.prepare("update videos set state = 'ready', etag = 'e' where id = ?")
      .bind(videoId)
      .run();
    expect((await post("/v1/jobs", work(videoId), "later")).status).toBe(202);
  });

  test("try again after an answer from 500 up", async () => {
    const json = work(await makeVideo());
    const { jobId } = await (await call("/v1/jobs", { env: pool.env, json })).json<Job>();
    pool.broken = new Error("gone");
    expect((await post(`/v1/jobs/${jobId}/cancel`, {}, "cancel")).status).toBe(500);
    pool.broken = null;
    expect((await post(`/v1/jobs/${jobId}/cancel`, {}, "cancel")).status).toBe(200);
  });

  test("leave out the secret of a key and of a worker's token when replayed", async () => {
    for (const [path, json, field] of [
      ["/v1/keys", { name: "x", scopes: ["read"] }, "key"],
      ["/v1/workers/tokens", { name: "x" }, "token"],
    ] as const) {
      const first = await (await post(path, json, `secret-${field}`)).json<
        Record<string, string>
      >();
      const { [field]: secret, ...rest } = first;
      expect(secret).toBeTypeOf("string");
      const replayed = await (await post(path, json, `secret-${field}`)).json();
      expect(replayed).toEqual(rest);
      const kept = await testEnv.DB.prepare("select answer from idempotency where key = ?")
        .bind(`secret-${field}`)
        .first<{ answer: string }>();
      expect(kept?.answer).not.toContain(secret);
    }
  });

  test("make the same job when the first try died between the insert and its answer", async () => {
    const json = work(await makeVideo());
    const { jobId } = await (await post("/v1/jobs", json, "crash")).json<Job>();
    // What a try leaves that died then: the claim, old by now, and no answer.
    await testEnv.DB.prepare(
      "update idempotency set status = null, answer = null, claimed_at = 0 where key = 'crash'",
    ).run();
    const again = await post("/v1/jobs", json, "crash");
    expect(again.status).toBe(202);
    expect((await again.json<Job>()).jobId).toBe(jobId);
  });
});

describe("the same key", () => {
  test("with another body, path or query is IDEMPOTENCY_MISMATCH", async () => {
    const json = work(await makeVideo());
    await post("/v1/jobs", json, "once");
    for (const other of [
      post("/v1/jobs", { ...json, priority: 1 }, "once"),
      post("/v1/presets", json, "once"),
      post("/v1/jobs?x=1", json, "once"),
    ]) {
      expect(await refusal(other)).toMatchObject({
        status: 422,
        code: "IDEMPOTENCY_MISMATCH",
        message: "The idempotency key was used with another request.",
        detail: "The Idempotency-Key 'once' was first used with another request.",
        retryable: false,
      });
    }
  });

  test("of another account is another key", async () => {
    const json = { name: "P", recipe: { name: "webReady" } };
    const key = await makeKey(["write"], "other-keys");
    const mine = await (await post("/v1/presets", json, "shared")).json();
    const theirs = await (await post("/v1/presets", json, "shared", { key })).json();
    expect(theirs).not.toEqual(mine);
  });

  test("gives a key with fewer scopes nothing of what another key was answered", async () => {
    const json = { name: "x", scopes: ["read"] };
    await post("/v1/keys", json, "scoped");
    const key = await makeKey(["read"]);
    expect((await post("/v1/keys", json, "scoped", { key })).status).toBe(422);
  });

  test.each(["", "x".repeat(256), "snow☃"])("%j is refused as a key", async (key) => {
    const headers = new Headers({ "content-type": "application/json" });
    const answer = call("/v1/keys", {
      method: "POST",
      body: "{}",
      headers: {
        ...Object.fromEntries(headers),
        // A header's value is a byte string.
        "idempotency-key": unescape(encodeURIComponent(key)),
      },
    });
    expect(await refusal(answer)).toMatchObject({
      status: 400,
      code: "VALIDATION_ERROR",
      detail: "The header Idempotency-Key must be 1 to 255 printable ASCII characters.",
    });
  });
});

describe("claims", () => {
  const request = (key: string) => ({ accountId: "default", key, requestHash: "h" });

  test("a stale claim is taken over by one caller, under the time of the first", async () => {
    await claimKey(testEnv.DB, request("stale"), 1000, 60_000);
    expect(await claimKey(testEnv.DB, request("stale"), 61_000, 60_000)).toEqual({
      status: "in_progress",
    });
    const takers = await Promise.all(
      Array.from({ length: 5 }, () => claimKey(testEnv.DB, request("stale"), 61_001, 60_000)),
    );
    expect(takers.filter(({ status }) => status === "claimed")).toEqual([
      { status: "claimed", createdAt: 1000, claimedAt: 61_001 },
    ]);
  });

  test("one that was taken over is given up by its new holder alone: the old one lets nobody run beside that", async () => {
    const key = request("taken-over");
    await claimKey(testEnv.DB, key, 1000, 60_000);
    await claimKey(testEnv.DB, key, 61_001, 60_000);
    await dropClaim(testEnv.DB, key, 1000);
    expect((await claimKey(testEnv.DB, key, 61_002, 60_000)).status).toBe("in_progress");
    await dropClaim(testEnv.DB, key, 61_001);
    expect((await claimKey(testEnv.DB, key, 61_003, 60_000)).status).toBe("claimed");
  });

  test("the first answer stays, whoever answers later", async () => {
    await claimKey(testEnv.DB, request("first"), 1000, 60_000);
    await keepAnswer(testEnv.DB, request("first"), kept(202, "one"));
    await keepAnswer(testEnv.DB, request("first"), kept(409, "two"));
    expect(await claimKey(testEnv.DB, request("first"), 2000, 60_000)).toEqual({
      status: "answered",
      httpStatus: 202,
      answer: "one",
      fingerprint: null,
    });
  });

  test("an answer is forgotten after a day, with and without the sweep", async () => {
    const day = 24 * 60 * 60 * 1000;
    for (const key of ["swept", "unswept"]) {
      await claimKey(testEnv.DB, request(key), 1000, 60_000);
      await keepAnswer(testEnv.DB, request(key), kept(202, "old"));
    }
    expect((await claimKey(testEnv.DB, request("unswept"), 1000 + day, 1)).status).toBe("answered");
    expect((await claimKey(testEnv.DB, request("unswept"), 1001 + day, 1)).status).toBe("claimed");
    await sweepIdempotency(testEnv.DB, 1001 + day, 1_000);
    const left = await testEnv.DB.prepare(
      "select key from idempotency where created_at = 1000",
    ).all();
    expect(left.results).toEqual([]);
  });
});
