import { describe, expect, test } from "vitest";
import { parseSettings } from "../../../edge/env.ts";
import { signSession } from "../../../edge/http/session.ts";
import { call, makeKey, ROOT_KEY, refusal, testEnv } from "./harness.ts";

const COOKIE = "__Host-telecine_session";
const OWN = { "sec-fetch-site": "same-origin" };

const signIn = (key: string, headers: Record<string, string> = OWN) =>
  call("/v1/session", { key: null, json: { key }, headers });

function cookieOf(answer: Response): string {
  return (answer.headers.get("set-cookie") ?? "").split(";")[0] ?? "";
}

/** The cookie of a new session of a key with these scopes. */
async function session(scopes: readonly string[] = ["admin"]): Promise<string> {
  return cookieOf(await signIn(await makeKey(scopes)));
}

/** A request as a browser sends it: with the cookie, and without a key. */
function browse(
  path: string,
  cookie: string,
  headers: Record<string, string> = OWN,
  options: Parameters<typeof call>[1] = {},
) {
  return call(path, { ...options, key: null, headers: { ...headers, cookie } });
}

function settingsWith(changed: Record<string, string> = {}) {
  const parsed = parseSettings({ ...testEnv, ...changed });
  if (parsed.status !== "ok") throw new Error(parsed.detail);
  return parsed.settings;
}

describe("signing in", () => {
  test("exchanges a key for a cookie that scripts cannot read and other sites cannot send", async () => {
    const answer = await signIn(await makeKey(["read"]));
    expect(answer.status).toBe(201);
    const flags = (answer.headers.get("set-cookie") ?? "").split("; ").slice(1).sort();
    expect(flags).toEqual(["HttpOnly", "Max-Age=86400", "Path=/", "SameSite=Strict", "Secure"]);
    expect(cookieOf(answer)).toMatch(/^__Host-telecine_session=.+/);
    expect(await answer.json()).toMatchObject({ accountId: "default", scopes: ["read"] });
  });

  test("puts neither the key nor its hash into the cookie", async () => {
    const cookie = cookieOf(await signIn(ROOT_KEY));
    const body = atob(cookie.slice(COOKIE.length + 1).split(".")[0] ?? "");
    expect(JSON.parse(body)).toEqual([null, expect.any(Number)]);
  });

  test("refuses what is no key, and a page of another origin", async () => {
    expect(await refusal(signIn("tlk_wrong"))).toMatchObject({ status: 401, code: "UNAUTHORIZED" });
    const headers: Record<string, string>[] = [
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { origin: "https://evil.test" },
      { origin: "null" },
    ];
    for (const foreign of headers) {
      const answer = await signIn(ROOT_KEY, foreign);
      expect(answer.headers.get("set-cookie")).toBeNull();
      expect(await refusal(answer)).toMatchObject({ status: 403, code: "FORBIDDEN" });
    }
  });

  test("over plain http makes a cookie that browsers take there", async () => {
    const { createApp } = await import("../../../edge/http/app.ts");
    const request = new Request("http://192.168.1.9:8787/v1/session", {
      method: "POST",
      headers: { "content-type": "application/json", origin: "http://192.168.1.9:8787" },
      body: JSON.stringify({ key: ROOT_KEY }),
    });
    const cookie = (await createApp().fetch(request, testEnv)).headers.get("set-cookie");
    expect(cookie).toMatch(/^telecine_session=/);
    expect(cookie).not.toContain("Secure");
    expect(cookie).toContain("HttpOnly");
  });
});

describe("a session", () => {
  test("may do what its key may, and no more", async () => {
    const cookie = await session(["read"]);
    expect((await browse("/v1/jobs", cookie)).status).toBe(200);
    expect(await (await browse("/v1/session", cookie)).json()).toMatchObject({ scopes: ["read"] });
    expect(await refusal(browse("/v1/keys", cookie))).toMatchObject({ status: 403 });
  });

  test.for([
    ["of another site", { "sec-fetch-site": "cross-site" }],
    ["of another subdomain or port", { "sec-fetch-site": "same-site" }],
    ["of a browser without fetch metadata", { origin: "https://evil.test" }],
    ["of a sandboxed frame", { origin: "null" }],
    ["that says nothing of its page", {}],
    ["opened from the address bar", { "sec-fetch-site": "none" }],
  ] as [string, Record<string, string>][])(
    "changes nothing for a request %s",
    async ([, headers]) => {
      const cookie = await session();
      const made = browse("/v1/keys", cookie, headers, { json: { name: "x", scopes: ["admin"] } });
      expect(await refusal(made)).toMatchObject({ status: 403, code: "FORBIDDEN" });
      const revoked = browse("/v1/keys/key_x", cookie, headers, { method: "DELETE" });
      expect(await refusal(revoked)).toMatchObject({ status: 403, code: "FORBIDDEN" });
    },
  );

  test("changes what its own page asks, by either header", async () => {
    const cookie = await session();
    const json = { name: "x", scopes: ["read"] };
    expect((await browse("/v1/keys", cookie, OWN, { json })).status).toBe(201);
    const origin = { origin: "https://telecine.test" };
    expect((await browse("/v1/keys", cookie, origin, { json })).status).toBe(201);
  });

  test("reads for its own page and the address bar, never for another page", async () => {
    const cookie = await session();
    const status = async (site: string) =>
      (await browse("/v1/videos", cookie, { "sec-fetch-site": site })).status;
    expect(await status("same-origin")).toBe(200);
    expect(await status("none")).toBe(200);
    expect(await status("same-site")).toBe(403);
    expect(await status("cross-site")).toBe(403);
  });

  test("opens no socket for another page", async () => {
    const headers = { upgrade: "websocket", origin: "https://evil.test" };
    const answer = browse("/v1/jobs/job_x/events", await session(), headers);
    expect(await refusal(answer)).toMatchObject({ status: 403, code: "FORBIDDEN" });
  });

  test("ends the moment its key is revoked", async () => {
    const made = await call("/v1/keys", { json: { name: "x", scopes: ["read"] } });
    const { key, keyId } = await made.json<{ key: string; keyId: string }>();
    const cookie = cookieOf(await signIn(key));
    expect((await browse("/v1/jobs", cookie)).status).toBe(200);
    await call(`/v1/keys/${keyId}`, { method: "DELETE" });
    expect(await refusal(browse("/v1/jobs", cookie))).toMatchObject({
      status: 401,
      detail: "The API key has been revoked.",
    });
  });

  test("ends with its day, and with its key's", async () => {
    const past = await signSession(settingsWith(), null, Date.now() - 1);
    expect(await refusal(browse("/v1/jobs", `${COOKIE}=${past}`))).toMatchObject({
      status: 401,
      detail: expect.stringMatching(/^The session expired at .*: sign in again\.$/),
    });
    const key = await makeKey(["read"]);
    const cookie = cookieOf(await signIn(key));
    await testEnv.DB.prepare("update api_keys set expires_at = 1000").run();
    expect(await refusal(browse("/v1/jobs", cookie))).toMatchObject({ status: 401 });
  });

  test("of the root key ends when that is replaced", async () => {
    const later = Date.now() + 60_000;
    const old = await signSession(
      settingsWith({ ROOT_API_KEY: "another-root-key-0123" }),
      null,
      later,
    );
    const now = await signSession(settingsWith(), null, later);
    expect((await browse("/v1/jobs", `${COOKIE}=${now}`)).status).toBe(200);
    expect(await refusal(browse("/v1/jobs", `${COOKIE}=${old}`))).toMatchObject({
      status: 401,
      detail: "The session is not valid: sign in again.",
    });
  });

  test("cannot be forged, nor made of another kind of token", async () => {
    for (const token of ["x", "a.b", `${btoa("[null,9e12]")}.AAAA`]) {
      expect(await refusal(browse("/v1/jobs", `${COOKIE}=${token}`))).toMatchObject({
        status: 401,
        code: "UNAUTHORIZED",
      });
    }
  });

  test("gives way to a key in the header", async () => {
    const key = await makeKey(["read"]);
    const answer = await call("/v1/session", { key, headers: { cookie: await session() } });
    expect(await answer.json()).toMatchObject({ scopes: ["read"], expiresAt: null });
  });

  test("is taken back by signing out, by its own page alone", async () => {
    const cookie = await session();
    const away = await browse("/v1/session", cookie, OWN, { method: "DELETE" });
    expect(away.status).toBe(204);
    expect(away.headers.get("set-cookie")).toMatch(/^__Host-telecine_session=; Max-Age=0/);
    const foreign = { "sec-fetch-site": "cross-site" };
    const refused = browse("/v1/session", cookie, foreign, { method: "DELETE" });
    expect(await refusal(refused)).toMatchObject({ status: 403 });
  });
});
