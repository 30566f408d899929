import { beforeAll, describe, expect, test } from "vitest";
import { apiErrors } from "../../../protocol/errors.ts";
import { jobRequestSchema, jobSchema } from "../../../protocol/http/jobs.ts";
import { call } from "./harness.ts";

interface Operation {
  readonly summary?: string;
  readonly operationId?: string;
  readonly security?: unknown[];
  readonly parameters?: { readonly name: string; readonly in: string; readonly $ref?: string }[];
  readonly requestBody?: {
    readonly content: Record<string, { readonly schema?: unknown; readonly example?: unknown }>;
  };
  readonly responses: Record<string, { readonly description?: string }>;
}
interface Document {
  readonly openapi: string;
  readonly paths: Record<string, Record<string, Operation>>;
  readonly components: { readonly schemas: Record<string, unknown> };
}

let document: Document;
let operations: { readonly id: string; readonly path: string; readonly operation: Operation }[];

beforeAll(async () => {
  const answer = await call("/openapi.json", { key: null });
  expect(answer.status).toBe(200);
  document = await answer.json();
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      id: `${method.toUpperCase()} ${path}`,
      path,
      operation,
    })),
  );
});

describe("the OpenAPI document", () => {
  test("names the routes of jobs, keys, presets and workers under /v1", () => {
    expect(document.openapi).toBe("3.1.0");
    expect(operations.map(({ id }) => id)).toEqual(
      expect.arrayContaining([
        "GET /v1/health",
        "POST /v1/keys",
        "GET /v1/keys",
        "DELETE /v1/keys/{keyId}",
        "POST /v1/jobs",
        "GET /v1/jobs",
        "GET /v1/jobs/{jobId}",
        "GET /v1/jobs/{jobId}/result",
        "GET /v1/jobs/{jobId}/outputs",
        "GET /v1/jobs/{jobId}/outputs/{name}",
        "GET /v1/jobs/{jobId}/attempts",
        "POST /v1/jobs/{jobId}/retry",
        "POST /v1/jobs/{jobId}/cancel",
        "POST /v1/presets",
        "PUT /v1/presets/{presetId}",
        "POST /v1/workers/tokens",
        "GET /v1/workers",
        "POST /v1/workers/{workerId}/drain",
        "DELETE /v1/workers/{workerId}",
        "GET /v1/workers/connect",
      ]),
    );
  });

  test("declares every path parameter, and describes every answer", () => {
    for (const { id, path, operation } of operations) {
      const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      const declared = (operation.parameters ?? [])
        .filter((parameter) => parameter.in === "path")
        .map(({ name }) => name);
      expect({ id, names: declared.sort() }).toEqual({ id, names: inPath.sort() });
      expect(operation.summary, id).toBeTruthy();
      for (const answer of Object.values(operation.responses)) {
        expect(answer.description, id).toBeTruthy();
      }
    }
  });

  test("refers only to schemas that it holds", () => {
    const references = [
      ...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/(\w+)\/(\w+)"/g),
    ];
    for (const [, kind, name] of references) {
      const held = document.components as Record<string, Record<string, unknown>>;
      expect(held[kind ?? ""]?.[name ?? ""], name).toBeDefined();
    }
    expect(Object.keys(document.components.schemas)).toEqual(
      expect.arrayContaining(["Job", "Error"]),
    );
  });

  test("says 401 of every route behind a key", () => {
    for (const { id, operation } of operations) {
      if (operation.security?.length === 0) continue;
      expect(operation.responses, id).toHaveProperty("401");
    }
  });

  test("its examples pass the schemas that they illustrate", () => {
    const submit = document.paths["/v1/jobs"]?.post;
    const example = submit?.requestBody?.content["application/json"]?.example;
    expect(jobRequestSchema.safeParse(example).success).toBe(true);
    const accepted = submit?.responses["202"] as {
      content: Record<string, { example: unknown }>;
    };
    expect(jobSchema.safeParse(accepted.content["application/json"]?.example).success).toBe(true);
  });

  test("describes the job's body by its fields, recipes and their parameters included", () => {
    const schema =
      document.paths["/v1/jobs"]?.post?.requestBody?.content["application/json"]?.schema;
    const text = JSON.stringify(schema);
    for (const word of [
      "videoId",
      "input_files",
      "webReady",
      "extractAudio",
      "queueTimeoutSeconds",
    ]) {
      expect(text).toContain(word);
    }
  });

  test("names each operation once, as generated clients call it", () => {
    const names = operations.map(({ operation }) => operation.operationId);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^[a-z]+[A-Z]\w+$/);
  });

  test("lets every POST behind a key take an Idempotency-Key, and refuse another request under it", () => {
    const posts = operations.filter(
      ({ id, operation }) => id.startsWith("POST ") && operation.security?.length !== 0,
    );
    expect(posts.length).toBeGreaterThan(10);
    for (const { id, operation } of posts) {
      expect(operation.parameters, id).toContainEqual({
        $ref: "#/components/parameters/IdempotencyKey",
      });
      expect(Object.keys(operation.responses), id).toEqual(expect.arrayContaining(["400", "422"]));
    }
  });

  test("lets null through an enum wherever it lets null through the type", () => {
    const nullable = JSON.stringify(document).matchAll(
      /"type":\["string","null"\],"enum":(\[[^\]]*\])/g,
    );
    const values = [...nullable].map(([, list]) => JSON.parse(list ?? "[]"));
    expect(values.length).toBeGreaterThan(0);
    for (const list of values) expect(list).toContain(null);
  });

  test("writes patterns as expressions, without the flags of the code they come from", () => {
    const patterns = [...JSON.stringify(document).matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)];
    expect(patterns.length).toBeGreaterThan(0);
    for (const [, pattern] of patterns) expect(JSON.parse(pattern ?? "")).not.toMatch(/\/[a-z]*$/);
  });

  test("refuses with codes of the catalogue alone", () => {
    const named = [...JSON.stringify(document).matchAll(/"code":"([A-Z_]+)"/g)].map((m) => m[1]);
    expect(named.length).toBeGreaterThan(0);
    for (const code of named) expect(Object.keys(apiErrors)).toContain(code);
  });
});
