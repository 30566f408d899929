import { describe, expect, test } from "vitest";
import { readOutputToken, signOutputUrl } from "../../../edge/media/signed-urls.ts";
import { proxiedSettings } from "./local-s3.ts";

const NOW = 1_790_000_000_000;
const settings = proxiedSettings();
const output = {
  origin: "https://video.example.com",
  accountId: "acme",
  jobId: "job_01JABCDEFGHJKMNPQRSTVWXYZ0",
  run: 2,
  isWhole: true,
  name: "result.m3u8",
  now: NOW,
};

describe("a signed output URL", () => {
  test("binds account, job, run and end, and ends on time", async () => {
    const url = await signOutputUrl(settings, output);
    const [, token = ""] =
      /^https:\/\/video\.example\.com\/v1\/signed\/([^/]+)\/result\.m3u8$/.exec(url) ?? [];
    const expiresAt = NOW + settings.outputUrlTtlSeconds * 1000;
    const claims = { accountId: "acme", jobId: output.jobId, run: 2, isWhole: true, expiresAt };
    expect(await readOutputToken(settings, token, expiresAt - 1)).toEqual(claims);
    expect(await readOutputToken(settings, token, expiresAt)).toBeNull();
  });

  test("resolves a playlist's relative URLs under the same signature", async () => {
    const url = await signOutputUrl(settings, output);
    const relative = new URL("video_720p.m4s", url).toString();
    expect(relative).toBe(await signOutputUrl(settings, { ...output, name: "video_720p.m4s" }));
  });
});
