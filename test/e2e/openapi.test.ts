import { createConfig, lintFromString } from "@redocly/openapi-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { startWorld, type World } from "./telecine.ts";

let world: World;
let source: string;
beforeAll(async () => {
  world = await startWorld({ workers: 0 });
  source = await (await fetch(`${world.host.url}/openapi.json`)).text();
}, 60_000);
afterAll(() => world.stop());

/** Rules of the recommended set that the contract itself breaks, each with its reason. */
const broken = {
  // Ids have a prefix, so that no webhook is called 'deliveries'.
  "no-ambiguous-paths": "off",
  // The worker's socket is answered with 101.
  "operation-2xx-response": "off",
  // Health and the options of tus refuse nobody.
  "operation-4xx-response": "off",
} as const;

async function problemsOf(text: string) {
  const config = await createConfig({ extends: ["recommended"], rules: broken });
  const problems = await lintFromString({ source: text, absoluteRef: "/openapi.json", config });
  return problems.map(({ ruleId, message, location }) => ({
    ruleId,
    message,
    at: location[0]?.pointer,
  }));
}

test("a public linter finds nothing to say of the OpenAPI document, not even a warning", async () => {
  expect(await problemsOf(source)).toEqual([]);
});

test("the linter sees what is wrong: a reference to nothing, a field that OpenAPI does not have", async () => {
  const document = JSON.parse(source);
  document.paths["/v1/jobs"].post.middleware = [];
  document.paths["/v1/jobs"].get.responses["200"].content["application/json"].schema = {
    $ref: "#/components/schemas/Nothing",
  };
  const rules = (await problemsOf(JSON.stringify(document))).map(({ ruleId }) => ruleId);
  expect(new Set(rules)).toEqual(new Set(["struct", "no-unresolved-refs"]));
});
