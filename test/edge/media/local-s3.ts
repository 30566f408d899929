/** The local runtime's S3 API on the bucket that `MEDIA` binds. */
import { env } from "cloudflare:workers";
import { parseSettings, type Settings } from "../../../edge/env.ts";
import type { S3Access } from "../../../edge/media/s3-store.ts";

declare global {
  namespace Cloudflare {
    interface Env {
      /** Answers with the origin at which the runtime of this test file listens. */
      readonly LOCAL_ORIGIN: Fetcher;
    }
  }
}

const secrets = { ROOT_API_KEY: "r".repeat(32), SIGNING_SECRET: "s".repeat(32) };

export async function localS3(): Promise<S3Access> {
  const origin = await (await env.LOCAL_ORIGIN.fetch("http://local/")).text();
  return {
    endpoint: `${origin}/cdn-cgi/local/r2/s3`,
    bucket: "telecine-media",
    region: "auto",
    accessKeyId: "test-access",
    secretAccessKey: "test-secret",
  };
}

/** Settings in proxied mode. */
export function proxiedSettings(): Settings {
  return parsed(secrets);
}

/** Settings in direct mode, on the local S3 API. */
export async function directSettings(): Promise<Settings> {
  const s3 = await localS3();
  return parsed({
    ...secrets,
    S3_ENDPOINT: s3.endpoint,
    R2_ACCESS_KEY_ID: s3.accessKeyId,
    R2_SECRET_ACCESS_KEY: s3.secretAccessKey,
  });
}

function parsed(values: Record<string, string>): Settings {
  const result = parseSettings(values);
  if (result.status === "invalid") throw new Error(result.detail);
  return result.settings;
}
