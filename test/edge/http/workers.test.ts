import { env as workerEnv } from "cloudflare:workers";
import { beforeEach, describe, expect, test } from "vitest";
import { recordHellos } from "../../../edge/catalogue/worker-hello.ts";
import type { CreatedWorkerToken, Worker } from "../../../protocol/http/workers.ts";
import { SUBPROTOCOL } from "../../../protocol/messages.ts";
import { FakePool } from "./fake-pool.ts";
import { type CallOptions, call, makeKey, refusal, testEnv } from "./harness.ts";

let pool: FakePool;
beforeEach(() => {
  pool = new FakePool();
});

const ask = (path: string, options: CallOptions = {}) =>
  call(`/v1/workers${path}`, { env: pool.env, ...options });

async function makeWorker(
  json: Record<string, unknown> = { name: "gpu-1" },
  options: CallOptions = {},
): Promise<CreatedWorkerToken> {
  const answer = await ask("/tokens", { json, ...options });
  if (answer.status !== 201) throw new Error(await answer.text());
  return answer.json();
}

const dial = (headers: Record<string, string>) =>
  ask("/connect", {
    key: null,
    headers: { upgrade: "websocket", "sec-websocket-protocol": SUBPROTOCOL, ...headers },
  });

describe("a worker's token", () => {
  test("is shown once, stored as a hash, and its pool is registered", async () => {
    const created = await makeWorker({ name: "gpu-1", pool: "nvenc", expiresInSeconds: 60 });
    expect(created).toMatchObject({ name: "gpu-1", pool: "nvenc" });
    expect(created.token).toMatch(/^wkt_[\w-]{43}$/);
    const row = await testEnv.DB.prepare("select * from workers where id = ?")
      .bind(created.workerId)
      .first();
    expect(JSON.stringify(row)).not.toContain(created.token);
    const registered = await testEnv.DB.prepare(
      "select shards from pools where name = 'nvenc'",
    ).first();
    expect(registered).toEqual({ shards: 1 });
    expect(await (await ask("")).text()).not.toContain(created.token);
  });

  test("is no API key, and an API key is no token", async () => {
    const { token } = await makeWorker();
    expect((await call("/v1/jobs", { key: token })).status).toBe(401);
    const key = await makeKey(["admin"]);
    expect((await dial({ authorization: `Bearer ${key}` })).status).toBe(401);
  });

  test("is made by admins alone", async () => {
    const key = await makeKey(["read", "write"]);
    expect(await refusal(ask("/tokens", { json: { name: "x" }, key }))).toMatchObject({
      status: 403,
      code: "FORBIDDEN",
    });
  });

  test.each([
    [{}, "name is required"],
    [
      { name: "x", pool: "No Slug" },
      "pool must be 1 to 64 lower-case letters, digits or inner hyphens",
    ],
    [{ name: "x", slots: 2 }, "The body has unknown field 'slots'"],
    [{ name: "x", expiresInSeconds: "1" }, "expiresInSeconds must be a number"],
  ])("%j is refused", async (json, detail) => {
    expect(await refusal(ask("/tokens", { json }))).toMatchObject({
      code: "VALIDATION_ERROR",
      detail,
    });
  });
});

describe("dialling in", () => {
  test("reaches the worker's own pool, with who it is in headers that only the edge writes", async () => {
    const { token, workerId } = await makeWorker({ name: "gpu ünø", pool: "nvenc" });
    const answer = await dial({
      authorization: `Bearer ${token}`,
      "x-telecine-worker-id": "wkr_someone_else",
      "x-telecine-worker-name": "someone",
      "x-telecine-account": "acme",
      cookie: "a=b",
    });
    expect(answer.status).toBe(101);
    expect(answer.webSocket).not.toBeNull();
    expect(answer.headers.get("sec-websocket-protocol")).toBe(SUBPROTOCOL);
    expect(answer.headers.get("x-request-id")).toBeTruthy();
    expect([...pool.names]).toEqual(["pool:default/nvenc/0"]);
    const seen = pool.requests[0]?.headers;
    expect(seen?.get("x-telecine-worker-id")).toBe(workerId);
    expect(decodeURIComponent(seen?.get("x-telecine-worker-name") ?? "")).toBe("gpu ünø");
    const text = JSON.stringify([...(seen ?? [])]);
    for (const kept of [token, "someone", "acme", "a=b"]) expect(text).not.toContain(kept);
  });

  test("takes the token as a subprotocol, and passes on only its own", async () => {
    const { token } = await makeWorker();
    const answer = await dial({ "sec-websocket-protocol": `${SUBPROTOCOL}, ${token}` });
    expect(answer.status).toBe(101);
    expect(pool.requests[0]?.headers.get("sec-websocket-protocol")).toBe(SUBPROTOCOL);
  });

  test("tells the pool when the token expires, where it does", async () => {
    const before = Date.now();
    for (const expiresInSeconds of [undefined, 60]) {
      const { token } = await makeWorker({
        name: "gpu-1",
        pool: "nvenc",
        ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }),
      });
      await dial({ authorization: `Bearer ${token}` });
    }
    const [never, soon] = pool.requests.map(({ headers }) =>
      headers.get("x-telecine-token-ends-at"),
    );
    expect(never).toBeNull();
    expect(Number(soon)).toBeGreaterThanOrEqual(before + 60_000);
    expect(Number(soon)).toBeLessThanOrEqual(Date.now() + 60_000);
  });

  test("without the upgrade or the subprotocol is a VALIDATION_ERROR", async () => {
    const { token } = await makeWorker();
    const headers = { authorization: `Bearer ${token}` };
    expect(await refusal(ask("/connect", { key: null, headers }))).toMatchObject({
      status: 400,
      detail: "The header Upgrade must be 'websocket'.",
    });
    expect(await refusal(dial({ ...headers, "sec-websocket-protocol": "other.v1" }))).toMatchObject(
      {
        status: 400,
        detail: "The header Sec-WebSocket-Protocol must offer 'telecine.v1'.",
      },
    );
  });

  test("judges the token first: it can be tried without a socket", async () => {
    const headers = { authorization: "Bearer wkt_unknown" };
    expect(await refusal(ask("/connect", { key: null, headers }))).toMatchObject({ status: 401 });
  });

  test("with no token, an unknown, an expired or a revoked one is 401 and reaches no pool", async () => {
    const expired = await makeWorker({ name: "old", expiresInSeconds: 1 });
    await testEnv.DB.prepare("update workers set expires_at = 1 where id = ?")
      .bind(expired.workerId)
      .run();
    const revoked = await makeWorker();
    await ask(`/${revoked.workerId}`, { method: "DELETE" });
    for (const headers of [
      {},
      { authorization: "Bearer wkt_unknown" },
      { authorization: `Bearer ${expired.token}` },
      { authorization: `Bearer ${revoked.token}` },
    ]) {
      expect(await refusal(dial(headers))).toMatchObject({ status: 401, code: "UNAUTHORIZED" });
    }
    expect(pool.requests).toEqual([]);
  });
});

describe("the fleet", () => {
  test("is listed from the record and from its pools", async () => {
    const { workerId } = await makeWorker({ name: "gpu-7", pool: "fleet" });
    const idle = await makeWorker({ name: "never-came", pool: "fleet" });
    await recordHellos(testEnv.DB, [
      {
        workerId,
        hello: JSON.stringify({
          name: "gpu-7",
          slots: 2,
          capabilities: { ffmpegVersion: "7.1", encoders: [] },
        }),
        at: 1_700_000_000_000,
      },
    ]);
    const lease = { jobId: "job_1", taskId: "tsk_1", epoch: 3 };
    pool.fleet = [
      { workerId, connected: true, draining: false, slots: 2, busy: 1, leases: [lease] },
    ];
    const { workers } = await (await ask("?limit=200")).json<{ workers: Worker[] }>();
    const byId = new Map(workers.map((worker) => [worker.workerId, worker]));
    expect(byId.get(workerId)).toMatchObject({
      name: "gpu-7",
      pool: "fleet",
      state: "connected",
      slots: 2,
      busy: 1,
      leases: [lease],
      capabilities: { ffmpegVersion: "7.1" },
      lastSeenAt: "2023-11-14T22:13:20.000Z",
    });
    expect(byId.get(idle.workerId)).toMatchObject({ state: "disconnected", slots: 0, leases: [] });
  });

  test("is listed though a pool does not answer", async () => {
    const { workerId } = await makeWorker();
    pool.broken = new Error("gone");
    const answer = await ask("?limit=200");
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain(workerId);
  });

  test("drain and revoke reach the worker's pool; a revoked one is gone", async () => {
    const { workerId } = await makeWorker();
    const drained = await ask(`/${workerId}/drain`, { method: "POST" });
    expect(await drained.json()).toEqual({ draining: true, workerId });
    expect((await ask(`/${workerId}`, { method: "DELETE" })).status).toBe(204);
    expect(pool.calls).toEqual([`drain ${workerId}`, `revoke ${workerId}`]);
    for (const [method, path] of [
      ["DELETE", ""],
      ["POST", "/drain"],
    ] as const) {
      expect(await refusal(ask(`/${workerId}${path}`, { method }))).toMatchObject({
        status: 404,
        code: "NOT_FOUND",
        detail: `No worker with id '${workerId}' exists.`,
      });
    }
    expect(await (await ask("?limit=200")).text()).not.toContain(workerId);
  });

  test("a worker whose pool could not be told is not revoked yet, so that it can be told again", async () => {
    const { workerId } = await makeWorker();
    pool.broken = new Error("gone");
    expect((await ask(`/${workerId}`, { method: "DELETE" })).status).toBe(500);
    pool.broken = null;
    expect((await ask(`/${workerId}`, { method: "DELETE" })).status).toBe(204);
  });

  test("another account's worker answers like a missing one, and is left alone", async () => {
    const { workerId } = await makeWorker();
    const key = await makeKey(["admin"], "other-fleet");
    for (const [method, path] of [
      ["DELETE", ""],
      ["POST", "/drain"],
    ] as const) {
      expect(await refusal(ask(`/${workerId}${path}`, { method, key }))).toMatchObject({
        status: 404,
        detail: `No worker with id '${workerId}' exists.`,
      });
    }
    expect(pool.calls).toEqual([]);
    expect(await (await ask("", { key })).json()).toEqual({ workers: [], nextCursor: null });
  });
});

describe("with the real pool", () => {
  test("a dialled socket opens, and the worker is revoked through it", async () => {
    const real = workerEnv as unknown as typeof testEnv;
    const { token, workerId } = await makeWorker({ name: "real", pool: "real" }, { env: real });
    const headers = {
      upgrade: "websocket",
      "sec-websocket-protocol": SUBPROTOCOL,
      authorization: `Bearer ${token}`,
    };
    const answer = await ask("/connect", { key: null, headers, env: real });
    expect(answer.status).toBe(101);
    const socket = answer.webSocket;
    if (socket === null) throw new Error("no socket");
    const closed = new Promise<number>((resolve) => {
      socket.addEventListener("close", (event) => resolve(event.code));
    });
    socket.accept();
    expect((await ask(`/${workerId}`, { method: "DELETE", env: real })).status).toBe(204);
    expect(await closed).toBe(4401);
  });
});
