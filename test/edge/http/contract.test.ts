import { describe, expect, test } from "vitest";
import { createContract } from "./contract.ts";
import { call } from "./harness.ts";

const contract = createContract(await (await call("/openapi.json", { key: null })).json());

const json = (body: unknown, status = 200) =>
  new Response(JSON.stringify(body), {
    status,
    headers: { "content-type": "application/json" },
  });

const problems = (answer: Response, path = "/v1/jobs", method = "GET") =>
  contract.problemsOf(new Request(`https://telecine.test${path}`, { method }), answer);

/** The check that every answer of these tests goes through must itself be able to fail. */
describe("an answer", () => {
  test("agrees with the document when it says just what that says", async () => {
    expect(await problems(json({ jobs: [], nextCursor: null }))).toEqual([]);
    expect(await problems(json({ jobs: [], nextCursor: null }), "/api/v1/jobs")).toEqual([]);
  });

  test.for([
    ["a status that the route does not have", json({}, 418)],
    ["a field that is missing", json({ jobs: [] })],
    ["a field that the document does not know", json({ jobs: [], nextCursor: null, more: 1 })],
    ["a field of another type", json({ jobs: {}, nextCursor: null })],
    ["a field deep inside of another type", json({ jobs: [{ jobId: 7 }], nextCursor: null })],
    ["an error in another shape", json({ error: "no" }, 401)],
    ["no body where there must be one", new Response(null)],
    ["another media type", new Response("[]", { headers: { "content-type": "text/plain" } })],
  ] as const)("with %s does not", async ([, answer]) => {
    expect(await problems(answer)).not.toEqual([]);
  });

  test("of a route that the document does not have may only be a refusal", async () => {
    expect(await problems(json({}), "/v1/nothing")).not.toEqual([]);
    expect(await problems(json({}, 404), "/v1/nothing")).toEqual([]);
    expect(await problems(json({}, 404), "/v1/jobs", "PURGE")).toEqual([]);
  });

  test("to a deletion has no body", async () => {
    expect(await problems(json({}), "/v1/keys/key_1", "DELETE")).not.toEqual([]);
    expect(await problems(new Response(null, { status: 204 }), "/v1/keys/key_1", "DELETE")).toEqual(
      [],
    );
  });
});
