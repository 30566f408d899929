import { describe, expect, test } from "vitest";
import { ApiFailure } from "../../cli/client.ts";
import { clientFromEnvironment } from "../../cli/environment.ts";
import { exitCodeOf } from "../../cli/exit.ts";
import { failureText } from "../../cli/failure.ts";

const url = "http://127.0.0.1:8787";

function failureOf(status: number): ApiFailure {
  return new ApiFailure(status, null, "text");
}

function thrown(work: () => unknown): unknown {
  try {
    return work();
  } catch (error) {
    return error;
  }
}

describe("an exit code", () => {
  test.for([
    ["of wrong use for what the edge calls invalid", failureOf(400), 2],
    ["of refused credentials for a wrong key", failureOf(401), 3],
    ["of refused credentials for a key without the scope", failureOf(403), 3],
    ["of failure for what is not there", failureOf(404), 1],
    ["of failure for an edge in trouble", failureOf(503), 1],
    ["of failure for anything else", new Error("x"), 1],
    ["of refused credentials without a key", thrown(() => clientFromEnvironment({})), 3],
    [
      "of wrong use for an address that is none",
      thrown(() => clientFromEnvironment({ TELECINE_URL: "example", TELECINE_API_KEY: "k" })),
      2,
    ],
    [
      "of refused credentials for a key with a line break in it",
      thrown(() => clientFromEnvironment({ TELECINE_URL: url, TELECINE_API_KEY: "a\nb" })),
      3,
    ],
  ] as const)("is one %s", ([, error, code]) => {
    expect(exitCodeOf(error)).toBe(code);
  });
});

describe("a failure", () => {
  test("names the remedy", () => {
    expect(failureText(failureOf(401))).toContain("TELECINE_API_KEY");
    expect(failureText(failureOf(502))).toContain("TELECINE_URL");
    const refused = new TypeError("fetch failed", {
      cause: Object.assign(new Error("connect ECONNREFUSED 127.0.0.1:1"), { code: "ECONNREFUSED" }),
    });
    expect(failureText(refused)).toMatch(/ECONNREFUSED 127.*TELECINE_URL/);
    expect(failureText(Object.assign(new Error("x"), { code: "ENOSPC" }))).toContain(
      "disk is full",
    );
  });
});
