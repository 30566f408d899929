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
    ["of wrong use for a file that is too large", failureOf(413), 2],
    ["of wrong use for a file that is no video", failureOf(415), 2],
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
    const full = Object.assign(new Error("x"), { code: "ENOSPC", path: "done/result.mp4" });
    expect(failureText(full)).toMatch(/disk of done\/result\.mp4 is full/);
    expect(failureText(Object.assign(new Error("x"), { code: "ENOSPC" }))).toMatch(/^The disk is/);
    for (const code of ["EEXIST", "ENOTDIR"]) {
      const taken = Object.assign(new Error("x"), { code, path: "/etc/hostname" });
      expect(failureText(taken)).toMatch(/^\/etc\/hostname .*a folder is needed.*Name another/);
    }
  });

  test("to speak TLS is told in one line, and asks for http://", () => {
    const cause = Object.assign(new Error("404D0491247F0000:error:0A00010B:SSL routines\n"), {
      code: "ERR_SSL_WRONG_VERSION_NUMBER",
    });
    const text = failureText(new TypeError("fetch failed", { cause }), "https://127.0.0.1:8787");
    expect(text).toMatch(/^https:\/\/127.*ERR_SSL_WRONG_VERSION_NUMBER.*http:\/\/\?$/);
  });
});
