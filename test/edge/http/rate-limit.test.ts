import { describe, expect, test } from "vitest";
import type { Env } from "../../../edge/env.ts";
import { call, makeKey, refusal, testEnv } from "./harness.ts";

/** The binding with a small limit, which remembers whom it was asked about. */
function limitedTo(limit: number): { readonly env: Env; readonly keys: string[] } {
  const keys: string[] = [];
  const RATE_LIMITER = {
    async limit({ key }: { readonly key: string }) {
      keys.push(key);
      return { success: keys.filter((one) => one === key).length <= limit };
    },
  };
  return { env: { ...testEnv, RATE_LIMITER }, keys };
}

describe("a key that asks too often", () => {
  test("is told to wait, and for how long; another key goes on", async () => {
    const { env, keys } = limitedTo(2);
    const [busy, calm] = [await makeKey(["read"]), await makeKey(["read"])];
    for (let times = 0; times < 2; times++) {
      expect((await call("/v1/videos", { env, key: busy })).status).toBe(200);
    }
    const answer = await call("/v1/videos", { env, key: busy });
    expect(answer.headers.get("retry-after")).toBe("60");
    expect(await refusal(answer)).toMatchObject({
      status: 429,
      code: "RATE_LIMITED",
      retryable: true,
    });
    expect((await call("/v1/videos", { env, key: calm })).status).toBe(200);
    expect(keys.every((key) => key.startsWith("key_"))).toBe(true);
  });

  test("is limited by the binding that is configured, whose limit is above what an upload needs", async () => {
    const limiter = testEnv.RATE_LIMITER;
    if (limiter === undefined) throw new Error("wrangler.toml binds no RATE_LIMITER");
    const answers = await Promise.all(
      Array.from({ length: 1000 }, () => limiter.limit({ key: "an upload at full speed" })),
    );
    expect(answers.every(({ success }) => success)).toBe(true);
  });
});
