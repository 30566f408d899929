import { describe, expect, test } from "vitest";
import type { Env } from "../../../edge/env.ts";
import { call, refusal, testEnv } from "./harness.ts";

/** An asset server that has one script and the page. */
function withAssets(settings: Record<string, string> = {}): Env {
  const serve = (request: Request) => {
    const { pathname } = new URL(request.url);
    if (pathname === "/")
      return new Response("<!doctype html>", { headers: { "content-type": "text/html" } });
    if (pathname !== "/assets/main-ABCDEFGH.js") return new Response(null, { status: 404 });
    return new Response("1", { headers: { "content-type": "text/javascript", etag: '"1"' } });
  };
  const ASSETS = { fetch: async (request: Request) => serve(request) } as unknown as Fetcher;
  return { ...testEnv, ...settings, ASSETS };
}

const get = (path: string, env = withAssets()) => call(path, { key: null, env });

function policyOf(answer: Response): Record<string, string> {
  const policy = answer.headers.get("content-security-policy") ?? "";
  return Object.fromEntries(
    policy.split("; ").map((directive) => {
      const [name = "", ...sources] = directive.split(" ");
      return [name, sources.join(" ")];
    }),
  );
}

describe("the dashboard", () => {
  test("is served at / without a key, under a policy that lets in its own scripts and nobody else's", async () => {
    const answer = await get("/");
    expect(answer.status).toBe(200);
    expect(policyOf(answer)).toMatchObject({
      "default-src": "'none'",
      "script-src": "'self'",
      "style-src": "'self'",
      "connect-src": "'self'",
      "frame-ancestors": "'none'",
      "require-trusted-types-for": "'script'",
    });
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(answer.headers.get("cache-control")).toBe("no-cache");
  });

  test("may speak to the store where uploads go there directly, and to nobody beside it", async () => {
    const direct = withAssets({
      R2_ACCOUNT_ID: "0123456789abcdef",
      R2_ACCESS_KEY_ID: "id",
      R2_SECRET_ACCESS_KEY: "secret",
    });
    expect(policyOf(await get("/", direct))["connect-src"]).toBe(
      "'self' https://0123456789abcdef.r2.cloudflarestorage.com",
    );
  });

  test("keeps hashed files for ever, under the same policy", async () => {
    const answer = await get("/assets/main-ABCDEFGH.js");
    expect(answer.status).toBe(200);
    expect(answer.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
    expect(answer.headers.get("content-security-policy")).toContain("script-src 'self'");
    expect(answer.headers.get("etag")).toBe('"1"');
  });

  test("leaves unknown paths to the API's own 404, which no cache keeps", async () => {
    for (const path of ["/assets/main-OLD.js", "/assets/", "/index.php", "/jobs"]) {
      const answer = await get(path);
      expect(answer.headers.get("cache-control")).toBe("no-store");
      expect(await refusal(answer)).toMatchObject({ status: 404, code: "NOT_FOUND" });
    }
    expect(await refusal(call("/", { method: "POST", body: "", env: withAssets() }))).toMatchObject(
      {
        status: 404,
      },
    );
  });

  test("that was not deployed is a 404 that says so", async () => {
    const { ASSETS: _, ...without } = testEnv;
    expect(await refusal(get("/", without as Env))).toMatchObject({
      status: 404,
      detail: "This deployment was made without the dashboard.",
    });
  });
});
