import { describe, expect, test } from "vitest";
import { call, makeKey, refusal, testEnv } from "./harness.ts";

const newKey = (json: unknown, key?: string) =>
  call("/v1/keys", { json, ...(key === undefined ? {} : { key }) });

interface Created {
  keyId: string;
  key: string;
  accountId: string;
  expiresAt: string | null;
}

describe("a key", () => {
  test("is shown once, works at once in either header, and is stored only as a hash", async () => {
    const answer = await newKey({ name: "ci", scopes: ["admin"] });
    expect(answer.status).toBe(201);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    const created = await answer.json<Created>();
    expect(created).toMatchObject({ name: "ci", scopes: ["admin"], accountId: "default" });
    expect(created.expiresAt).toBeNull();

    expect((await call("/v1/keys", { key: created.key })).status).toBe(200);
    const other = await call("/v1/keys", { key: null, headers: { "x-api-key": created.key } });
    expect(other.status).toBe(200);

    const listed = await (await call("/v1/keys")).text();
    expect(listed).toContain(created.keyId);
    expect(listed).not.toContain(created.key);
    const stored = await testEnv.DB.prepare("select * from api_keys where id = ?")
      .bind(created.keyId)
      .first();
    expect(JSON.stringify(stored)).not.toContain(created.key);
  });

  test("is refused from the moment it is revoked, and then is gone", async () => {
    const { keyId, key } = await (await newKey({ name: "x", scopes: ["read"] })).json<Created>();
    expect((await call(`/v1/keys/${keyId}`, { method: "DELETE" })).status).toBe(204);
    expect(await refusal(call("/v1/keys", { key }))).toMatchObject({
      status: 401,
      code: "UNAUTHORIZED",
      detail: "The API key has been revoked.",
    });
    expect(await refusal(call(`/v1/keys/${keyId}`, { method: "DELETE" }))).toMatchObject({
      status: 404,
      code: "NOT_FOUND",
      detail: `No key with id '${keyId}' exists.`,
    });
    expect(await (await call("/v1/keys")).text()).not.toContain(keyId);
  });

  test("is refused after its time", async () => {
    const created = await newKey({ name: "x", scopes: ["admin"], expiresInSeconds: 1 });
    const { keyId, key } = await created.json<Created>();
    await testEnv.DB.prepare("update api_keys set expires_at = 1000 where id = ?")
      .bind(keyId)
      .run();
    expect(await refusal(call("/v1/keys", { key }))).toMatchObject({
      status: 401,
      detail: "The API key expired at 1970-01-01T00:00:01.000Z.",
    });
  });
});

describe("without a good key", () => {
  test("no key, an empty one, an unknown one and another scheme are 401 with a challenge", async () => {
    const headers: Record<string, string>[] = [
      {},
      { authorization: "Bearer " },
      { authorization: "Bearer tlk_unknown" },
      { authorization: "Basic dXNlcjpwYXNz" },
      { "x-api-key": "tlk_unknown" },
    ];
    for (const given of headers) {
      const answer = await call("/v1/keys", { key: null, headers: given });
      expect(answer.headers.get("www-authenticate")).toContain("Bearer");
      const error = await refusal(answer);
      expect(error).toMatchObject({ status: 401, code: "UNAUTHORIZED", retryable: false });
      expect(error.detail).not.toContain("tlk_unknown");
    }
  });

  test("a key without the scope is 403 and is told which scope it lacks", async () => {
    const key = await makeKey(["read", "write"]);
    expect(await refusal(newKey({ name: "x", scopes: ["read"] }, key))).toMatchObject({
      status: 403,
      code: "FORBIDDEN",
      detail: "This needs the scope 'admin'; the key has 'read', 'write'.",
    });
  });
});

describe("accounts", () => {
  test("only the root key names another account, which exists from then on", async () => {
    const admin = await makeKey(["admin"], "acme");
    const row = await testEnv.DB.prepare("select id from accounts where id = 'acme'").first();
    expect(row).toEqual({ id: "acme" });

    const mine = await newKey({ name: "x", scopes: ["read"], accountId: "acme" }, admin);
    expect((await mine.json<Created>()).accountId).toBe("acme");
    for (const answer of [
      newKey({ name: "x", scopes: ["read"], accountId: "globex" }, admin),
      call("/v1/keys?accountId=globex", { key: admin }),
    ]) {
      expect(await refusal(answer)).toMatchObject({ status: 403, code: "FORBIDDEN" });
    }
  });

  test("another account's key answers like a missing one, and stays good", async () => {
    const admin = await makeKey(["admin"], "initech");
    const { keyId } = await (await newKey({ name: "x", scopes: ["read"] })).json<Created>();
    const theirs = await refusal(call(`/v1/keys/${keyId}`, { method: "DELETE", key: admin }));
    expect(theirs).toMatchObject({ status: 404, detail: `No key with id '${keyId}' exists.` });
    expect(await (await call("/v1/keys?limit=200")).text()).toContain(keyId);
  });
});

describe("what a key request must be", () => {
  test.each([
    [{}, "name is required; scopes is required"],
    [{ name: "", scopes: ["read"] }, "name must be at least 1 character long"],
    [{ name: "a\r\nb", scopes: ["read"] }, "name must not contain control characters"],
    [{ name: "x", scopes: [] }, "scopes must contain at least 1 element"],
    [{ name: "x", scopes: ["root"] }, "scopes.0 must be one of 'read', 'write', 'admin'"],
    [{ name: "x", scopes: ["read", "read"] }, "scopes must name each scope once"],
    [{ name: "x", scopes: "read" }, "scopes must be an array"],
    [{ name: 7, scopes: ["read"] }, "name must be a string"],
    [{ name: "x", scopes: ["read"], expires: 3 }, "The body has unknown field 'expires'"],
    [
      { name: "x", scopes: ["read"], expiresInSeconds: 1.5 },
      "expiresInSeconds must be a whole number",
    ],
    [{ name: "x", scopes: ["read"], expiresInSeconds: 0 }, "expiresInSeconds must be at least 1"],
    [
      { name: "x", scopes: ["read"], accountId: "../etc" },
      "accountId must be 1 to 64 lower-case letters, digits or inner hyphens",
    ],
    [[], "The body must be an object"],
    [null, "The body must be an object"],
  ])("%j is refused with its field and rule", async (json, detail) => {
    expect(await refusal(newKey(json))).toMatchObject({
      status: 400,
      code: "VALIDATION_ERROR",
      message: "The request is not valid.",
      detail,
      retryable: false,
    });
  });

  test("malformed JSON is a VALIDATION_ERROR that says so", async () => {
    const answer = call("/v1/keys", {
      body: '{"name": ',
      headers: { "content-type": "application/json" },
    });
    const error = await refusal(answer);
    expect(error).toMatchObject({ status: 400, code: "VALIDATION_ERROR" });
    expect(error.detail).toMatch(/^The body is not valid JSON: /);
  });

  test("bytes that are not UTF-8 are a VALIDATION_ERROR", async () => {
    const answer = call("/v1/keys", {
      body: new Uint8Array([0x22, 0xff, 0xfe, 0x22]),
      headers: { "content-type": "application/json" },
    });
    expect(await refusal(answer)).toMatchObject({
      status: 400,
      detail: "The body is not valid JSON: it is not UTF-8.",
    });
  });

  test("another content type is refused, named by header", async () => {
    for (const type of ["text/plain", "application/x-www-form-urlencoded", "application/xml"]) {
      const answer = call("/v1/keys", { body: "{}", headers: { "content-type": type } });
      expect(await refusal(answer)).toMatchObject({
        status: 400,
        code: "VALIDATION_ERROR",
        detail: "The header Content-Type must be 'application/json' where there is a body.",
      });
    }
  });

  test("an empty body lacks its fields", async () => {
    const answer = call("/v1/keys", { method: "POST" });
    expect(await refusal(answer)).toMatchObject({ status: 400, code: "VALIDATION_ERROR" });
  });

  test("a body over the cap is refused, also when its length is not declared", async () => {
    const large = JSON.stringify({ name: "x".repeat(1_000_001), scopes: ["read"] });
    const chunked = new Response(large).body;
    if (chunked === null) throw new Error("no body");
    for (const body of [large, chunked]) {
      const answer = call("/v1/keys", { body, headers: { "content-type": "application/json" } });
      expect(await refusal(answer)).toMatchObject({
        status: 400,
        code: "VALIDATION_ERROR",
        detail: "The body must be at most 1000000 bytes.",
      });
    }
  });
});

describe("lists", () => {
  test("every key comes exactly once, newest first, over pages of any size", async () => {
    const admin = await makeKey(["admin"], "pages");
    for (let i = 0; i < 6; i++) await newKey({ name: `k${i}`, scopes: ["read"] }, admin);
    const ids: string[] = [];
    let cursor: string | null = null;
    do {
      const suffix: string = cursor === null ? "" : `&cursor=${cursor}`;
      const page: { keys: { keyId: string }[]; nextCursor: string | null } = await (
        await call(`/v1/keys?limit=3${suffix}`, { key: admin })
      ).json();
      ids.push(...page.keys.map((key) => key.keyId));
      cursor = page.nextCursor;
    } while (cursor !== null);
    expect(ids).toHaveLength(7);
    expect(ids).toEqual([...new Set(ids)].sort().reverse());
  });

  test.each([
    ["limit=0", "limit must be a whole number from 1 to 200"],
    ["limit=201", "limit must be a whole number from 1 to 200"],
    ["limit=ten", "limit must be a whole number from 1 to 200"],
    ["limit=1&limit=2", "limit must be given once"],
    ["cursor=zzz", "cursor must be the nextCursor of an answer of this list"],
    ["cursor=%F0%9F%92%A5", "cursor must be the nextCursor of an answer of this list"],
    ["cursor=", "cursor must be at least 1 character long"],
    ["limt=2", "The query has unknown field 'limt'"],
  ])("the query %s is refused", async (query, detail) => {
    expect(await refusal(call(`/v1/keys?${query}`))).toMatchObject({
      status: 400,
      code: "VALIDATION_ERROR",
      detail,
    });
  });
});
