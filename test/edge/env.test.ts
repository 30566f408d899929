import { describe, expect, test } from "vitest";
import { parseSettings } from "../../edge/env.ts";

const secrets = { ROOT_API_KEY: "a".repeat(32), SIGNING_SECRET: "b".repeat(32) };

describe("settings", () => {
  test("absent settings take the documented defaults", () => {
    const result = parseSettings(secrets);
    expect(result).toMatchObject({
      status: "ok",
      settings: { maxFileSizeMb: 1000, leaseTtlSeconds: 30, direct: null },
    });
  });

  test("a missing secret is named and its value is never shown", () => {
    const result = parseSettings({ ROOT_API_KEY: "tooshort" });
    expect(result.status).toBe("invalid");
    if (result.status === "invalid") {
      expect(result.detail).toContain("SIGNING_SECRET is not set");
      expect(result.detail).not.toContain("tooshort");
    }
  });

  test.each([
    [{ S3_ENDPOINT: "s3.example.com" }, "S3_ENDPOINT must be a URL that begins with http(s)://"],
    [{ S3_ENDPOINT: "ftp://example.com" }, "S3_ENDPOINT must be a URL that begins with http(s)://"],
    [
      { R2_ACCESS_KEY_ID: "key", S3_ENDPOINT: "https://s3.example.com" },
      "R2_SECRET_ACCESS_KEY is needed for direct mode",
    ],
    [
      { R2_ACCESS_KEY_ID: "key", R2_SECRET_ACCESS_KEY: "secret" },
      "R2_ACCOUNT_ID or S3_ENDPOINT is needed for direct mode",
    ],
  ])("of direct mode that cannot work are refused with the rule: %o", (settings, detail) => {
    expect(parseSettings({ ...secrets, ...settings })).toEqual({ status: "invalid", detail });
  });

  test("a number that is not one is refused with its range", () => {
    const result = parseSettings({ ...secrets, LEASE_TTL_SECONDS: "soon" });
    expect(result).toEqual({
      status: "invalid",
      detail: "LEASE_TTL_SECONDS must be a whole number from 1 to 3600, not 'soon'",
    });
  });
});
