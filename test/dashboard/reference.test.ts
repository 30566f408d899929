import { describe, expect, test } from "vitest";
import { matching, type OpenApi, sectionsOf } from "../../dashboard/reference/document.ts";

const document: OpenApi = {
  info: { title: "Telecine" },
  tags: [{ name: "Jobs", description: "Work." }, { name: "Empty" }],
  components: {
    schemas: {
      Job: {
        type: "object",
        required: ["jobId"],
        properties: {
          jobId: { type: "string" },
          state: { enum: ["queued", "completed"] },
          outputs: {
            type: "array",
            items: {
              type: "object",
              properties: { url: { type: "string", description: "Signed." } },
            },
          },
          error: {
            anyOf: [{ type: "null" }, { type: "object", properties: { code: { type: "string" } } }],
          },
        },
      },
    },
    parameters: { Key: { name: "Idempotency-Key", in: "header", schema: { type: "string" } } },
  },
  paths: {
    "/v1/jobs": {
      post: {
        operationId: "createJob",
        tags: ["Jobs"],
        summary: "Ask for work",
        parameters: [{ $ref: "#/components/parameters/Key" }],
        requestBody: {
          content: {
            "application/json": {
              schema: {
                type: "object",
                properties: {
                  priority: { type: "integer", minimum: -10, maximum: 10, default: 0 },
                },
              },
              example: { priority: 3 },
            },
          },
        },
        responses: {
          202: {
            description: "Accepted.",
            content: { "application/json": { schema: { $ref: "#/components/schemas/Job" } } },
          },
        },
      },
    },
    "/v1/other": { get: { summary: "No tag" } },
  },
};

describe("the reference", () => {
  test("has every operation once, in the order of the document's tags, and no empty section", () => {
    const sections = sectionsOf(document);
    expect(sections.map(({ name, operations }) => [name, operations.map(({ id }) => id)])).toEqual([
      ["Jobs", ["createJob"]],
      ["", ["get-/v1/other"]],
    ]);
  });

  test("names each field with its parents, its type, its limits and what it is", () => {
    const [operation] = sectionsOf(document)[0]?.operations ?? [];
    expect(operation?.parameters).toMatchObject([
      { name: "Idempotency-Key", type: "string, header", isRequired: false },
    ]);
    expect(operation?.request).toMatchObject({
      example: '{\n  "priority": 3\n}',
      fields: [
        { name: "priority", type: "integer", description: "At least -10. At most 10. Default 0." },
      ],
    });
    expect(operation?.answers[0]?.body?.fields).toMatchObject([
      { name: "jobId", type: "string", isRequired: true },
      { name: "state", type: '"queued" | "completed"' },
      { name: "outputs", type: "list of object" },
      { name: "outputs[].url", description: "Signed." },
      { name: "error", type: "null | object" },
      { name: "error.code", type: "string" },
    ]);
  });

  test("finds what has every word of a search", () => {
    const sections = sectionsOf(document);
    expect(matching(sections, "  post JOBS ").map(({ name }) => name)).toEqual(["Jobs"]);
    expect(matching(sections, "post other")).toEqual([]);
    expect(matching(sections, "")).toBe(sections);
  });
});
