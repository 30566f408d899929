import { DrizzleQueryError } from "drizzle-orm/errors";
import { afterEach, describe, expect, test, vi } from "vitest";
import { logError, logWarning } from "../../edge/log.ts";

afterEach(() => {
  vi.restoreAllMocks();
});

function lineOf(method: "warn" | "error", log: () => void) {
  const written = vi.spyOn(console, method).mockImplementation(() => undefined);
  log();
  return JSON.parse(written.mock.calls[0]?.[0]);
}

describe("a log line", () => {
  test("says why a query failed, and nothing of the values in it", () => {
    const cause = new Error("D1_ERROR: malformed JSON");
    const failed = new DrizzleQueryError(
      "insert into jobs values (?)",
      ["a client's secret"],
      cause,
    );
    const line = lineOf("error", () => logError("unexpected", { requestId: "r" }, failed));
    expect(line).toMatchObject({ level: "error", event: "unexpected", requestId: "r" });
    expect(line.error).toContain("D1_ERROR: malformed JSON");
    expect(JSON.stringify(line)).not.toContain("secret");
  });

  test("leaves out lease tokens, signatures and queries", () => {
    const error = new Error(
      "GET https://a.example/v1/leases/abc.def/parts and /v1/signed/xyz/a.mp4 and https://s3/x?sig=1",
    );
    const line = lineOf("warn", () => logWarning("lost", {}, error));
    expect(line.error).toBe(
      "Error: GET https://a.example/v1/leases/[redacted] and /v1/signed/[redacted] and https://s3/x?[redacted]",
    );
  });
});
