import { describe, expect, test } from "vitest";
import type { Env } from "../../../edge/env.ts";
import type { ErrorAnswer } from "../../../protocol/errors.ts";
import { call, refusal, testEnv } from "./harness.ts";

describe("every request", () => {
  test("health needs no key, at the root and under both prefixes", async () => {
    for (const path of ["/health", "/v1/health", "/api/v1/health"]) {
      const answer = await call(path, { key: null });
      expect(answer.status).toBe(200);
      expect(await answer.json()).toEqual({ status: "ok" });
    }
  });

  test("the answer carries a request id, and an error repeats it", async () => {
    const answer = await call("/v1/nothing-here");
    const id = answer.headers.get("x-request-id");
    expect(id).toMatch(/^[0-9a-f-]{36}$/);
    expect((await answer.json<ErrorAnswer>()).error.requestId).toBe(id);
  });

  test("a harmless request id of the caller is kept and any other replaced", async () => {
    const kept = await call("/health", { headers: { "x-request-id": "trace-1234.abc" } });
    expect(kept.headers.get("x-request-id")).toBe("trace-1234.abc");
    const replaced = await call("/health", { headers: { "x-request-id": '"><script>' } });
    expect(replaced.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("an unknown route is the whole 404 shape, with a key and without", async () => {
    for (const key of [undefined, null]) {
      const answer = await call("/v1/nope", key === null ? { key } : {});
      expect(answer.status).toBe(404);
      const body = await answer.json<ErrorAnswer>();
      expect(body).toEqual({
        success: false,
        message: "The specified resource could not be found.",
        error: {
          code: "NOT_FOUND",
          message: "The specified resource could not be found.",
          detail: "No route GET /v1/nope.",
          retryable: false,
          requestId: answer.headers.get("x-request-id"),
        },
      });
    }
    expect(await refusal(call("/elsewhere"))).toMatchObject({ status: 404, code: "NOT_FOUND" });
  });

  test("a database without its migrations is a CONFIG_ERROR that says how to apply them", async () => {
    const without = (name: string): Env => {
      const prepare = (sql: string) =>
        testEnv.DB.prepare(sql.replaceAll(`"${name}"`, `"${name}_of_later"`));
      const batch = testEnv.DB.batch.bind(testEnv.DB);
      return { ...testEnv, DB: { prepare, batch } as unknown as D1Database };
    };
    const upload = { filename: "a.mp4", size: 1000, contentType: "video/mp4" };
    const answers = {
      "a table": call("/v1/videos", { env: without("videos") }),
      // SQLite takes a column that it does not have for a text, but where something is written to it.
      "a column": call("/v1/uploads", { json: upload, env: without("filename") }),
    };
    for (const [what, answer] of Object.entries(answers)) {
      expect(await refusal(answer), what).toMatchObject({
        status: 500,
        code: "CONFIG_ERROR",
        detail: expect.stringContaining("npx wrangler d1 migrations apply"),
      });
    }
  });

  test("a field where a request takes none is refused by its name", async () => {
    const nobody = "01KAPZ5Y7M3T3V1H1ZK3N0Q9RA";
    for (const path of [
      `/v1/jobs/job_${nobody}/cancel`,
      `/v1/workers/wkr_${nobody}/drain`,
      `/v1/webhooks/whk_${nobody}/test`,
      `/v1/webhooks/whk_${nobody}/rotate-secret`,
      `/v1/webhooks/deliveries/dlv_${nobody}/redeliver`,
      "/v1/webhooks/secret/rotate",
    ]) {
      expect(await refusal(call(path, { json: { why: 1 } }))).toMatchObject({
        status: 400,
        detail: "The body has unknown field 'why'",
      });
    }
  });

  test("a known path with another method is 404", async () => {
    expect(await refusal(call("/v1/health", { method: "DELETE" }))).toMatchObject({
      status: 404,
      code: "NOT_FOUND",
      detail: "No route DELETE /v1/health.",
    });
  });

  test("a wrong setting is a CONFIG_ERROR that names it and shows no secret", async () => {
    const env = { ...testEnv, LEASE_TTL_SECONDS: "soon", SIGNING_SECRET: "short" };
    const error = await refusal(call("/v1/keys", { env }));
    expect(error).toMatchObject({ status: 500, code: "CONFIG_ERROR", retryable: false });
    expect(error.detail).toContain("LEASE_TTL_SECONDS must be a whole number from 1 to 3600");
    expect(error.detail).toContain("SIGNING_SECRET must be at least 16 characters long");
    expect(error.detail).not.toContain("short");
  });

  test("a missing binding is a CONFIG_ERROR that names it", async () => {
    const env = { ...testEnv, DB: undefined } as unknown as typeof testEnv;
    expect(await refusal(call("/health", { env }))).toMatchObject({
      code: "CONFIG_ERROR",
      detail: "DB is not bound",
    });
  });

  test("a preflight of any origin passes without a key and names the headers asked for", async () => {
    const answer = await call("/v1/jobs", {
      method: "OPTIONS",
      key: null,
      headers: {
        origin: "https://app.example",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,idempotency-key",
      },
    });
    expect(answer.status).toBe(204);
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    expect(answer.headers.get("access-control-allow-headers")).toBe(
      "authorization,idempotency-key",
    );
    expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
  });

  test("an error is readable across origins, with ETag, Location and the request id exposed", async () => {
    const answer = await call("/v1/nope", { headers: { origin: "https://app.example" } });
    expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    const exposed = answer.headers.get("access-control-expose-headers");
    for (const name of ["ETag", "Location", "x-request-id", "Upload-Offset", "Tus-Resumable"]) {
      expect(exposed).toContain(name);
    }
  });
});
