/** What the tests of a lease's calls share: a lease, calls as its agent makes them, and a pool that notes uploads. */
import { env } from "cloudflare:workers";
import { expect } from "vitest";
import { newId } from "../../../edge/ids.ts";
import { type GrantClaims, mintGrant } from "../../../edge/media/grants.ts";
import { attemptPrefix } from "../../../edge/media/keys.ts";
import { taskIdOf } from "../../../protocol/ids.ts";
import { bytesOf } from "../media/store-conformance.ts";
import { call } from "./harness.ts";
import { appSettings, withPool } from "./output-fixtures.ts";

export const MIB = 1024 * 1024;
export const PART = 16 * MIB;

export interface Leased {
  readonly base: string;
  readonly claims: GrantClaims;
  /** Where the attempt's output of this name is in the store. */
  keyOf(filename: string): string;
}

/** A lease on a fresh job with a source of 1,000 bytes. */
export async function lease(changes: Partial<GrantClaims> = {}, now = Date.now()): Promise<Leased> {
  const jobId = newId("job", Date.now());
  const key = `sources/default/${jobId}`;
  const { etag } = await env.MEDIA.put(key, bytesOf(1000), {});
  const claims: GrantClaims = {
    accountId: "default",
    pool: "gpu",
    shard: 1,
    jobId,
    run: 2,
    taskId: taskIdOf(jobId, 0),
    epoch: 3,
    inputs: { in_1: { key, etag, sizeBytes: 1000, contentType: "video/mp4" } },
    maxOutputBytes: 200 * MIB,
    readsParts: false,
    ...changes,
  };
  const { base } = await mintGrant(appSettings(), claims, 60_000, now);
  return { base, claims, keyOf: (filename) => `${attemptPrefix(claims)}${filename}` };
}

/** A call as an agent makes it: no key. */
export const agent = (path: string, options: Parameters<typeof call>[1] = {}) =>
  call(path, { ...options, key: null });

export function put(path: string, bytes: Uint8Array, headers: Record<string, string> = {}) {
  return agent(path, {
    method: "PUT",
    body: bytes,
    headers: {
      "content-length": String(bytes.byteLength),
      "content-type": "video/mp4",
      ...headers,
    },
  });
}

export const begin = (
  leased: Leased,
  changes: Record<string, unknown> = {},
  edge = recordingPool().env,
) =>
  agent(`${leased.base}/outputs`, {
    json: {
      key: "out_1",
      filename: "result.mp4",
      contentType: "video/mp4",
      sizeBytes: 1000,
      ...changes,
    },
    env: edge,
  });

/** A pool that takes every upload, and what it was told. */
export function recordingPool(status: "ok" | "stale_epoch" = "ok") {
  const recorded: unknown[] = [];
  const pool = withPool({
    recordUpload: async (upload) => {
      recorded.push(upload);
      return { status };
    },
  });
  return { ...pool, recorded };
}

export async function etagOf(response: Promise<Response>): Promise<string> {
  const answer = await response;
  expect(answer.status).toBe(200);
  const { etag } = await answer.json<{ etag: string }>();
  expect(answer.headers.get("etag")).toBe(`"${etag}"`);
  return etag;
}
