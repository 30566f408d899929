import { describe, expect, test } from "vitest";
import { type GrantClaims, mintGrant, readGrant } from "../../../edge/media/grants.ts";
import { sourceKey } from "../../../edge/media/keys.ts";
import { signOutputUrl } from "../../../edge/media/signed-urls.ts";
import { grantSchema } from "../../../protocol/messages.ts";
import { directSettings, proxiedSettings } from "./local-s3.ts";

const NOW = 1_790_000_000_000;
const settings = proxiedSettings();
const ULID = "01JABCDEFGHJKMNPQRSTVWXYZ0";

const input = {
  key: sourceKey("acme", `vid_${ULID}`),
  etag: "d41d8cd98f00b204e9800998ecf8427e",
  sizeBytes: 123_456_789_012,
  contentType: "video/x-matroska",
};
const claims: GrantClaims = {
  accountId: "acme",
  pool: "default",
  shard: 2,
  jobId: `job_${ULID}`,
  run: 3,
  taskId: `tsk_${ULID}_0`,
  epoch: 7,
  inputs: { in_1: input },
  maxOutputBytes: 10_000_000_000,
  readsParts: false,
};
const tokenOf = (base: string) => base.slice("/v1/leases/".length);

describe("a grant", () => {
  test("gives back its claims until its end, and nothing from then on", async () => {
    const grant = await mintGrant(settings, claims, 45_000, NOW);
    expect(grantSchema.parse(grant)).toEqual(grant);
    expect(grant.expiresInMs).toBe(45_000);
    expect(grant.inputs).toEqual({ in_1: { url: `${grant.base}/inputs/in_1` } });
    const token = tokenOf(grant.base);
    const read = { ...claims, expiresAt: NOW + 45_000 };
    expect(await readGrant(settings, token, NOW)).toEqual(read);
    expect(await readGrant(settings, token, NOW + 44_999)).toEqual(read);
    expect(await readGrant(settings, token, NOW + 45_000)).toBeNull();
  });

  test("is not readable under another secret", async () => {
    const grant = await mintGrant(settings, claims, 45_000, NOW);
    const other = { ...settings, signingSecret: "another-secret-of-length" };
    expect(await readGrant(other, tokenOf(grant.base), NOW)).toBeNull();
  });

  test("is no output URL's token, nor the other way round", async () => {
    const { accountId, jobId, run } = claims;
    const origin = "https://x.test";
    const output = { origin, accountId, jobId, run, isWhole: true, name: "a.mp4", now: NOW };
    const url = new URL(await signOutputUrl(settings, output));
    expect(await readGrant(settings, url.pathname.split("/")[3] ?? "", NOW)).toBeNull();
  });

  test("in direct mode names presigned URLs that end with it, and the base all the same", async () => {
    const grant = await mintGrant(await directSettings(), claims, 45_500, NOW);
    expect(grantSchema.parse(grant)).toEqual(grant);
    const url = new URL(grant.inputs.in_1?.url ?? "");
    expect(url.pathname).toBe(`/cdn-cgi/local/r2/s3/telecine-media/${input.key}`);
    expect(url.searchParams.get("X-Amz-Expires")).toBe("46");
    expect(grant.base).toMatch(/^\/v1\/leases\//);
  });

  test("carries keys of any kind: a source's, the job's own, another job's", async () => {
    const keys = [input.key, `jobs/${claims.jobId}/3/t/1/c.mp4`, "jobs/job_other/1/t/1/c.mp4"];
    const types = ["video/mp4", "audio/mp4", "video/mp4"];
    const inputs = Object.fromEntries(
      keys.map((key, i) => [`in_${i}`, { ...input, key, contentType: types[i] ?? "" }]),
    );
    const grant = await mintGrant(settings, { ...claims, inputs }, 45_000, NOW);
    expect((await readGrant(settings, tokenOf(grant.base), NOW))?.inputs).toEqual(inputs);
  });

  test("for fifty inputs still fits the protocol and reads back", async () => {
    const names = Array.from({ length: 50 }, (_, i) => `in_${i + 1}`);
    const inputs = Object.fromEntries(
      names.map((name, i) => [name, { ...input, key: `${input.key.slice(0, -2)}${10 + i}` }]),
    );
    const grant = await mintGrant(settings, { ...claims, inputs }, 45_000, NOW);
    expect(grantSchema.parse(grant)).toEqual(grant);
    const read = await readGrant(settings, tokenOf(grant.base), NOW);
    expect(read?.inputs).toEqual(inputs);
  });
});
